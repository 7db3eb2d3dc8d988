// SPDX-License-Identifier: GPL-2.0
/* A state block that may be NULL */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	*bpf_luo_state(luo, 16) = 1;
	return 0;
}
