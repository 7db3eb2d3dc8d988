// SPDX-License-Identifier: GPL-2.0
/* Opening a file while one is preserved */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	char mem[128] = {};
	struct file *other = bpf_luo_open_same(luo, mem, sizeof(mem), 0);

	if (other)
		bpf_luo_put_file(other, luo);
	return 0;
}
