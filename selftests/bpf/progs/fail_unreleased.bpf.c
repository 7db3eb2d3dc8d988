// SPDX-License-Identifier: GPL-2.0
/* A file that nobody gets */
#define OWN_RETRIEVE
#include "fail.h"

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct file *file = bpf_luo_eventfd(luo, 0, 0);

	return file ? 0 : bpf_luo_error(luo);
}
