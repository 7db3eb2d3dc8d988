// SPDX-License-Identifier: GPL-2.0
/*
 * What file handlers of the Live Update Orchestrator in BPF can call to have a file
 * keep its locks.
 *
 * The locks here are those of the open file description: of flock(2), and of fcntl(2)
 * those by F_OFD_SETLK. It has them until it is closed, whoever has descriptors for it.
 */
#include <linux/btf.h>
#include <linux/filelock.h>
#include <linux/fs.h>
#include <linux/kho/abi/luo_bpf_file.h>
#include <linux/overflow.h>
#include <linux/security.h>
#include <linux/slab.h>

#include "luo_kfuncs.h"

struct luo_bpf_locks {
	struct luo_bpf_locks_ser *ser;
	u32 room;
	u32 found;
};

static void luo_bpf_lock_add(struct luo_bpf_locks *locks, u32 kind,
			     const struct file_lock *fl)
{
	struct luo_bpf_lock_ser *ser = &locks->ser->locks[locks->found];

	if (locks->found++ >= locks->room)
		return;
	ser->kind = kind;
	ser->write = fl->c.flc_type == F_WRLCK;
	ser->start = fl->fl_start;
	ser->end = fl->fl_end;
}

/* Whether the file has none but those that can be recorded */
static bool luo_bpf_locks_find(struct file *file, struct luo_bpf_locks *locks)
{
	struct file_lock_context *ctx = locks_inode_context(file_inode(file));
	struct file_lock_core *flc;
	struct file_lock *fl;

	if (!ctx)
		return true;
	guard(spinlock)(&ctx->flc_lock);

	list_for_each_entry(flc, &ctx->flc_lease, flc_list) {
		if (flc->flc_file == file)
			return false;
	}
	list_for_each_entry(fl, &ctx->flc_flock, c.flc_list) {
		if (fl->c.flc_file == file)
			luo_bpf_lock_add(locks, LUO_BPF_LOCK_FLOCK, fl);
	}
	list_for_each_entry(fl, &ctx->flc_posix, c.flc_list) {
		if (fl->c.flc_file == file && fl->c.flc_flags & FL_OFDLCK)
			luo_bpf_lock_add(locks, LUO_BPF_LOCK_OFD, fl);
	}
	return true;
}

static bool luo_bpf_lock_ok(const struct luo_bpf_lock_ser *ser)
{
	if (ser->write > 1)
		return false;
	if (ser->kind == LUO_BPF_LOCK_FLOCK)
		return !ser->start && ser->end == OFFSET_MAX;
	return ser->kind == LUO_BPF_LOCK_OFD && ser->start >= 0 &&
	       ser->end >= ser->start;
}

/* What was recorded, as flock(2) and fcntl(2) would make it */
static int luo_bpf_lock_take(struct file *file,
			     const struct luo_bpf_lock_ser *ser)
{
	struct file_lock fl;
	int err;

	if (ser->kind == LUO_BPF_LOCK_OFD &&
	    !(file->f_mode & (ser->write ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;

	locks_init_lock(&fl);
	fl.c.flc_file = file;
	fl.c.flc_owner = file;
	fl.c.flc_pid = current->tgid;
	fl.c.flc_type = ser->write ? F_WRLCK : F_RDLCK;
	fl.fl_start = ser->start;
	fl.fl_end = ser->end;

	err = security_file_lock(file, fl.c.flc_type);
	if (!err && ser->kind == LUO_BPF_LOCK_OFD) {
		fl.c.flc_flags = FL_POSIX | FL_OFDLCK;
		err = vfs_lock_file(file, F_SETLK, &fl, NULL);
	} else if (!err) {
		fl.c.flc_flags = FL_FLOCK;
		err = file->f_op->flock ? file->f_op->flock(file, F_SETLK, &fl) :
					  locks_lock_file_wait(file, &fl);
	}
	locks_release_private(&fl);
	return err;
}

__bpf_kfunc_start_defs();

/**
 * bpf_luo_locks - record the locks that a file has
 * @ctx:     the file that is preserved
 * @file:    it, or another one
 * @mem:     out: struct luo_bpf_locks_ser, for bpf_luo_relock()
 * @mem__sz: room there: 8 bytes and 24 for each lock
 *
 * Context: preserve, freeze.
 * Return: 0, or with a message that says so -EOPNOTSUPP if the file has a lease,
 * -ENOLCK if it has more locks than there is room for. -EINVAL for no room at all.
 */
__bpf_kfunc int bpf_luo_locks(struct luo_bpf_ctx *ctx, struct file *file,
			      void *mem, u32 mem__sz)
{
	struct luo_bpf_locks locks = { .ser = mem };
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);

	if (mem__sz < sizeof(*locks.ser))
		return -EINVAL;
	locks.room = (mem__sz - sizeof(*locks.ser)) / sizeof(*locks.ser->locks);
	if (!luo_bpf_locks_find(file, &locks)) {
		luo_bpf_message(bf, "the file has a lease (F_SETLEASE)");
		return -EOPNOTSUPP;
	}
	if (locks.found > locks.room) {
		luo_bpf_message(bf, "the file has %u locks, the handler has room for %u",
				locks.found, locks.room);
		return -ENOLCK;
	}
	locks.ser->format = LUO_BPF_LOCKS_FORMAT;
	locks.ser->nr = locks.found;
	return 0;
}

/**
 * bpf_luo_relock - take the locks again that a file had
 * @file:    one that the program got from a function here
 * @ctx:     the file that is retrieved
 * @mem:     what bpf_luo_locks() wrote
 * @mem__sz: room there
 *
 * This does not wait. If it fails, the file may have some of its locks; it loses them
 * when it is put.
 *
 * Context: retrieve.
 * Return: 0, or -EAGAIN if another file has a lock that is in the way, -EUCLEAN if
 * @mem is damaged, or what flock(2) and fcntl(2) would say.
 */
__bpf_kfunc int bpf_luo_relock(struct file *file, struct luo_bpf_ctx *ctx,
			       const void *mem, u32 mem__sz)
{
	struct luo_bpf_locks_ser *ser __free(kfree) = NULL;
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	int err = 0;

	guard(luo_no_run_ctx)();

	if (mem__sz < sizeof(*ser) || mem__sz > LUO_BPF_STATE_MAX)
		return -EINVAL;
	/* A copy: what is checked is what is used. */
	ser = kmemdup(mem, mem__sz, GFP_KERNEL);
	if (!ser)
		return -ENOMEM;
	if (ser->format != LUO_BPF_LOCKS_FORMAT ||
	    ser->nr > (mem__sz - sizeof(*ser)) / sizeof(*ser->locks)) {
		luo_bpf_message(bf, "the record of its locks is damaged");
		return -EUCLEAN;
	}
	for (u32 i = 0; !err && i < ser->nr; i++) {
		err = -EUCLEAN;
		if (luo_bpf_lock_ok(&ser->locks[i]))
			err = luo_bpf_lock_take(file, &ser->locks[i]);
	}
	if (err)
		luo_bpf_message(bf, "a lock that the file had can't be taken again");
	return err;
}

__bpf_kfunc_end_defs();
