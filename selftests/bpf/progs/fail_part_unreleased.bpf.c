// SPDX-License-Identifier: GPL-2.0
/* A part is a file of the program's until it passes it on. */
#define OWN_RETRIEVE
#include "fail.h"

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct file *file = bpf_luo_object_part(luo, luo->token, 0);

	return file ? 0 : bpf_luo_error(luo);
}
