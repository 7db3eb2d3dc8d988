// SPDX-License-Identifier: GPL-2.0
/* A file that was opened and given to nobody */
#define OWN_RETRIEVE
#include "fail.h"

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	char mem[128] = {};

	return bpf_luo_open_same(luo, mem, sizeof(mem), 0) ? 0 : bpf_luo_error(luo);
}
