// SPDX-License-Identifier: GPL-2.0
/*
 * Character devices that have nothing to keep but which one they are: null, zero, full,
 * random, urandom and kmsg, by path and device number.
 *
 * Survives:	the device, the access mode, O_NONBLOCK, O_APPEND. A reader of kmsg goes on with
 *		the log of the next kernel, from its first record on, for all of it is new.
 * Does not:	of kmsg the records of the old kernel that were not read.
 * Refused:	preserve: a device whose node was deleted or that no path from the preserver's
 *		root leads to, as where a service has a /dev of its own.
 *		retrieve: if another device, or none, is there, or the retriever may not open it.
 *
 * State:	struct chardev_state below; version 1.
 */
#include "luo_path.bpf.h"

struct chardev_state {
	struct luo_path path;
};

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct chardev_state *state = luo_state(luo, struct chardev_state);

	if (!state)
		return bpf_luo_error(luo);
	return luo_path_preserve(luo, file, &state->path);
}

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct chardev_state *state = luo_state(luo, struct chardev_state);

	if (!state)
		return bpf_luo_error(luo);
	return luo_path_freeze(luo, file, &state->path);
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct chardev_state *state = luo_state(luo, struct chardev_state);
	struct file *file;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	file = luo_path_open(luo, &state->path, luo->f_flags, &err);
	return file ? bpf_luo_set_file(file, luo) : err;
}

LUO_HANDLER chardev = {
	.compatible = "chardev-v1",
	.fops = "null_fops zero_fops full_fops random_fops urandom_fops kmsg_fops",
	.version = 1,
	.min_version = 1,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
