// SPDX-License-Identifier: GPL-2.0
/* An object is made in retrieve. */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return bpf_luo_pipe(luo, 16, 3);
}
