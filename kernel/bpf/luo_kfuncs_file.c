// SPDX-License-Identifier: GPL-2.0
/*
 * What file handlers of the Live Update Orchestrator in BPF can call to make files,
 * and to have them do something.
 *
 * This leads into the rest of the kernel, as the task that it is done for, with
 * the run context of the program hidden.
 */
#include <linux/btf.h>
#include <linux/cred.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/luo_files.h>
#include <linux/mman.h>
#include <linux/mm.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "luo_kfuncs.h"

#define LUO_BPF_IOCTL_MAX	SZ_64K

/* In retrieve: where a file is noted that the program has open by path; NULL if it is not. */
struct file **luo_bpf_opened(struct luo_bpf_file *bf, struct file *file)
{
	for (unsigned int i = 0; i < bf->opened->nr; i++) {
		if (bf->opened->files[i] == file)
			return &bf->opened->files[i];
	}
	return NULL;
}

static void luo_bpf_forget_opened(struct luo_bpf_file *bf, struct file *file)
{
	struct file **opened = luo_bpf_opened(bf, file);

	if (opened)
		*opened = bf->opened->files[--bf->opened->nr];
}

/*
 * LUO's own files are no file type: a session inside of another would keep
 * itself alive, and its calls take locks that the caller has.
 */
struct file *luo_bpf_not_own(struct file *file)
{
	if (IS_ERR(file) || !luo_is_own(file))
		return file;
	fput(file);
	return ERR_PTR(-EACCES);
}

/* What open(2) does on its own account, and not what is for a descriptor */
u32 luo_bpf_open_flags(u32 flags)
{
	flags = (flags & LUO_BPF_OPEN_FLAGS & ~O_CLOEXEC) | O_NOCTTY;
	return force_o_largefile() ? flags | O_LARGEFILE : flags;
}

__bpf_kfunc_start_defs();

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
 * With the credentials and the root of the task that retrieves the file: the
 * first that asks for it, whoever else gets it later.
 *
 * Context: retrieve.
 * Return: the file, the program's to pass on or put; or NULL, and
 * bpf_luo_error() is -EINVAL for a path that is not absolute or not terminated
 * or for other flags, -ENAMETOOLONG, -EMFILE if the program has 8 files open,
 * -EACCES or -EBUSY for /dev/liveupdate, or what open(2) would say.
 */
__bpf_kfunc struct file *bpf_luo_open(struct luo_bpf_ctx *ctx, const char *path,
				      u32 path__sz, u32 flags)
{
	char *name __free(kfree) = NULL;
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	size_t len = strnlen(path, path__sz);
	struct file *file;

	guard(luo_no_run_ctx)();

	if (len == path__sz || flags & ~LUO_BPF_OPEN_FLAGS)
		return luo_bpf_null(bf, -EINVAL);
	if (len >= PATH_MAX)
		return luo_bpf_null(bf, -ENAMETOOLONG);
	if (bf->opened->nr == LUO_BPF_MAX_OPENED)
		return luo_bpf_null(bf, -EMFILE);

	/* What is checked is what is used: the buffer may be a map's. */
	name = kmemdup_nul(path, len, GFP_KERNEL);
	if (!name)
		return luo_bpf_null(bf, -ENOMEM);
	if (*name != '/')
		return luo_bpf_null(bf, -EINVAL);

	file = luo_bpf_not_own(filp_open(name, luo_bpf_open_flags(flags), 0));
	if (IS_ERR(file))
		return luo_bpf_null(bf, PTR_ERR(file));
	bf->opened->files[bf->opened->nr++] = file;
	return file;
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
 * task. Its other threads might change what is in there: they gain nothing by
 * that which they could not have by an ioctl of their own, and the handler is
 * told not to rely on it.
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

/* Whether the program may do @cmd on @file */
static bool luo_bpf_may_ioctl(struct luo_bpf_file *bf, struct file *file,
			      u32 cmd)
{
	if (!luo_bpf_ioctl_declared(bf->ops, cmd))
		return false;
	return bf->opened ? !!luo_bpf_opened(bf, file) : file == bf->file;
}

__bpf_kfunc_start_defs();

/**
 * bpf_luo_ioctl - do an ioctl
 * @file:          before the kexec the file that is preserved, in retrieve one
 *                 that the program got from bpf_luo_open()
 * @ctx:           the file that is preserved or retrieved
 * @cmd:           one of those that the handler declares
 * @arg__nullable: its argument, with no pointers to user memory in it; copied
 *                 back if the ioctl succeeds
 * @arg__sz:       size of that, up to 64 KiB; 0 for an ioctl without an argument
 *
 * With the credentials of who preserved the file, in freeze too, where the task
 * is the one that called reboot(2); in retrieve with those of the task. The LSM
 * is asked as for ioctl(2).
 *
 * Meanwhile the argument is in memory of the task, which its other threads can
 * write to: check what comes back as you would check what user space says.
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

	if (!luo_bpf_may_ioctl(bf, file, cmd))
		return -EACCES;
	if (arg__nullable && arg__sz > LUO_BPF_IOCTL_MAX)
		return -E2BIG;

	scoped_with_creds(bf->cred ?: current_cred()) {
		if (!arg__nullable || !arg__sz)
			return luo_bpf_do_ioctl(file, cmd, 0);
		if (!current->mm || (current->flags & PF_KTHREAD))
			return -ESRCH;
		return luo_bpf_user_ioctl(file, cmd, arg__nullable, arg__sz);
	}
}

/**
 * bpf_luo_ioctl_value - do an ioctl whose argument is a number
 * @file:  as for bpf_luo_ioctl()
 * @ctx:   the file that is preserved or retrieved
 * @cmd:   one of those that the handler declares, and none that takes a pointer: that
 *         would be one into the memory of the task
 * @value: its argument
 *
 * As bpf_luo_ioctl(), but with no memory.
 *
 * Context: preserve, freeze, retrieve.
 * Return: what ioctl(2) returns, or -EACCES for an ioctl not declared or another
 * file.
 */
__bpf_kfunc int bpf_luo_ioctl_value(struct file *file, struct luo_bpf_ctx *ctx,
				    u32 cmd, u32 value)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);

	guard(luo_no_run_ctx)();

	if (!luo_bpf_may_ioctl(bf, file, cmd))
		return -EACCES;
	scoped_with_creds(bf->cred ?: current_cred())
		return luo_bpf_do_ioctl(file, cmd, value);
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

	luo_bpf_forget_opened(bf, file);
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
 * @ctx:  the file that is retrieved
 *
 * Context: retrieve.
 */
__bpf_kfunc void bpf_luo_put_file(struct file *file, struct luo_bpf_ctx *ctx)
{
	luo_bpf_forget_opened(luo_bpf_file_of(ctx), file);
	fput(file);
}

__bpf_kfunc_end_defs();
