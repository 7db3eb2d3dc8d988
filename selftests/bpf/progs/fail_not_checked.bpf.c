// SPDX-License-Identifier: GPL-2.0
/* A file that may be NULL */
#define OWN_RETRIEVE
#include "fail.h"

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	return bpf_luo_set_file(bpf_luo_eventfd(luo, 0, 0), luo);
}
