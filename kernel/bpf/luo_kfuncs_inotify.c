// SPDX-License-Identifier: GPL-2.0
/*
 * What handlers of the Live Update Orchestrator in BPF can call for inotify files.
 */
#include <linux/btf.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/inotify.h>
#include <linux/kho/abi/luo_bpf_inode.h>
#include <linux/luo_files.h>
#include <linux/path.h>
#include <linux/sched/signal.h>
#include <linux/security.h>

#include "luo_inode.h"
#include "luo_kfuncs.h"

/* Consumes what inotify_next() returned. */
static int luo_watch_save(struct inode *inode, struct luo_bpf_inode_ser *ser)
{
	struct super_block *sb;
	int err;

	/* It is just being unmounted. */
	if (!inode)
		return -ENODEV;

	sb = inode->i_sb;
	err = luo_bpf_inode_save(inode, ser);
	iput(inode);
	deactivate_super(sb);
	return err;
}

/* What inotify_add_watch(2) asks of who has found a file */
static int luo_watch_allowed(const struct path *path, u32 mask)
{
	if (path_permission(path, MAY_READ) ||
	    security_path_notify(path, mask & IN_ALL_EVENTS,
				 FSNOTIFY_OBJ_TYPE_INODE))
		return -EACCES;
	return 0;
}

static int luo_watch_restore(struct luo_bpf_file *bf, struct file *file,
			     struct luo_bpf_watch_ser *ser)
{
	struct dentry *dentry;
	int err;

	/* There may be a million. */
	if (fatal_signal_pending(current))
		return -EINTR;
	if (ser->wd < 1 || ser->reserved)
		return -EINVAL;
	if (ser->gone)
		return ser->gone == -ESTALE || ser->gone == -ENODEV ?
		       ser->gone : -EINVAL;

	dentry = luo_bpf_inode_find(bf, &ser->inode, luo_watch_allowed, ser->mask);
	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	err = inotify_watch(file, d_backing_inode(dentry), ser->mask, ser->wd);
	dput(dentry);
	/* Deleted since it was found. */
	return err == -ENOENT ? -ESTALE : err;
}

__bpf_kfunc_start_defs();

/**
 * bpf_luo_inotify_next - what an inotify file watches, one by one
 * @ctx:       the file that is preserved
 * @file:      it
 * @watch:     a struct luo_bpf_watch_ser. In: all zero, or what was there last; out:
 *             the one that has the next higher watch descriptor, and what its inode is
 *             found again by, or why it can't be
 * @watch__sz: its size
 *
 * One that is removed and added again meanwhile, as by a program that watches for one
 * event at a time, may be seen twice: then the higher one is the one that is there.
 *
 * Context: preserve, freeze.
 * Return: 0, -ENOENT if there is none, -EINVAL for another file or size, -EINTR if the
 * task is being killed.
 */
__bpf_kfunc int bpf_luo_inotify_next(struct luo_bpf_ctx *ctx, struct file *file,
				     void *watch, u32 watch__sz)
{
	struct luo_bpf_watch_ser next;
	struct inode *inode;
	int wd, err;
	u32 mask;

	guard(luo_no_run_ctx)();

	if (watch__sz != sizeof(next))
		return -EINVAL;
	if (fatal_signal_pending(current))
		return -EINTR;
	memcpy(&next, watch, sizeof(next));
	wd = next.wd;
	err = inotify_next(file, &wd, &mask, &inode);
	if (err)
		return err;

	memset(&next, 0, sizeof(next));
	next.wd = wd;
	next.mask = mask;
	next.gone = luo_watch_save(inode, &next.inode);
	memcpy(watch, &next, sizeof(next));
	return 0;
}

/**
 * bpf_luo_inotify - make an inotify file
 * @ctx:     the file that is retrieved
 * @next_wd: the watch descriptor from which on new watches get theirs
 *
 * Context: retrieve.
 * Return: the file, the program's to pass on or put; or NULL, and bpf_luo_error() is
 * -EINVAL for a negative descriptor, -ENOMEM, or with a message -EMFILE if the user who
 * retrieves it has as many as he may have.
 */
__bpf_kfunc struct file *bpf_luo_inotify(struct luo_bpf_ctx *ctx, s32 next_wd)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct file *file;

	if (next_wd < 0)
		return luo_bpf_null(bf, -EINVAL);
	file = inotify_getfile(0, next_wd);
	if (file == ERR_PTR(-EMFILE))
		luo_bpf_message(bf, "over the user's limit, fs.inotify.max_user_instances");
	return luo_bpf_file_or_null(bf, file);
}

/**
 * bpf_luo_inotify_watch - have an inotify file watch an inode again
 * @file:      the inotify file
 * @ctx:       the file that is retrieved
 * @watch:     what bpf_luo_inotify_next() wrote
 * @watch__sz: its size
 *
 * The inode is found in any mount that the task sees, by whatever name. The task must
 * be allowed to read it through one of them, as for inotify_add_watch(2); the way there
 * is not asked about again. The mounts are those of the first call for this file: they
 * can't be unmounted until retrieve ends.
 *
 * Context: retrieve.
 * Return: 0; if it can't be watched any more, -ESTALE because the inode was deleted,
 * -ENODEV because its file system is not there, or more than one with its UUID is, with
 * a line in the log; -EACCES because the task may not read
 * it or does not see that part of its file system, -EEXIST because it has another
 * watch. Or with a message -EINVAL for what is no watch of this file, -ENOSPC if the
 * user has as many as he may have; -ENOMEM, -EINTR if the task is being killed.
 */
__bpf_kfunc int bpf_luo_inotify_watch(struct file *file, struct luo_bpf_ctx *ctx,
				      const void *watch, u32 watch__sz)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct luo_bpf_watch_ser ser;
	int err = -EINVAL;

	guard(luo_no_run_ctx)();

	/* A copy: what is checked is what is used. */
	if (watch__sz == sizeof(ser)) {
		memcpy(&ser, watch, sizeof(ser));
		err = luo_watch_restore(bf, file, &ser);
	}
	if (err == -EINVAL)
		luo_bpf_message(bf, "the record of a watch is damaged");
	if (err == -ENOSPC)
		luo_bpf_message(bf, "over the user's limit, fs.inotify.max_user_watches");
	return err;
}

/**
 * bpf_luo_inotify_event - queue an event that tells of a kexec
 * @file: the inotify file
 * @wd:   of which watch, that need not be there; -1 for IN_Q_OVERFLOW
 * @mask: one of IN_DELETE_SELF, IN_UNMOUNT and IN_IGNORED, or IN_Q_OVERFLOW
 *
 * Where the queue has no room for it, another IN_Q_OVERFLOW is put behind all others.
 *
 * Context: retrieve.
 * Return: 0, -EINVAL for another file or event, -ENOMEM.
 */
__bpf_kfunc int bpf_luo_inotify_event(struct file *file, s32 wd, u32 mask)
{
	return inotify_queue(file, wd, mask);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(luo_inotify_kfunc_ids)
BTF_ID_FLAGS(func, bpf_luo_inotify_next, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_inotify, KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_inotify_watch, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_inotify_event, KF_SLEEPABLE)
BTF_KFUNCS_END(luo_inotify_kfunc_ids)

BTF_SET_START(luo_inotify_save_ids)
BTF_ID(func, bpf_luo_inotify_next)
BTF_SET_END(luo_inotify_save_ids)

BTF_SET_START(luo_inotify_retrieve_ids)
BTF_ID(func, bpf_luo_inotify)
BTF_ID(func, bpf_luo_inotify_watch)
BTF_ID(func, bpf_luo_inotify_event)
BTF_SET_END(luo_inotify_retrieve_ids)

static int luo_inotify_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	static const struct luo_kfunc_sets sets = {
		.all = &luo_inotify_kfunc_ids,
		.preserve = &luo_inotify_save_ids,
		.freeze = &luo_inotify_save_ids,
		.retrieve = &luo_inotify_retrieve_ids,
	};

	return luo_kfunc_check(&sets, prog, kfunc_id);
}

static const struct btf_kfunc_id_set luo_inotify_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &luo_inotify_kfunc_ids,
	.filter = luo_inotify_filter,
};

static int __init luo_inotify_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &luo_inotify_kfunc_set);
}
late_initcall(luo_inotify_kfuncs_init);
