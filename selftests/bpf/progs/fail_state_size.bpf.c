// SPDX-License-Identifier: GPL-2.0
/* A state block whose size is not constant */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return bpf_luo_state(luo, luo->token & 15) ? 0 : bpf_luo_error(luo);
}
