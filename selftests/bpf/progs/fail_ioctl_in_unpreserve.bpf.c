// SPDX-License-Identifier: GPL-2.0
/* An ioctl where the task may be on its way out */
#include "fail.h"

void LUO_PROG(unpreserve, struct luo_bpf_ctx *luo, struct file *file)
{
	bpf_luo_ioctl_value(file, luo, 0, 0);
}

LUO_HANDLER fail_unpreserve = {
	.compatible = "fail-unpreserve-v1",
	.fops = "eventfd_fops",
	.unpreserve = (void *)luo_unpreserve,
	.preserve = (void *)luo_preserve,
	.retrieve = (void *)luo_retrieve,
};
