// SPDX-License-Identifier: GPL-2.0
/* A write beyond the state block */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	u8 *state = bpf_luo_state(luo, 16);

	if (!state)
		return bpf_luo_error(luo);
	*(u64 *)(state + 12) = 1;
	return 0;
}
