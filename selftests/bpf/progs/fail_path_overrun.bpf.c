// SPDX-License-Identifier: GPL-2.0
/* A path into more room than there is */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	u8 *state = bpf_luo_state(luo, 128);

	return state ? bpf_luo_path(luo, file, state, 129) : bpf_luo_error(luo);
}
