// SPDX-License-Identifier: GPL-2.0
/* Files of the driver luo_testfh, by what it exports to programs. */
#include "luo_handler.bpf.h"
#include "testfh.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	u64 *state = luo_state(luo, u64);

	if (!state)
		return bpf_luo_error(luo);
	*state = luo_test_file_number(file);
	return 0;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	u64 *state = luo_state(luo, u64);
	struct file *file;

	if (!state)
		return bpf_luo_error(luo);
	file = luo_test_file_make(*state);
	return file ? bpf_luo_set_file(file, luo) : -ENOMEM;
}

LUO_HANDLER testfh = {
	.compatible = "test-driver-v1",
	.fops = "luo_testfh:luo_test_fops",
	.preserve = (void *)luo_preserve,
	.retrieve = (void *)luo_retrieve,
};
