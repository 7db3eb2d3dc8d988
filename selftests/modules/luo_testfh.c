// SPDX-License-Identifier: GPL-2.0
/*
 * A file type for the tests: /dev/luo_test, whose files consist of one number. Writing
 * "link FD" makes a file depend on another one, whose size stands behind the number.
 *
 * Every callback of its handler is logged as "luo_testfh: CALL NUMBER", and
 * fails for the file whose number is in the parameter of that name. The kfuncs
 * are what a handler in BPF needs to do the same.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/liveupdate.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct luo_test_ser {
	u64 number;
	u64 freezes;
	u64 linked;
	u64 token;
};

struct luo_test_file {
	u64 number;
	struct file *link;
};

#define FAIL_PARAM(call)						\
	static unsigned long fail_##call;				\
	module_param(fail_##call, ulong, 0644);				\
	MODULE_PARM_DESC(fail_##call, "number of the file whose " #call " fails")

FAIL_PARAM(preserve);
FAIL_PARAM(freeze);
FAIL_PARAM(retrieve);
FAIL_PARAM(can_finish);

/* Its preserve does not end as long as this is so. */
static unsigned long hang_preserve;
module_param(hang_preserve, ulong, 0644);

/* Log nothing: for who counts instructions. */
static bool quiet;
module_param(quiet, bool, 0444);

#define luo_test_log(fmt, ...) do {					\
	if (!quiet)							\
		pr_info(fmt, ##__VA_ARGS__);				\
} while (0)

/* Whether a retrieve that failed may be tried again. */
static bool retryable;
module_param(retryable, bool, 0444);

static int luo_test_open(struct inode *inode, struct file *file)
{
	file->private_data = kzalloc_obj(struct luo_test_file);
	return file->private_data ? 0 : -ENOMEM;
}

static int luo_test_release(struct inode *inode, struct file *file)
{
	struct luo_test_file *f = file->private_data;

	if (f->link)
		fput(f->link);
	kfree(f);
	return 0;
}

static int luo_test_link(struct luo_test_file *f, int fd)
{
	f->link = f->link ?: fget(fd);
	return f->link ? 0 : -EBADF;
}

static ssize_t luo_test_write(struct file *file, const char __user *buf,
			      size_t len, loff_t *pos)
{
	struct luo_test_file *f = file->private_data;
	char text[24] = "";
	int err, fd;

	if (len >= sizeof(text) || copy_from_user(text, buf, len))
		return -EFAULT;
	if (sscanf(text, "link %d", &fd) == 1)
		err = luo_test_link(f, fd);
	else
		err = kstrtou64(text, 0, &f->number);
	return err ?: len;
}

static ssize_t luo_test_read(struct file *file, char __user *buf, size_t len,
			     loff_t *pos)
{
	struct luo_test_file *f = file->private_data;
	char text[48];
	int n = scnprintf(text, sizeof(text), "%llu\n", f->number);

	if (f->link)
		n = scnprintf(text, sizeof(text), "%llu %lld\n", f->number,
			      i_size_read(file_inode(f->link)));

	/* Always from the start: a retrieved file can't seek. */
	return simple_read_from_buffer(buf, len, &(loff_t){ 0 }, text, n);
}

static const struct file_operations luo_test_fops = {
	.owner = THIS_MODULE,
	.open = luo_test_open,
	.release = luo_test_release,
	.read = luo_test_read,
	.write = luo_test_write,
};

static struct miscdevice luo_test_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "luo_test",
	.fops = &luo_test_fops,
};

static u64 luo_test_number(struct file *file)
{
	struct luo_test_file *f = file->private_data;

	return f->number;
}

static struct file *luo_test_make(u64 number)
{
	struct luo_test_file *f = kzalloc_obj(*f);
	struct file *file;

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->number = number;
	file = anon_inode_getfile("[luo_test]", &luo_test_fops, f, O_RDWR);
	if (IS_ERR(file))
		kfree(f);
	return file;
}

static bool luo_test_can_preserve(struct liveupdate_file_handler *handler,
				  struct file *file)
{
	return file->f_op == &luo_test_fops;
}

static int luo_test_preserve(struct liveupdate_file_op_args *args)
{
	u64 number = luo_test_number(args->file);
	struct luo_test_ser *ser;

	luo_test_log("preserve %llu\n", number);
	while (number && number == READ_ONCE(hang_preserve))
		schedule_timeout_uninterruptible(1);
	if (number && number == fail_preserve)
		return -EIO;
	ser = kho_alloc_preserve(sizeof(*ser));
	if (IS_ERR(ser))
		return PTR_ERR(ser);
	ser->number = number;
	args->serialized_data = virt_to_phys(ser);
	return 0;
}

static void luo_test_unpreserve(struct liveupdate_file_op_args *args)
{
	luo_test_log("unpreserve %llu\n", luo_test_number(args->file));
	kho_unpreserve_free(phys_to_virt(args->serialized_data));
}

static int luo_test_freeze(struct liveupdate_file_op_args *args)
{
	struct luo_test_ser *ser = phys_to_virt(args->serialized_data);
	struct luo_test_file *f = args->file->private_data;

	luo_test_log("freeze %llu\n", ser->number);
	if (ser->number && ser->number == fail_freeze)
		return -EIO;
	/* By now all files are there; the other one may be any, or not be preserved. */
	ser->linked = f->link && !liveupdate_get_token_outgoing(args->session, f->link,
								&ser->token);
	ser->freezes++;
	return 0;
}

static void luo_test_unfreeze(struct liveupdate_file_op_args *args)
{
	struct luo_test_ser *ser = phys_to_virt(args->serialized_data);

	luo_test_log("unfreeze %llu\n", ser->number);
	ser->freezes--;
}

static int luo_test_retrieve(struct liveupdate_file_op_args *args)
{
	struct luo_test_ser *ser = phys_to_virt(args->serialized_data);
	struct luo_test_file *f;
	struct file *file;
	int err;

	luo_test_log("retrieve %llu frozen %llu\n", ser->number, ser->freezes);
	if (ser->number && ser->number == fail_retrieve)
		return -EIO;
	file = luo_test_make(ser->number);
	if (IS_ERR(file))
		return PTR_ERR(file);
	f = file->private_data;
	err = ser->linked ? liveupdate_get_file_incoming(args->session, ser->token, &f->link) : 0;
	if (err) {
		fput(file);
		return err;
	}
	args->file = file;
	return 0;
}

static bool luo_test_can_finish(struct liveupdate_file_op_args *args)
{
	struct luo_test_ser *ser = phys_to_virt(args->serialized_data);

	luo_test_log("can_finish %llu\n", ser->number);
	return !ser->number || ser->number != fail_can_finish;
}

static void luo_test_finish(struct liveupdate_file_op_args *args)
{
	struct luo_test_ser *ser = phys_to_virt(args->serialized_data);

	luo_test_log("finish %llu status %d\n", ser->number, args->retrieve_status);
	kho_restore_free(ser);
}

static struct liveupdate_file_ops luo_test_ops = {
	.can_preserve = luo_test_can_preserve,
	.preserve = luo_test_preserve,
	.unpreserve = luo_test_unpreserve,
	.freeze = luo_test_freeze,
	.unfreeze = luo_test_unfreeze,
	.retrieve = luo_test_retrieve,
	.can_finish = luo_test_can_finish,
	.finish = luo_test_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler luo_test_handler = {
	.ops = &luo_test_ops,
	.compatible = "luo-test-v1",
};

__bpf_kfunc_start_defs();

/* The number of a file, or all ones if it is not of this type */
__bpf_kfunc u64 luo_test_file_number(struct file *file)
{
	return file->f_op == &luo_test_fops ? luo_test_number(file) : U64_MAX;
}

/* A file for the program, NULL if there is no memory */
__bpf_kfunc struct file *luo_test_file_make(u64 number)
{
	struct file *file = luo_test_make(number);

	return IS_ERR(file) ? NULL : file;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(luo_test_kfuncs)
BTF_ID_FLAGS(func, luo_test_file_number)
BTF_ID_FLAGS(func, luo_test_file_make, KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_KFUNCS_END(luo_test_kfuncs)

static const struct btf_kfunc_id_set luo_test_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &luo_test_kfuncs,
};

static int __init luo_test_init(void)
{
	int err;

	err = register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &luo_test_kfunc_set);
	if (err)
		return err;
	luo_test_ops.retrieve_retryable = retryable;
	err = liveupdate_register_file_handler(&luo_test_handler);
	if (err)
		return err;
	err = misc_register(&luo_test_dev);
	if (err)
		liveupdate_unregister_file_handler(&luo_test_handler);
	return err;
}
module_init(luo_test_init);

static void __exit luo_test_exit(void)
{
	misc_deregister(&luo_test_dev);
	liveupdate_unregister_file_handler(&luo_test_handler);
}
module_exit(luo_test_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A file type to test live updates with");
