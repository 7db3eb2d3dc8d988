// SPDX-License-Identifier: GPL-2.0
/* What was in a pipe is put back in retrieve. */
#define OWN_FREEZE
#include "fail.h"

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	return bpf_luo_pipe_fill(file, luo, 16);
}
