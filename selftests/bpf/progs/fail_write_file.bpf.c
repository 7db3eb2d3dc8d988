// SPDX-License-Identifier: GPL-2.0
/* A write to the file */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	file->f_flags = 0;
	return 0;
}
