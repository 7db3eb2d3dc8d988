// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: /dev/liveupdate.
 *
 * One process at a time owns the device: the agent, which hands sessions to
 * others as file descriptors.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "luo_internal.h"

static atomic_t luo_device_opened = ATOMIC_INIT(0);

/* Must not wait: misc_open() calls it with the lock of all misc devices. */
static int luo_device_open(struct inode *inode, struct file *file)
{
	return atomic_cmpxchg(&luo_device_opened, 0, 1) ? -EBUSY : 0;
}

static int luo_device_release(struct inode *inode, struct file *file)
{
	atomic_set(&luo_device_opened, 0);
	return 0;
}

static int luo_ioctl_create_session(void *unused, union luo_ioctl_arg *arg,
				    struct file **new_file)
{
	const char *name = (const char *)arg->create_session.name;

	*new_file = luo_session_create(name);
	return PTR_ERR_OR_ZERO(*new_file);
}

static int luo_ioctl_retrieve_session(void *unused, union luo_ioctl_arg *arg,
				      struct file **new_file)
{
	const char *name = (const char *)arg->retrieve_session.name;

	*new_file = luo_session_retrieve(name);
	return PTR_ERR_OR_ZERO(*new_file);
}

static const struct luo_ioctl luo_device_calls[] = {
	{
		.cmd = LIVEUPDATE_IOCTL_CREATE_SESSION,
		.size = sizeof(struct liveupdate_ioctl_create_session),
		.makes_fd = true,
		.run = luo_ioctl_create_session,
	},
	{
		.cmd = LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
		.size = sizeof(struct liveupdate_ioctl_retrieve_session),
		.makes_fd = true,
		.run = luo_ioctl_retrieve_session,
	},
};

static long luo_device_ioctl(struct file *file, unsigned int cmd,
			     unsigned long arg)
{
	return luo_ioctl_dispatch(luo_device_calls,
				  ARRAY_SIZE(luo_device_calls), NULL, cmd, arg);
}

static const struct file_operations luo_device_fops = {
	.owner = THIS_MODULE,
	.open = luo_device_open,
	.release = luo_device_release,
	.unlocked_ioctl = luo_device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

/* misc_open() has put these in the place of its own. */
bool luo_is_device(const struct file *file)
{
	return file->f_op == &luo_device_fops;
}

static struct miscdevice luo_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "liveupdate",
	.fops = &luo_device_fops,
	.mode = 0600,
};

int __init luo_device_init(void)
{
	int err = misc_register(&luo_device);

	if (err)
		pr_err("no /dev/liveupdate: %pe\n", ERR_PTR(err));
	return err;
}
