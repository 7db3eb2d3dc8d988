// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: what is the same for files of all BPF handlers.
 *
 * Flags, position and rights of the open file description are recorded and
 * restored here, and what a program made is checked.
 */
#include <linux/bpf.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>

#include "luo_bpf.h"

/* The status flags, which every file restores in the same way */
#define LUO_BPF_FLAGS (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

/* Before preserve and again before freeze */
void luo_bpf_save(struct luo_bpf_file *bf)
{
	struct luo_bpf_ser *ser = bf->record.ser;
	struct file *file = bf->file;

	ser->f_flags = READ_ONCE(file->f_flags);
	ser->f_pos = max_t(loff_t, READ_ONCE(file->f_pos), 0);
	ser->access = (file->f_mode & FMODE_READ ? LUO_BPF_READ : 0) |
		      (file->f_mode & FMODE_WRITE ? LUO_BPF_WRITE : 0);
	bf->ctx.f_flags = ser->f_flags;
}

/* The handler's fops, or where it named none its can_preserve, know the file. */
static bool luo_bpf_is_ours(struct luo_bpf_file *bf, struct file *file)
{
	struct luo_bpf_handler *h = bf->handler;

	if (!h->named)
		return luo_bpf_file_ops.can_preserve(&h->fh, file);

	guard(mutex)(&h->lock);
	return luo_bpf_fops_has(h, file->f_op);
}

static int luo_bpf_check(struct luo_bpf_file *bf, struct file *file)
{
	u32 access = bf->record.ser->access;
	fmode_t allowed = (access & LUO_BPF_READ ? FMODE_READ : 0) |
			  (access & LUO_BPF_WRITE ? FMODE_WRITE : 0);

	if (!luo_bpf_is_ours(bf, file)) {
		luo_bpf_message(bf, "retrieve made a file that is not of this handler's type");
		return -EPERM;
	}
	if (file->f_mode & (FMODE_READ | FMODE_WRITE) & ~allowed) {
		luo_bpf_message(bf, "retrieve made a file with more rights than recorded");
		return -EPERM;
	}
	return 0;
}

/* As fcntl(F_SETFL) by the retriever */
static int luo_bpf_restore_flags(struct file *file, unsigned int flags)
{
	unsigned int set = flags & ~file->f_flags & LUO_BPF_FLAGS;
	int err = 0;

	if (!((flags ^ file->f_flags) & LUO_BPF_FLAGS))
		return 0;
	if (((flags ^ file->f_flags) & O_APPEND) && IS_APPEND(file_inode(file)))
		return -EPERM;
	if ((set & O_NOATIME) &&
	    !inode_owner_or_capable(file_mnt_idmap(file), file_inode(file)))
		return -EPERM;
	if ((set & O_DIRECT) && !S_ISFIFO(file_inode(file)->i_mode) &&
	    !(file->f_mode & FMODE_CAN_ODIRECT))
		return -EINVAL;

	flags = (file->f_flags & ~LUO_BPF_FLAGS) | (flags & LUO_BPF_FLAGS);
	if (file->f_op->check_flags)
		err = file->f_op->check_flags(flags);
	if (err)
		return err;

	guard(spinlock)(&file->f_lock);
	file->f_flags = flags;
	file->f_iocb_flags = iocb_flags(file);
	return 0;
}

static int luo_bpf_restore(struct luo_bpf_file *bf, struct file *file)
{
	struct luo_bpf_ser *ser = bf->record.ser;
	loff_t pos;
	int err;

	err = luo_bpf_restore_flags(file, ser->f_flags);
	if (err) {
		luo_bpf_message(bf, "file flags %#o can't be restored",
				ser->f_flags & LUO_BPF_FLAGS);
		return err;
	}

	if (ser->f_pos == file->f_pos || !(file->f_mode & FMODE_LSEEK))
		return 0;
	pos = vfs_llseek(file, ser->f_pos, SEEK_SET);
	if (pos < 0)
		luo_bpf_message(bf, "file position %llu can't be restored",
				ser->f_pos);
	return pos < 0 ? pos : 0;
}

/* What the program passed to bpf_luo_set_file(), if all is well. */
int luo_bpf_made(struct luo_bpf_file *bf, int err)
{
	struct file *file = bf->file;

	if (!err && !file) {
		luo_bpf_message(bf, "retrieve made no file");
		err = -EIO;
	}
	if (!err)
		err = luo_bpf_check(bf, file);
	if (!err)
		err = luo_bpf_restore(bf, file);
	if (err) {
		if (file)
			fput(file);
		bf->file = NULL;
	}
	return err;
}
