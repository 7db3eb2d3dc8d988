// SPDX-License-Identifier: GPL-2.0
/* Has no state, and no idea how to make a file again: for who looks at what it takes. */
#include "luo_handler.bpf.h"
#include "any.h"

struct any_control any;

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	/* Of the files in the tests, an eventfd has something here, /dev/null nothing. */
	if (!file->private_data && !any.takes_null)
		any.wrong++;
	any.preserved++;
	return 0;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	return -EOPNOTSUPP;
}

LUO_HANDLER any_handler = {
	.compatible = "test-any-v1",
	.fops = "eventfd_fops",
	.preserve = (void *)luo_preserve,
	.retrieve = (void *)luo_retrieve,
};
