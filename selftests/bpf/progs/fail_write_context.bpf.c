// SPDX-License-Identifier: GPL-2.0
/* A write to the context */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	luo->token = 0;
	return 0;
}
