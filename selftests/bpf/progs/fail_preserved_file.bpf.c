// SPDX-License-Identifier: GPL-2.0
/* The preserved file is not the handler's to put */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	bpf_luo_put_file(file, luo);
	return 0;
}
