// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: how an ioctl is called.
 *
 * Both kinds of file descriptor, the device and the sessions, come through
 * here, so that sizes, errnos and file descriptors are dealt with once.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#include "luo_internal.h"

static const struct luo_ioctl *luo_ioctl_find(const struct luo_ioctl *calls,
					      unsigned int nr_calls,
					      unsigned int cmd)
{
	for (unsigned int i = 0; i < nr_calls; i++) {
		if (calls[i].cmd == cmd)
			return &calls[i];
	}
	return NULL;
}

static_assert(offsetof(union luo_ioctl_arg, new.fd) ==
	      offsetof(union luo_ioctl_arg, create_session.fd));
static_assert(offsetof(union luo_ioctl_arg, new.fd) ==
	      offsetof(union luo_ioctl_arg, retrieve_session.fd));
static_assert(offsetof(union luo_ioctl_arg, new.fd) ==
	      offsetof(union luo_ioctl_arg, retrieve_fd.fd));

/*
 * The new file goes into the table of the caller only when nothing can fail any
 * more. Dropping it instead undoes what the call did.
 */
static int luo_ioctl_return_fd(union luo_ioctl_arg *arg, u32 size,
			       void __user *uarg, struct file *new_file)
{
	FD_PREPARE(fdf, O_CLOEXEC, new_file);
	if (fdf.err) {
		/* Without a descriptor the file was not taken over. */
		fput(new_file);
		return fdf.err;
	}

	arg->new.fd = fd_prepare_fd(fdf);
	if (copy_to_user(uarg, arg, size))
		return -EFAULT;

	fd_publish(fdf);
	return 0;
}

/**
 * luo_ioctl_dispatch - do one ioctl
 * @calls:    what this kind of file descriptor knows; a handful
 * @nr_calls: how many
 * @target:   handed to the call
 * @cmd:      from user space
 * @uarg:     from user space
 *
 * Context: process context, may sleep. Enters and leaves the core.
 * Return: 0 or an errno.
 */
long luo_ioctl_dispatch(const struct luo_ioctl *calls, unsigned int nr_calls,
			void *target, unsigned int cmd, unsigned long uarg)
{
	void __user *ptr = (void __user *)uarg;
	const struct luo_ioctl *call;
	struct file *new_file = NULL;
	union luo_ioctl_arg arg = {};
	u32 size;
	int err;

	call = luo_ioctl_find(calls, nr_calls, cmd);
	if (!call)
		return -ENOTTY;

	if (get_user(size, (u32 __user *)ptr))
		return -EFAULT;
	if (size < call->size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(&arg, call->size, ptr, size);
	if (err)
		return err;

	err = luo_enter();
	if (err)
		return err;
	err = call->run(target, &arg, &new_file);
	luo_exit();
	if (err)
		return err;

	if (call->makes_fd)
		return luo_ioctl_return_fd(&arg, call->size, ptr, new_file);
	if (call->output && copy_to_user(ptr, &arg, call->size))
		return -EFAULT;
	return 0;
}
