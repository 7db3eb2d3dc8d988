// SPDX-License-Identifier: GPL-2.0
/*
 * FIFOs: named pipes, by path.
 *
 * Survives:	the open end, or both as one file (O_RDWR). Ends of one FIFO find each other by its
 *		name, in whatever order they are retrieved, and so do those who open it anew. An
 *		end whose other end is not there is as if that had been closed: a writer gets
 *		EPIPE, a reader end-of-file.
 * Does not:	its size, if that was set (F_SETPIPE_SZ).
 * Refused:	preserve: as of regular files: one that was deleted, that no path leads to, or
 *		that is not on a disk, as in /run.
 *		retrieve: one in which something was left when it was frozen; another file of that
 *		name. What comes by a FIFO is no longer known to who sent it, so it is not
 *		dropped without a word.
 *
 * State:	struct fifo_state below; version 1.
 */
#include "luo_path.bpf.h"

#define O_ACCMODE	3
#define O_WRONLY	1
#define O_NONBLOCK	04000

struct fifo_state {
	struct luo_path path;
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

	if (!state)
		return bpf_luo_error(luo);
	luo_path_freeze(luo, file, &state->path);
	if (!state->path.lost && pipe->head != pipe->tail)
		state->path.lost = -EBUSY;
	return 0;
}

/*
 * To open an end does not wait for the other one here. A writer needs a reader for the
 * moment: that is the retriever, who must be allowed to be one.
 */
static struct file *open_end(struct luo_bpf_ctx *luo, const struct luo_path *path, int *err)
{
	__u32 flags = luo->f_flags | O_NONBLOCK;
	struct file *reader, *file;

	if ((luo->f_flags & O_ACCMODE) != O_WRONLY)
		return luo_path_open(luo, path, flags, err);
	reader = luo_path_open(luo, path, (flags & ~O_ACCMODE), err);
	if (!reader)
		return NULL;
	file = luo_path_open(luo, path, flags, err);
	bpf_luo_put_file(reader, luo);
	return file;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct fifo_state *state = luo_state(luo, struct fifo_state);
	struct file *file;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	if (state->path.lost == -EBUSY) {
		luo_report(luo, "something was left in the FIFO that nobody had read");
		return -EBUSY;
	}
	file = open_end(luo, &state->path, &err);
	return file ? bpf_luo_set_file(file, luo) : err;
}

LUO_HANDLER fifo = {
	.compatible = "fifo-v1",
	.fops = "pipefifo_fops",
	.version = 1,
	.min_version = 1,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
