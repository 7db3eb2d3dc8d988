// SPDX-License-Identifier: GPL-2.0
/*
 * FIFOs: named pipes, by path.
 *
 * Survives:	the open end, or both as one file (O_RDWR); what is in it, in order, with packets
 *		as packets; how much it can hold (F_SETPIPE_SZ). Ends of one FIFO find each other
 *		by its name, in whatever order they are retrieved, and so do those who open it
 *		anew. An end whose other end is not there is as if that had been closed: a writer
 *		gets EPIPE, a reader what is in it and then end-of-file.
 * With one:	of its files that are preserved, in whatever sessions, the one that is frozen
 *		first has what is in it and how much it can hold. What is in it is there from when
 *		that is retrieved, in front of what others have written by then; and goes with it
 *		if it never is.
 * Does not:	what is written or read on other CPUs between the freeze and the kexec.
 * Refused:	preserve: as of regular files: one that was deleted, that no path leads to, or
 *		that is not on a disk, as in /run.
 *		retrieve: another file of that name.
 * Lost:	at the freeze, the one with what is in it, and the kexec goes on: when another
 *		task is at it and does not end (EBUSY), and when there is no memory for what is
 *		in it (ENOMEM), or it is more than 64 MiB (ENOSPC). The log has a line; retrieve
 *		returns that errno. No memory is kept for it before: most are empty.
 *
 * State:	struct fifo_state below; version 2. Blob: <linux/kho/abi/luo_pipe.h>. Version 1 had
 *		only the path.
 */
#include "luo_path.bpf.h"

#define O_ACCMODE	3
#define O_WRONLY	1
#define O_NONBLOCK	04000

struct fifo_state {
	struct luo_path path;
	__u32 slots;	/* how many buffers it can have; 0 if another file has what is in it */
	__s32 lost;	/* why that can't come back, found out by freeze; or 0 */
};

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct fifo_state *state = luo_state(luo, struct fifo_state);

	if (!state)
		return bpf_luo_error(luo);
	return luo_path_preserve(luo, file, &state->path);
}

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct pipe_inode_info *pipe = bpf_core_cast(file->private_data, struct pipe_inode_info);
	struct fifo_state *state = luo_state(luo, struct fifo_state);
	int err;

	if (!state)
		return bpf_luo_error(luo);
	state->slots = 0;
	state->lost = 0;
	err = luo_path_freeze(luo, file, &state->path);
	if (err || state->path.lost)
		return err;
	err = bpf_luo_object_claim(luo, file->private_data);
	if (err == -EBUSY)
		return bpf_luo_blob_resize(luo, 0);
	state->slots = pipe->max_usage;
	return luo_lost(luo, &state->lost, err ?: bpf_luo_pipe_save(luo, file));
}

/* To open an end does not wait for the other one here. */
static int restore(struct luo_bpf_ctx *luo, const struct fifo_state *state)
{
	struct file *file;
	int err;

	file = luo_path_open(luo, &state->path, luo->f_flags | O_NONBLOCK, &err);
	if (!file)
		return err;
	if (state->slots)
		err = bpf_luo_pipe_fill(file, luo, state->slots);
	if (err) {
		bpf_luo_put_file(file, luo);
		return err;
	}
	return bpf_luo_set_file(file, luo);
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct fifo_state *state = luo_state(luo, struct fifo_state);
	struct file *reader;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	if (state->lost)
		return luo_was_lost(luo, state->lost);
	if ((luo->f_flags & O_ACCMODE) != O_WRONLY)
		return restore(luo, state);

	/* A writer needs a reader for the moment: the retriever must be allowed to be one. */
	reader = luo_path_open(luo, &state->path, (luo->f_flags & ~O_ACCMODE) | O_NONBLOCK, &err);
	if (!reader)
		return err;
	err = restore(luo, state);
	bpf_luo_put_file(reader, luo);
	return err;
}

LUO_HANDLER fifo = {
	.compatible = "fifo-v1",
	.fops = "pipefifo_fops",
	.version = 2,
	.min_version = 2,
	.max_bytes = 65 << 20,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
