// SPDX-License-Identifier: GPL-2.0
/* A part that joins when others may have been frozen */
#include "fail.h"

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	return bpf_luo_object_join(luo, file->private_data, 0);
}

int luo_freeze(unsigned long long *args);

LUO_HANDLER fail_freeze = {
	.compatible = "fail-freeze-v1",
	.fops = "eventfd_fops",
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
