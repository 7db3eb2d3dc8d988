// SPDX-License-Identifier: GPL-2.0
/* Files of a driver that may come and go, with nothing taken from it but its device. */
#include "luo_handler.bpf.h"

#define O_RDWR 2

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return 0;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	char path[] = "/dev/luo_test";
	struct file *file = bpf_luo_open(luo, path, sizeof(path), O_RDWR);

	return file ? bpf_luo_set_file(file, luo) : bpf_luo_error(luo);
}

LUO_HANDLER testfh_path = {
	.compatible = "test-path-v1",
	.fops = "luo_testfh:luo_test_fops",
	.preserve = (void *)luo_preserve,
	.retrieve = (void *)luo_retrieve,
};
