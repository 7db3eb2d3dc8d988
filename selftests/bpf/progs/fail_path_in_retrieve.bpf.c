// SPDX-License-Identifier: GPL-2.0
/* The path of a file that retrieve has made */
#define OWN_RETRIEVE
#include "fail.h"

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct file *file = bpf_luo_eventfd(luo, 0, 0);
	char mem[128];

	if (!file)
		return bpf_luo_error(luo);
	bpf_luo_path(luo, file, mem, sizeof(mem));
	return bpf_luo_set_file(file, luo);
}
