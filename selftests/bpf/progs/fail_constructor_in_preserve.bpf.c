// SPDX-License-Identifier: GPL-2.0
/* A kfunc of retrieve in preserve */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct file *other = bpf_luo_eventfd(luo, 0, 0);

	if (other)
		bpf_luo_put_file(other, luo);
	return 0;
}
