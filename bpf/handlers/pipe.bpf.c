// SPDX-License-Identifier: GPL-2.0
/*
 * pipe(2).
 *
 * Survives:	both ends as one pipe, whichever is preserved or retrieved first; what is in it
 *		when the first end is frozen, in order, with packets as packets; how much it
 *		can hold (F_SETPIPE_SZ); and, as for every file, O_NONBLOCK and O_DIRECT of
 *		each end. What was spliced into it comes back as a copy.
 * One end:	is an end of a pipe whose other end is closed, as it is when processes end,
 *		and they do: the reader gets what is in it, and then end-of-file.
 * Does not:	what is written or read on other CPUs between the freeze and the kexec; who
 *		owns it (fstat(2)), and who gets its signals (F_SETOWN).
 * Refused:	at preserve, the other end in another session: EXDEV; an end that was opened
 *		again through /proc, when another file of it is preserved: EEXIST; an end
 *		opened in this way to both read and write, and queues of notifications:
 *		EOPNOTSUPP; a pipe that can hold more than 64 MiB: ENOSPC. At retrieve, one
 *		that is larger than who retrieves it may have: EPERM.
 * Lost:	at the freeze, both ends, and the kexec goes on: when another task is at the
 *		pipe and does not end, as splice(2) that waits for a socket (EBUSY); when the
 *		pipe can hold more than when it was preserved, and there is no memory for what
 *		is in it (ENOMEM), or it is more than 64 MiB (ENOSPC); a page of a file that
 *		can't be read (EIO). The log has a line; retrieve returns that errno.
 * Counts:	for the limits on a user's pipes as one of who retrieves it.
 *
 * State:	struct pipe_state below; version 1. Blob, of the end that was preserved first:
 *		<linux/kho/abi/luo_pipe.h>.
 */
#include "luo_handler.bpf.h"

enum { READ_END, WRITE_END };

struct pipe_state {
	__u64 first;	/* token of the end that was preserved first */
	__u32 slots;	/* how many buffers it can have */
	__u32 ends;	/* mask of those that are preserved */
	__u32 end;	/* which one this is */
	__s32 lost;	/* why it can't come back, found out by freeze; or 0 */
};

static int refuse(struct luo_bpf_ctx *luo, int err)
{
	if (err == -EXDEV)
		luo_report(luo, "the other end is in another session");
	if (err == -EEXIST)
		luo_report(luo, "another file of the same end is preserved already");
	return err;
}

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct pipe_state *state = luo_state(luo, struct pipe_state);
	u32 mode = file->f_mode & (FMODE_READ | FMODE_WRITE);
	u64 first;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	if (mode == (FMODE_READ | FMODE_WRITE)) {
		luo_report(luo, "it was opened again, to both read and write");
		return -EOPNOTSUPP;
	}

	state->end = mode == FMODE_READ ? READ_END : WRITE_END;
	err = bpf_luo_object_join(luo, file->private_data, state->end);
	if (!err)
		err = bpf_luo_object_first(luo, &first);
	if (err)
		return refuse(luo, err);
	return first == luo->token ? bpf_luo_pipe_reserve(luo, file) : 0;
}

/* Both ends are known, if they are preserved. */
int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct pipe_inode_info *pipe = bpf_core_cast(file->private_data, struct pipe_inode_info);
	struct pipe_state *state = luo_state(luo, struct pipe_state);
	u64 first;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	err = bpf_luo_object_first(luo, &first);
	if (err)
		return err;

	state->first = first;
	state->slots = pipe->max_usage;
	state->ends = bpf_luo_object_parts(luo);
	state->lost = 0;
	if (first != luo->token)
		return 0;
	return luo_lost(luo, &state->lost, bpf_luo_pipe_save(luo, file));
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct pipe_state *state = luo_state(luo, struct pipe_state);
	struct file *file;
	int err = 0;

	if (!state)
		return bpf_luo_error(luo);
	if (state->lost)
		return luo_was_lost(luo, state->lost);
	if (state->first == luo->token)
		err = bpf_luo_pipe(luo, state->slots, state->ends);
	if (err)
		return err;

	file = bpf_luo_object_part(luo, state->first, state->end);
	if (!file)
		return bpf_luo_error(luo);
	return bpf_luo_set_file(file, luo);
}

LUO_HANDLER pipe = {
	.compatible = "pipe-v1",
	.fops = "pipeanon_fops",
	.version = 1,
	.min_version = 1,
	.max_bytes = 65 << 20,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
