// SPDX-License-Identifier: GPL-2.0
/* The file that is preserved stays as it is. */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	int one = 1;

	return bpf_luo_sock_setopt(file, 16, &one, sizeof(one));
}
