// SPDX-License-Identifier: GPL-2.0
/* A handler for a kernel that is yet to come. */
#include "luo_handler.bpf.h"

extern int LINUX_KERNEL_VERSION __kconfig;
extern int bpf_luo_of_tomorrow(struct luo_bpf_ctx *luo) __ksym;

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return LINUX_KERNEL_VERSION ? bpf_luo_of_tomorrow(luo) : 0;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	return 0;
}

LUO_HANDLER tomorrow = {
	.compatible = "tomorrow-v1",
	.fops = "tomorrow_fops",
	.version = 3,
	.min_version = 2,
	.max_bytes = 4096,
	.preserve = (void *)luo_preserve,
	.retrieve = (void *)luo_retrieve,
};
