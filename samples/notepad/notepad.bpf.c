// SPDX-License-Identifier: GPL-2.0
/*
 * Notepads: /dev/notepad of the module notepad.
 *
 * Survives:	title, counter, and what is on the page, as they are when the file is frozen.
 * Does not:	mappings of the page: map it again. The device's number is a new one.
 * Refused:	nothing.
 *
 * State:	struct notepad_state below, and the page as the blob; version 1.
 *
 * All of it goes through ioctls that any program may call, so the handler is as safe as one,
 * and needs to know nothing about the inside of the driver.
 */
#include "luo_handler.bpf.h"
#include "notepad.h"

/* The part is no more than a buffer, for which a program's stack is too small. */
struct notepad_state {
	struct notepad_info info;
	struct notepad_part part;
};

static int save_page(struct luo_bpf_ctx *luo, struct file *file, struct notepad_part *part)
{
	int err = bpf_luo_blob_resize(luo, NOTEPAD_BYTES);

	for (__u32 at = 0; !err && at < NOTEPAD_BYTES; at += NOTEPAD_PART) {
		part->offset = at;
		part->reserved = 0;
		err = bpf_luo_ioctl(file, luo, NOTEPAD_GET_PART, part, sizeof(*part));
		if (!err)
			err = bpf_luo_blob_write(luo, at, part->bytes, sizeof(part->bytes));
	}
	return err;
}

static int save(struct luo_bpf_ctx *luo, struct file *file)
{
	struct notepad_state *state = luo_state(luo, struct notepad_state);
	int err;

	if (!state)
		return bpf_luo_error(luo);
	err = bpf_luo_ioctl(file, luo, NOTEPAD_GET_INFO, &state->info, sizeof(state->info));
	return err ?: save_page(luo, file, &state->part);
}

/* All memory is taken now, so that freeze does not lack it. */
int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return save(luo, file);
}

/* The page could be written to until now. */
int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	return save(luo, file);
}

static int restore(struct luo_bpf_ctx *luo, struct file *file, struct notepad_state *state)
{
	int err = bpf_luo_ioctl(file, luo, NOTEPAD_SET_INFO, &state->info, sizeof(state->info));

	for (__u32 at = 0; !err && at < NOTEPAD_BYTES; at += NOTEPAD_PART) {
		struct notepad_part *part = &state->part;

		part->offset = at;
		part->reserved = 0;
		err = bpf_luo_blob_read(luo, at, part->bytes, sizeof(part->bytes));
		if (!err)
			err = bpf_luo_ioctl(file, luo, NOTEPAD_SET_PART, part, sizeof(*part));
	}
	return err;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct notepad_state *state = luo_state(luo, struct notepad_state);
	char path[] = "/dev/notepad";
	struct file *file;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	file = bpf_luo_open(luo, path, sizeof(path), luo->f_flags & 3);
	if (!file) {
		luo_report(luo, "/dev/notepad can't be opened: load the module first");
		return bpf_luo_error(luo);
	}
	err = restore(luo, file, state);
	if (err) {
		luo_report(luo, "a notepad does not take what was on it");
		bpf_luo_put_file(file, luo);
		return err;
	}
	return bpf_luo_set_file(file, luo);
}

LUO_HANDLER notepad = {
	.compatible = "notepad-v1",
	.fops = "notepad:notepad_fops",
	.version = 1,
	.min_version = 1,
	.ioctls = { NOTEPAD_GET_INFO, NOTEPAD_SET_INFO, NOTEPAD_GET_PART, NOTEPAD_SET_PART },
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
