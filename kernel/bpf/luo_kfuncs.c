// SPDX-License-Identifier: GPL-2.0
/*
 * What file handlers of the Live Update Orchestrator in BPF can call.
 *
 * Each kfunc is there in the callbacks of struct luo_bpf_ops where it is safe
 * and makes sense, and for no other program. Those that lead into the rest of
 * the kernel do so as the task that they run in, with the run context of the
 * program hidden.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/cleanup.h>
#include <linux/ctype.h>
#include <linux/eventfd.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/mman.h>
#include <linux/mm.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../liveupdate/luo_bpf.h"

#define LUO_BPF_IOCTL_MAX	SZ_64K

/* Of what open(2) takes: nothing that makes or changes something. */
#define LUO_BPF_OPEN_FLAGS	(O_ACCMODE | O_APPEND | O_NONBLOCK |	\
				 O_DSYNC | __O_SYNC | O_DIRECT |	\
				 O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | \
				 O_NOATIME | O_NOCTTY | O_CLOEXEC)

DEFINE_LOCK_GUARD_0(luo_no_run_ctx, _T->old = bpf_set_run_ctx(NULL),
		    bpf_reset_run_ctx(_T->old), struct bpf_run_ctx *old)

static struct luo_bpf_file *luo_bpf_file_of(struct luo_bpf_ctx *ctx)
{
	return container_of(ctx, struct luo_bpf_file, ctx);
}

static void *luo_bpf_null(struct luo_bpf_file *bf, int err)
{
	bf->error = err;
	return NULL;
}

static struct file *luo_bpf_file_or_null(struct luo_bpf_file *bf,
					 struct file *file)
{
	return IS_ERR(file) ? luo_bpf_null(bf, PTR_ERR(file)) : file;
}

static int luo_bpf_charge(struct luo_bpf_file *bf, u64 state, u64 blob)
{
	u64 quota = luo_bpf_quota(bf->ops);

	if (blob <= quota && state <= quota - blob)
		return 0;
	luo_bpf_message(bf, "over quota: %llu bytes of state and %llu of blob, max_bytes is %llu",
			state, blob, quota);
	return -ENOSPC;
}

__bpf_kfunc_start_defs();

/**
 * bpf_luo_state - the fixed-size block of a file
 * @ctx:           the file
 * @rdwr_buf_size: how much of it the program accesses: a constant, up to
 *                 %LUO_BPF_STATE_MAX
 *
 * The block is all zero at first and as large as preserve and freeze have asked
 * for, at most; the next kernel's callbacks find it as it was left. It belongs
 * to the file: there is nothing to release, and it stays in place.
 *
 * Context: any callback but can_preserve and get_id.
 * Return: the block, or NULL. Then bpf_luo_error() is -E2BIG if the block is
 * smaller or can't be that large, -ENOSPC if it is over max_bytes.
 */
__bpf_kfunc u8 *bpf_luo_state(struct luo_bpf_ctx *ctx, const u32 rdwr_buf_size)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct luo_bpf_ser *ser = bf->record.ser;
	int err;

	if (rdwr_buf_size <= ser->state_size)
		return ser->state;
	if (!bf->writable || rdwr_buf_size > LUO_BPF_STATE_MAX)
		return luo_bpf_null(bf, -E2BIG);

	err = luo_bpf_charge(bf, rdwr_buf_size, ser->blob_size);
	if (err)
		return luo_bpf_null(bf, err);
	ser->state_size = rdwr_buf_size;
	return ser->state;
}

/**
 * bpf_luo_blob_resize - change the size of a file's blob
 * @ctx:  the file
 * @size: in bytes
 *
 * The blob is memory of any size beside the state, at first of size 0. What it
 * grows by is zero. The memory is accounted to the cgroup of the caller.
 *
 * Context: preserve, freeze.
 * Return: 0, or with the blob as it was -ENOSPC if that is over max_bytes,
 * -ENOMEM, -EINTR if the task is being killed.
 */
__bpf_kfunc int bpf_luo_blob_resize(struct luo_bpf_ctx *ctx, u64 size)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	int err;

	err = luo_bpf_charge(bf, bf->record.ser->state_size, size);
	return err ?: luo_bpf_record_resize(&bf->record, size);
}

/**
 * bpf_luo_blob_write - write into a file's blob
 * @ctx:     the file
 * @offset:  where, in bytes
 * @mem:     what
 * @mem__sz: how much
 *
 * Context: preserve, freeze.
 * Return: 0, or -ERANGE with nothing written if that is beyond the end.
 */
__bpf_kfunc int bpf_luo_blob_write(struct luo_bpf_ctx *ctx, u64 offset,
				   const void *mem, u32 mem__sz)
{
	return luo_bpf_record_copy_in(&luo_bpf_file_of(ctx)->record, offset,
				      mem, mem__sz);
}

/**
 * bpf_luo_blob_read - read from a file's blob
 * @ctx:     the file
 * @offset:  where, in bytes
 * @mem:     out
 * @mem__sz: how much
 *
 * Context: any callback but can_preserve and get_id.
 * Return: 0, or -ERANGE with nothing read if that is beyond the end.
 */
__bpf_kfunc int bpf_luo_blob_read(struct luo_bpf_ctx *ctx, u64 offset,
				  void *mem, u32 mem__sz)
{
	return luo_bpf_record_copy_out(&luo_bpf_file_of(ctx)->record, offset,
				       mem, mem__sz);
}

/**
 * bpf_luo_blob_size - size of a file's blob
 * @ctx: the file
 *
 * Context: any callback but can_preserve and get_id.
 * Return: bytes.
 */
__bpf_kfunc u64 bpf_luo_blob_size(struct luo_bpf_ctx *ctx)
{
	return luo_bpf_file_of(ctx)->record.ser->blob_size;
}

/**
 * bpf_luo_eventfd - make an eventfd
 * @ctx:   the file that is retrieved
 * @count: its counter
 * @flags: as for eventfd2(2)
 *
 * Context: retrieve.
 * Return: the file, the program's to pass on or put; or NULL, and
 * bpf_luo_error() is -EINVAL for an unknown flag, -ENOMEM, -EOPNOTSUPP if the
 * kernel has no eventfds.
 */
__bpf_kfunc struct file *bpf_luo_eventfd(struct luo_bpf_ctx *ctx, u64 count,
					 u32 flags)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);

	if (!IS_ENABLED(CONFIG_EVENTFD))
		return luo_bpf_null(bf, -EOPNOTSUPP);
	return luo_bpf_file_or_null(bf, eventfd_getfile(count, flags));
}

/**
 * bpf_luo_open - open a file by its path
 * @ctx:      the file that is retrieved
 * @path:     absolute, terminated
 * @path__sz: size of the buffer that it is in
 * @flags:    as for open(2), of those that make and change nothing
 *
 * With the credentials and the root of the task that retrieves the file.
 *
 * Context: retrieve.
 * Return: the file, the program's to pass on or put; or NULL, and
 * bpf_luo_error() is -EINVAL for a path that is not absolute or not terminated
 * or for other flags, -ENAMETOOLONG, or what open(2) would say.
 */
__bpf_kfunc struct file *bpf_luo_open(struct luo_bpf_ctx *ctx, const char *path,
				      u32 path__sz, u32 flags)
{
	char *name __free(kfree) = NULL;
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	size_t len = strnlen(path, path__sz);

	guard(luo_no_run_ctx)();

	if (len == path__sz || flags & ~LUO_BPF_OPEN_FLAGS)
		return luo_bpf_null(bf, -EINVAL);
	if (len >= PATH_MAX)
		return luo_bpf_null(bf, -ENAMETOOLONG);

	/* What is checked is what is used: the buffer may be a map's. */
	name = kmemdup_nul(path, len, GFP_KERNEL);
	if (!name)
		return luo_bpf_null(bf, -ENOMEM);
	if (*name != '/')
		return luo_bpf_null(bf, -EINVAL);

	flags = (flags & ~O_CLOEXEC) | O_NOCTTY;
	if (force_o_largefile())
		flags |= O_LARGEFILE;
	return luo_bpf_file_or_null(bf, filp_open(name, flags, 0));
}

__bpf_kfunc_end_defs();

static bool luo_bpf_ioctl_declared(const struct luo_bpf_ops *ops, u32 cmd)
{
	for (int i = 0; i < LUO_BPF_MAX_IOCTLS && ops->ioctls[i]; i++) {
		if (ops->ioctls[i] == cmd)
			return true;
	}
	return false;
}

static long luo_bpf_do_ioctl(struct file *file, u32 cmd, unsigned long arg)
{
	long ret;

	ret = security_file_ioctl(file, cmd, arg);
	if (ret)
		return ret;
	if (!file->f_op->unlocked_ioctl)
		return -ENOTTY;
	ret = file->f_op->unlocked_ioctl(file, cmd, arg);
	return ret == -ENOIOCTLCMD ? -ENOTTY : ret;
}

/*
 * An ioctl takes a user pointer: it gets one to a mapping made for it in the
 * task, whose other threads might change what is in there. They can't gain
 * anything by that: the ioctl is done in their name.
 */
static long luo_bpf_user_ioctl(struct file *file, u32 cmd, void *arg, u32 size)
{
	void __user *uarg;
	unsigned long addr;
	long ret;

	addr = vm_mmap(NULL, 0, max(size, _IOC_SIZE(cmd)), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(addr))
		return addr;

	uarg = (void __user *)addr;
	ret = -EFAULT;
	if (!copy_to_user(uarg, arg, size))
		ret = luo_bpf_do_ioctl(file, cmd, addr);
	if (ret >= 0 && copy_from_user(arg, uarg, size))
		ret = -EFAULT;
	vm_munmap(addr, max(size, _IOC_SIZE(cmd)));
	return ret;
}

__bpf_kfunc_start_defs();

/**
 * bpf_luo_ioctl - do an ioctl
 * @file:          before the kexec the file that is preserved, in retrieve any
 *                 file that the program has
 * @ctx:           the file that is preserved or retrieved
 * @cmd:           one of those that the handler declares
 * @arg__nullable: its argument, with no pointers to user memory in it; copied
 *                 back if the ioctl succeeds
 * @arg__sz:       size of that, up to 64 KiB; 0 for an ioctl without an argument
 *
 * With the credentials of the task. The LSM is asked as for ioctl(2).
 *
 * Context: preserve, freeze, retrieve.
 * Return: what ioctl(2) returns, or -EACCES for an ioctl not declared or another
 * file, -E2BIG for a large argument, -ESRCH in a task that has no memory.
 */
__bpf_kfunc int bpf_luo_ioctl(struct file *file, struct luo_bpf_ctx *ctx,
			      u32 cmd, void *arg__nullable, u32 arg__sz)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);

	guard(luo_no_run_ctx)();

	if (!luo_bpf_ioctl_declared(bf->ops, cmd))
		return -EACCES;
	if (bf->writable && file != bf->file)
		return -EACCES;
	if (!arg__nullable || !arg__sz)
		return luo_bpf_do_ioctl(file, cmd, 0);
	if (arg__sz > LUO_BPF_IOCTL_MAX)
		return -E2BIG;
	if (!current->mm || (current->flags & PF_KTHREAD))
		return -ESRCH;
	return luo_bpf_user_ioctl(file, cmd, arg__nullable, arg__sz);
}

/**
 * bpf_luo_set_file - this is the file
 * @file: what retrieve made: released
 * @ctx:  the file that is retrieved
 *
 * The core checks what it is when retrieve has returned 0, restores flags and
 * position, and hands it out.
 *
 * Context: retrieve.
 * Return: 0, or -EBUSY if there is one already.
 */
__bpf_kfunc int bpf_luo_set_file(struct file *file, struct luo_bpf_ctx *ctx)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);

	if (bf->file) {
		fput(file);
		return -EBUSY;
	}
	bf->file = file;
	return 0;
}

/**
 * bpf_luo_put_file - this file is not needed any more
 * @file: what one of the functions here returned: released
 *
 * Context: retrieve.
 */
__bpf_kfunc void bpf_luo_put_file(struct file *file)
{
	fput(file);
}

/**
 * bpf_luo_token_of - which token another file of the session has
 * @ctx:       the file that is frozen
 * @file__ign: the other one: a struct file *, as found in whatever refers to it;
 *             need not be trusted, for it is only compared
 * @token:     out
 *
 * Context: freeze. In preserve the other might not be there yet.
 * Return: 0, or -ENOENT if it is not in the same session, or of a type that has
 * another identity than the open file description (as a memfd has).
 */
__bpf_kfunc int bpf_luo_token_of(struct luo_bpf_ctx *ctx, const void *file__ign,
				 u64 *token)
{
	return luo_token_of(luo_bpf_file_of(ctx)->session, file__ign, token);
}

/**
 * bpf_luo_file_by_token - another file of the session
 * @ctx:   the file that is retrieved
 * @token: what the other one was preserved with
 *
 * Retrieves it if that was not done yet, which may need another one in turn.
 *
 * Context: retrieve.
 * Return: the file, the program's to pass on or put; or NULL, and
 * bpf_luo_error() is -ENOENT if there is no such file, -ELOOP if files need one
 * another in a circle or more than 8 of them in a row, or why it can't be
 * retrieved.
 */
__bpf_kfunc struct file *bpf_luo_file_by_token(struct luo_bpf_ctx *ctx,
					       u64 token)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct file *file;
	int err;

	guard(luo_no_run_ctx)();

	err = liveupdate_get_file_incoming(bf->session, token, &file);
	return err ? luo_bpf_null(bf, err) : file;
}

/**
 * bpf_luo_error - why a function returned NULL
 * @ctx: the file
 *
 * Context: any callback but can_preserve and get_id.
 * Return: the errno of the last function in this callback that did, negative.
 */
__bpf_kfunc int bpf_luo_error(struct luo_bpf_ctx *ctx)
{
	return luo_bpf_file_of(ctx)->error;
}

/**
 * bpf_luo_report - say why a callback is going to fail
 * @ctx:     the file
 * @msg:     the message; up to a NUL, if there is one
 * @msg__sz: size of the buffer that it is in
 *
 * It stands in the kernel log and in the report that user space can get, if
 * preserve, freeze or retrieve fail, or can_finish says no. The last message
 * counts; one is cut after 175 characters.
 *
 * Context: any callback but can_preserve and get_id.
 * Return: 0 or -ENOMEM.
 */
__bpf_kfunc int bpf_luo_report(struct luo_bpf_ctx *ctx, const char *msg,
			       u32 msg__sz)
{
	u32 size = min(msg__sz, LIVEUPDATE_REPORT_MESSAGE_LENGTH - 1);
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	char *message;

	message = kmemdup_nul(msg, strnlen(msg, size), GFP_KERNEL);
	if (!message)
		return -ENOMEM;
	for (char *c = message; *c; c++) {
		if (!isascii(*c) || !isprint(*c))
			*c = '?';
	}
	kfree(bf->message);
	bf->message = message;
	return 0;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(luo_kfunc_ids)
BTF_ID_FLAGS(func, bpf_luo_state, KF_SLEEPABLE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_blob_resize, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_blob_write)
BTF_ID_FLAGS(func, bpf_luo_blob_read)
BTF_ID_FLAGS(func, bpf_luo_blob_size)
BTF_ID_FLAGS(func, bpf_luo_eventfd, KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_open, KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_ioctl, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_set_file, KF_RELEASE)
BTF_ID_FLAGS(func, bpf_luo_put_file, KF_RELEASE)
BTF_ID_FLAGS(func, bpf_luo_token_of, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_file_by_token,
	     KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_error)
BTF_ID_FLAGS(func, bpf_luo_report, KF_SLEEPABLE)
BTF_KFUNCS_END(luo_kfunc_ids)

/* In each callback that has a record */
BTF_SET_START(luo_record_kfunc_ids)
BTF_ID(func, bpf_luo_state)
BTF_ID(func, bpf_luo_blob_read)
BTF_ID(func, bpf_luo_blob_size)
BTF_ID(func, bpf_luo_error)
BTF_ID(func, bpf_luo_report)
BTF_SET_END(luo_record_kfunc_ids)

BTF_SET_START(luo_preserve_kfunc_ids)
BTF_ID(func, bpf_luo_blob_resize)
BTF_ID(func, bpf_luo_blob_write)
BTF_ID(func, bpf_luo_ioctl)
BTF_SET_END(luo_preserve_kfunc_ids)

BTF_SET_START(luo_freeze_kfunc_ids)
BTF_ID(func, bpf_luo_blob_resize)
BTF_ID(func, bpf_luo_blob_write)
BTF_ID(func, bpf_luo_ioctl)
BTF_ID(func, bpf_luo_token_of)
BTF_SET_END(luo_freeze_kfunc_ids)

BTF_SET_START(luo_retrieve_kfunc_ids)
BTF_ID(func, bpf_luo_eventfd)
BTF_ID(func, bpf_luo_open)
BTF_ID(func, bpf_luo_ioctl)
BTF_ID(func, bpf_luo_set_file)
BTF_ID(func, bpf_luo_put_file)
BTF_ID(func, bpf_luo_file_by_token)
BTF_SET_END(luo_retrieve_kfunc_ids)

static bool luo_kfunc_allowed(u32 member, u32 kfunc_id)
{
	switch (member) {
	case offsetof(struct luo_bpf_ops, can_preserve):
	case offsetof(struct luo_bpf_ops, get_id):
		return false;
	case offsetof(struct luo_bpf_ops, preserve):
		if (btf_id_set_contains(&luo_preserve_kfunc_ids, kfunc_id))
			return true;
		break;
	case offsetof(struct luo_bpf_ops, freeze):
		if (btf_id_set_contains(&luo_freeze_kfunc_ids, kfunc_id))
			return true;
		break;
	case offsetof(struct luo_bpf_ops, retrieve):
		if (btf_id_set_contains(&luo_retrieve_kfunc_ids, kfunc_id))
			return true;
		break;
	}
	return btf_id_set_contains(&luo_record_kfunc_ids, kfunc_id);
}

static int luo_kfunc_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	if (!btf_id_set8_contains(&luo_kfunc_ids, kfunc_id))
		return 0;
	if (prog->type != BPF_PROG_TYPE_STRUCT_OPS)
		return -EACCES;
	/* Not known in the verifier's first pass, which is not the last. */
	if (!prog->aux->st_ops)
		return 0;
	if (luo_bpf_prog(prog) &&
	    luo_kfunc_allowed(prog->aux->attach_st_ops_member_off, kfunc_id))
		return 0;
	return -EACCES;
}

static const struct btf_kfunc_id_set luo_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &luo_kfunc_ids,
	.filter = luo_kfunc_filter,
};

int __init luo_bpf_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &luo_kfunc_set);
}
