// SPDX-License-Identifier: GPL-2.0
/*
 * Regular files and directories, by path.
 *
 * Survives:	the open file: access mode, position, O_APPEND, O_NONBLOCK, O_DIRECT, O_NOATIME,
 *		O_SYNC, O_DSYNC. What is in it is the file system's, which writes back what
 *		this descriptor may have written when it is preserved and when it is frozen.
 *		Locks by flock(2) and F_OFD_SETLK, as they are when it is frozen: it comes back with
 *		them, or later (EAGAIN) if somebody else has such a lock by then.
 *		A file that is renamed meanwhile comes back by its new name. The position in
 *		a directory is the file system's own number: valid as long as nothing is made
 *		or deleted there.
 * Does not:	what is written later than the freeze, and what is written by others and not
 *		synced: call sync(2). Locks of processes (F_SETLK), who end; locks do not keep
 *		others out between the kexec and retrieve. Advice (posix_fadvise(2)), O_ASYNC and
 *		who gets its signal.
 * Refused:	preserve: a file that was deleted or made by O_TMPFILE, that no path from the
 *		preserver's root leads to, whose path has more than 2047 characters, or that is on
 *		a file system that is not on a device, or without identities to export:
 *		tmpfs, proc, overlayfs, NFS and the like; one whose path leads through a file
 *		system that a program serves (FUSE) or that was mounted in a user namespace.
 *		One with a lease (F_SETLEASE), or with more than 38 locks. (O_PATH is refused by
 *		the kernel.)
 *		retrieve: a file that was deleted or replaced, before the kexec or behind it,
 *		or that the retriever may not open so.
 *
 * Lost:	at the freeze, for the same reasons, because it can't be written back, or another
 *		task is in the middle of a write that does not end (EBUSY): the kexec goes on,
 *		the log has a line, and retrieve returns that errno.
 *
 * The file system must be mounted again where it was before files are retrieved. While they
 * are preserved, it can't be unmounted, nor made read-only if one is open for writing.
 *
 * State:	struct file_state below; version 1.
 *
 * File systems have file_operations of their own, too many to name. This handler is asked
 * about files that no handler has claimed by name, and takes each regular file and each
 * directory that can have a path.
 */
#include "luo_path.bpf.h"

#define O_ACCMODE	3
#define SB_KERNMOUNT	(1 << 22)

#define LOCKS_ROOM	(8 + 38 * 24)	/* struct luo_bpf_locks_ser */

struct file_state {
	struct luo_path path;
	__u8 locks[LOCKS_ROOM];
};

/* Files inside of the kernel, as memfds are, are seen by nobody else: left to others. */
int LUO_PROG(can_preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct inode *inode = file->f_inode;
	__u32 type = inode->i_mode & S_IFMT;

	return (type == S_IFREG || type == S_IFDIR) && !(inode->i_sb->s_flags & SB_KERNMOUNT);
}

/* What was written here; directories are synced by who changes them. */
static int write_back(struct luo_bpf_ctx *luo, struct file *file)
{
	return luo->f_flags & O_ACCMODE ? bpf_luo_sync(luo, file) : 0;
}

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct file_state *state = luo_state(luo, struct file_state);
	int err;

	if (!state)
		return bpf_luo_error(luo);
	err = luo_path_preserve(luo, file, &state->path);
	if (err)
		return err;
	err = bpf_luo_locks(luo, file, state->locks, sizeof(state->locks));
	if (err)
		return err;
	err = write_back(luo, file);
	if (err)
		luo_report(luo, "its data can't be written");
	return err;
}

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct file_state *state = luo_state(luo, struct file_state);
	int err;

	if (!state)
		return bpf_luo_error(luo);
	err = luo_path_freeze(luo, file, &state->path);
	if (err || state->path.lost)
		return err;
	err = bpf_luo_locks(luo, file, state->locks, sizeof(state->locks));
	if (!err) {
		err = write_back(luo, file);
		if (err)
			luo_report(luo, "its data can't be written");
	}
	return luo_lost(luo, &state->path.lost, err);
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct file_state *state = luo_state(luo, struct file_state);
	struct file *file;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	file = luo_path_open(luo, &state->path, luo->f_flags, &err);
	if (!file)
		return err;
	err = bpf_luo_relock(file, luo, state->locks, sizeof(state->locks));
	if (err) {
		bpf_luo_put_file(file, luo);
		return err;
	}
	return bpf_luo_set_file(file, luo);
}

LUO_HANDLER file = {
	.compatible = "file-v1",
	.version = 1,
	.min_version = 1,
	.can_preserve = (void *)luo_can_preserve,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
