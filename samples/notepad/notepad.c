// SPDX-License-Identifier: GPL-2.0
/*
 * A driver to make preservable: each open file of /dev/notepad is a notepad of its own,
 * with a title, a counter, and a page that can be mapped. It knows nothing of live
 * updates; all that its handler needs are ioctls that get and set what a file has.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "notepad.h"

struct notepad {
	struct mutex lock; /* info */
	struct notepad_info info;
	void *page;
};

static int notepad_open(struct inode *inode, struct file *file)
{
	struct notepad *pad = kzalloc(sizeof(*pad), GFP_KERNEL);

	if (!pad)
		return -ENOMEM;
	pad->page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!pad->page) {
		kfree(pad);
		return -ENOMEM;
	}
	mutex_init(&pad->lock);
	file->private_data = pad;
	return 0;
}

static int notepad_release(struct inode *inode, struct file *file)
{
	struct notepad *pad = file->private_data;

	free_page((unsigned long)pad->page);
	kfree(pad);
	return 0;
}

static int notepad_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct notepad *pad = file->private_data;

	if (vma->vm_pgoff || vma_pages(vma) != 1)
		return -EINVAL;
	return vm_insert_page(vma, vma->vm_start, virt_to_page(pad->page));
}

static int notepad_set_info(struct notepad *pad, void __user *arg)
{
	struct notepad_info info;

	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	if (strnlen(info.title, sizeof(info.title)) == sizeof(info.title))
		return -EINVAL;
	pad->info = info;
	return 0;
}

static int notepad_part(struct notepad *pad, struct notepad_part __user *arg,
			bool set)
{
	u32 offset, reserved;
	void *part;

	if (get_user(offset, &arg->offset) ||
	    get_user(reserved, &arg->reserved))
		return -EFAULT;
	if (reserved || offset % NOTEPAD_PART || offset >= NOTEPAD_BYTES)
		return -EINVAL;
	part = pad->page + offset;
	if (set ? copy_from_user(part, arg->bytes, NOTEPAD_PART) :
		  copy_to_user(arg->bytes, part, NOTEPAD_PART))
		return -EFAULT;
	return 0;
}

static long notepad_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct notepad *pad = file->private_data;
	void __user *user = (void __user *)arg;
	int err = 0;

	mutex_lock(&pad->lock);
	switch (cmd) {
	case NOTEPAD_SAVE:
		pad->info.saves++;
		break;
	case NOTEPAD_GET_INFO:
		if (copy_to_user(user, &pad->info, sizeof(pad->info)))
			err = -EFAULT;
		break;
	case NOTEPAD_SET_INFO:
		err = notepad_set_info(pad, user);
		break;
	case NOTEPAD_GET_PART:
		err = notepad_part(pad, user, false);
		break;
	case NOTEPAD_SET_PART:
		err = notepad_part(pad, user, true);
		break;
	default:
		err = -ENOTTY;
	}
	mutex_unlock(&pad->lock);
	return err;
}

static const struct file_operations notepad_fops = {
	.owner = THIS_MODULE,
	.open = notepad_open,
	.release = notepad_release,
	.mmap = notepad_mmap,
	.unlocked_ioctl = notepad_ioctl,
};

static struct miscdevice notepad_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "notepad",
	.fops = &notepad_fops,
	.mode = 0666,
};
module_misc_device(notepad_device);

MODULE_DESCRIPTION("notepads: an example of a driver to make preservable");
MODULE_LICENSE("GPL");
