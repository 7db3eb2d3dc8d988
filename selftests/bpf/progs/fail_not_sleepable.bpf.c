// SPDX-License-Identifier: GPL-2.0
/* A callback that can't sleep */
#define OWN_PRESERVE
#include "fail.h"

SEC("struct_ops/preserve")
int BPF_PROG(luo_preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return 0;
}
