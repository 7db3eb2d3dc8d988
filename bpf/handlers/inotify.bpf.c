// SPDX-License-Identifier: GPL-2.0
/*
 * inotify_init(2).
 *
 * Survives:	every watch of a file or directory on a disk, with its watch descriptor, its
 *		events, IN_ONESHOT and IN_EXCL_UNLINK: of the inode that was watched, whatever
 *		its names are, and wherever its file system, or a part of it that has the
 *		inode, is mounted when the inotify file is retrieved. A new watch gets a
 *		descriptor that none had before.
 * Events:	the first is IN_Q_OVERFLOW, as after any loss: look again. It stands for those
 *		that were not read, and for what happened since the freeze. Then come the ends
 *		below. Where these are more than there is room for, as with any events
 *		(fs.inotify.max_queued_events), the last event is another
 *		IN_Q_OVERFLOW: watches of which nothing was told may have ended, too, and to
 *		add all again gives those that had a new descriptor.
 * Ends:	watches whose inode is not found again end as they do without a kexec. Deleted:
 *		IN_DELETE_SELF, if that is one of the watch's events, and IN_IGNORED. In
 *		memory (tmpfs, proc, sysfs), on a file system without handles that last or
 *		without a UUID (overlayfs, NFS, FAT, FUSE, squashfs), on one that is not mounted
 *		where it is retrieved, or that is mounted beside another one with its UUID (a
 *		copy, a snapshot), which the log says: IN_UNMOUNT and IN_IGNORED. Not readable
 *		by who retrieves it, or not below a directory that is mounted there:
 *		IN_IGNORED. The log of both kernels says how many.
 * Rights:	who retrieves it must be allowed to read what is watched, as who watched it.
 *		He need not be allowed to pass or to read the directories on the way: it is not
 *		he who walks there, as when an inotify file is passed to another process.
 * Does not:	events that were not read, IN_IGNORED of a watch that had ended before among
 *		them; O_ASYNC.
 * Refused:	preserve: more than 1,100,000 watches: ENOSPC. retrieve: over the limits of who
 *		retrieves it: EMFILE (fs.inotify.max_user_instances), ENOSPC
 *		(max_user_watches); it can be repeated.
 * Lost:	with more watches than that at the freeze, or no memory for those added since
 *		it was preserved (ENOMEM): the kexec goes on, the log has a line, and retrieve
 *		returns that errno.
 *
 * A file system that is to be found must be mounted before the inotify file is retrieved,
 * and can't be unmounted until it is. If only a copy of it is, that is taken for it.
 * FUSE and squashfs are not in the kernels of the tests, which use tmpfs and an ext2
 * without a UUID.
 *
 * State:	struct inotify_state below, and struct luo_bpf_watch_ser, one by one, as blob;
 *		version 1.
 */
#include "luo_handler.bpf.h"

#define EACCES		13
#define ENODEV		19
#define ESTALE		116

#define IN_DELETE_SELF	0x0400
#define IN_UNMOUNT	0x2000
#define IN_Q_OVERFLOW	0x4000
#define IN_IGNORED	0x8000

#define GROW 32		/* by so many as fit into a page, not one by one */

/* So many fit into max_bytes. */
const volatile __u32 max_watches = 1100000;

struct inotify_state {
	__u32 watches;
	__u32 gone;		/* of these, at the freeze, and then at the last retrieve */
	__s32 next_wd;
	__s32 lost;		/* why it can't come back, found out by freeze; or 0 */
};

static void notice(struct luo_bpf_ctx *luo, const struct inotify_state *state)
{
	char text[96] = {};

	if (!state->gone)
		return;
	BPF_SNPRINTF(text, sizeof(text), "%u of %u watches end: what they watch is not found again",
		     state->gone, state->watches);
	bpf_luo_notice(luo, text, sizeof(text));
}

static int save(struct luo_bpf_ctx *luo, struct inotify_state *state,
		struct luo_bpf_watch_ser *watch)
{
	__u32 n = state->watches;
	int err = 0;

	if ((n + 1) * sizeof(*watch) > bpf_luo_blob_size(luo))
		err = bpf_luo_blob_resize(luo, (n + GROW) * sizeof(*watch));
	if (err)
		return err;
	if (watch->gone)
		state->gone++;
	state->watches = n + 1;
	return bpf_luo_blob_write(luo, n * sizeof(*watch), watch, sizeof(*watch));
}

static int save_all(struct luo_bpf_ctx *luo, struct file *file, struct inotify_state *state)
{
	struct fsnotify_group *group = bpf_core_cast(file->private_data, struct fsnotify_group);
	struct luo_bpf_watch_ser watch = {};
	__u32 i;
	int err = 0;

	state->watches = 0;
	state->gone = 0;
	state->lost = 0;
	bpf_for(i, 0, max_watches + 1) {
		err = bpf_luo_inotify_next(luo, file, &watch, sizeof(watch));
		if (!err && i == max_watches) {
			luo_report(luo, "it has more watches than can be carried over");
			err = -ENOSPC;
		}
		if (!err)
			err = save(luo, state, &watch);
		if (err)
			break;
	}
	/* Last: behind all that were seen. Behind the highest that there can be it is 1 again. */
	state->next_wd = group->inotify_data.idr.idr_next;
	if (state->next_wd < 0)
		state->next_wd = 0;
	return err == -ENOENT ? 0 : err;
}

/* Memory for the watches that there are */
int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct inotify_state *state = luo_state(luo, struct inotify_state);

	return state ? save_all(luo, file, state) : bpf_luo_error(luo);
}

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct inotify_state *state = luo_state(luo, struct inotify_state);
	int err;

	if (!state)
		return bpf_luo_error(luo);
	err = save_all(luo, file, state);
	if (!err)
		err = bpf_luo_blob_resize(luo, state->watches * sizeof(struct luo_bpf_watch_ser));
	if (err)
		return luo_lost(luo, &state->lost, err);
	notice(luo, state);
	return 0;
}

/* The events that such a watch ends with */
static int end(struct file *file, const struct luo_bpf_watch_ser *watch, int why)
{
	int err = 0;

	if (why == -ENODEV)
		err = bpf_luo_inotify_event(file, watch->wd, IN_UNMOUNT);
	if (why == -ESTALE && watch->mask & IN_DELETE_SELF)
		err = bpf_luo_inotify_event(file, watch->wd, IN_DELETE_SELF);
	return err ?: bpf_luo_inotify_event(file, watch->wd, IN_IGNORED);
}

static int restore(struct luo_bpf_ctx *luo, struct inotify_state *state, struct file *file,
		   __u32 n)
{
	struct luo_bpf_watch_ser watch;
	int err;

	err = bpf_luo_blob_read(luo, n * sizeof(watch), &watch, sizeof(watch));
	if (err)
		return err;
	err = bpf_luo_inotify_watch(file, luo, &watch, sizeof(watch));
	switch (err) {
	case -ESTALE:
	case -ENODEV:
	case -EACCES:
	case -EEXIST:
		state->gone++;
		return end(file, &watch, err);
	}
	return err;
}

/* The highest first: of two watches of one inode it is the one that was there last. */
static int restore_all(struct luo_bpf_ctx *luo, struct inotify_state *state, struct file *file)
{
	__u32 i;
	int err;

	state->gone = 0;
	err = bpf_luo_inotify_event(file, -1, IN_Q_OVERFLOW);
	if (err)
		return err;
	bpf_for(i, 0, state->watches) {
		err = restore(luo, state, file, state->watches - 1 - i);
		if (err)
			break;
	}
	if (!err)
		notice(luo, state);
	return err;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct inotify_state *state = luo_state(luo, struct inotify_state);
	struct file *file;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	if (state->lost)
		return luo_was_lost(luo, state->lost);
	if (bpf_luo_blob_size(luo) != state->watches * sizeof(struct luo_bpf_watch_ser) ||
	    state->next_wd < 0) {
		luo_report(luo, "not the state of an inotify file");
		return -EUCLEAN;
	}

	file = bpf_luo_inotify(luo, state->next_wd);
	if (!file)
		return bpf_luo_error(luo);
	err = restore_all(luo, state, file);
	if (err) {
		bpf_luo_put_file(file, luo);
		return err;
	}
	return bpf_luo_set_file(file, luo);
}

LUO_HANDLER inotify = {
	.compatible = "inotify-v1",
	.fops = "inotify_fops",
	.version = 1,
	.min_version = 1,
	.max_bytes = 128 << 20,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
