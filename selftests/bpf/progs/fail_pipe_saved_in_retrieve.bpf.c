// SPDX-License-Identifier: GPL-2.0
/* There is nothing to save in retrieve. */
#define OWN_RETRIEVE
#include "fail.h"

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct file *file = bpf_luo_eventfd(luo, 0, 0);

	if (!file)
		return bpf_luo_error(luo);
	bpf_luo_pipe_save(luo, file);
	return bpf_luo_set_file(file, luo);
}
