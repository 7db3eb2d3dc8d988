// SPDX-License-Identifier: GPL-2.0
/* What was in a pipe is put back in retrieve. */
#include "fail.h"

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	return bpf_luo_pipe_fill(file, luo, 16);
}

int luo_freeze(unsigned long long *args);

LUO_HANDLER fail_freeze = {
	.compatible = "fail-freeze-v1",
	.fops = "eventfd_fops",
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
