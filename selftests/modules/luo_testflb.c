// SPDX-License-Identifier: GPL-2.0
/*
 * File-lifecycle-bound objects (FLBs) for the tests: two types of file without any
 * state, /dev/luo_flb_a and /dev/luo_flb_b, each with a handler of its own; and as
 * many FLBs as the parameter flbs says, the state of which is their number. The
 * first so many as the parameters a and b say are registered with that handler.
 *
 * Callbacks of FLBs are logged as "luo_testflb: CALL NUMBER". What is written to an
 * open file is a command for the FLBs of its handler.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/liveupdate.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define MAGIC 0x626c66206f756cULL

struct luo_testflb_ser {
	u64 magic;
	u64 number;
};

struct luo_testflb_obj {
	struct luo_testflb_ser *ser;
	u64 number;
};

struct luo_testflb {
	struct liveupdate_flb flb;
	unsigned int number;
};

static unsigned int flbs = 1;
module_param(flbs, uint, 0444);
static unsigned int a = 1;
module_param(a, uint, 0444);
static unsigned int b;
module_param(b, uint, 0444);

/* Number of the FLB whose callback fails; of any file. */
static int fail_preserve = -1;
module_param(fail_preserve, int, 0644);
static int fail_retrieve = -1;
module_param(fail_retrieve, int, 0644);
static bool fail_file;
module_param(fail_file, bool, 0644);

static bool quiet;
module_param(quiet, bool, 0444);
static bool retryable;
module_param(retryable, bool, 0444);
static bool release;
module_param(release, bool, 0444);

#define luo_testflb_log(fmt, ...) do {					\
	if (!quiet)							\
		pr_info(fmt, ##__VA_ARGS__);				\
} while (0)

static struct luo_testflb *testflbs;

static unsigned int luo_testflb_number(struct liveupdate_flb *flb)
{
	return container_of(flb, struct luo_testflb, flb)->number;
}

static int luo_testflb_preserve(struct liveupdate_flb_op_args *argp)
{
	unsigned int number = luo_testflb_number(argp->flb);
	struct luo_testflb_obj *obj;

	luo_testflb_log("preserve %u\n", number);
	if (number == fail_preserve)
		return -EIO;
	obj = kzalloc_obj(*obj);
	if (!obj)
		return -ENOMEM;
	obj->ser = kho_alloc_preserve(sizeof(*obj->ser));
	if (IS_ERR(obj->ser)) {
		int err = PTR_ERR(obj->ser);

		kfree(obj);
		return err;
	}
	obj->number = number;
	*obj->ser = (struct luo_testflb_ser) { MAGIC, number };
	argp->data = virt_to_phys(obj->ser);
	argp->obj = obj;
	return 0;
}

static void luo_testflb_unpreserve(struct liveupdate_flb_op_args *argp)
{
	struct luo_testflb_obj *obj = argp->obj;

	luo_testflb_log("unpreserve %llu\n", obj->number);
	kho_unpreserve_free(obj->ser);
	kfree(obj);
}

static struct luo_testflb_ser *luo_testflb_claim(u64 data, unsigned int number)
{
	struct luo_testflb_ser *ser;

	if (kho_claim(data) < 0)
		return NULL;
	ser = phys_to_virt(data);
	if (ser->magic == MAGIC && ser->number == number)
		return ser;
	kho_unclaim(data);
	return NULL;
}

static int luo_testflb_retrieve(struct liveupdate_flb_op_args *argp)
{
	unsigned int number = luo_testflb_number(argp->flb);
	struct luo_testflb_obj *obj;

	luo_testflb_log("retrieve %u\n", number);
	if (number == fail_retrieve)
		return -EIO;
	obj = kzalloc_obj(*obj);
	if (!obj)
		return -ENOMEM;
	obj->ser = luo_testflb_claim(argp->data, number);
	obj->number = number;
	if (!obj->ser) {
		kfree(obj);
		return -EUCLEAN;
	}
	argp->obj = obj;
	return 0;
}

static void luo_testflb_finish(struct liveupdate_flb_op_args *argp)
{
	struct luo_testflb_obj *obj = argp->obj;

	luo_testflb_log("finish %u\n", luo_testflb_number(argp->flb));
	if (!obj)
		return;
	kho_restore_free(obj->ser);
	kfree(obj);
}

static void luo_testflb_release(struct liveupdate_flb *flb)
{
	luo_testflb_log("release %u\n", luo_testflb_number(flb));
}

static struct liveupdate_flb_ops luo_testflb_ops = {
	.preserve = luo_testflb_preserve,
	.unpreserve = luo_testflb_unpreserve,
	.retrieve = luo_testflb_retrieve,
	.finish = luo_testflb_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler luo_testflb_handlers[2];

static struct liveupdate_file_handler *luo_testflb_handler(struct file *file);

static int luo_testflb_got(int err, const char *what, struct luo_testflb *t, void *obj)
{
	struct luo_testflb_obj *got = obj;

	if (!err && (!got || got->number != t->number))
		return -EBADMSG;
	luo_testflb_log("%s %u: %d\n", what, t->number, err);
	return err;
}

static int luo_testflb_do(struct liveupdate_file_handler *fh, const char *command,
			  struct luo_testflb *t)
{
	void *obj = NULL;
	int err = 0;

	if (!strcmp(command, "register"))
		return liveupdate_register_flb(fh, &t->flb);
	if (!strcmp(command, "unregister"))
		liveupdate_unregister_flb(fh, &t->flb);
	else if (!strcmp(command, "put_outgoing"))
		liveupdate_flb_put_outgoing(&t->flb);
	else if (!strcmp(command, "put_incoming"))
		liveupdate_flb_put_incoming(&t->flb);
	else if (!strcmp(command, "get_outgoing"))
		err = liveupdate_flb_get_outgoing(&t->flb, &obj);
	else if (!strcmp(command, "get_incoming"))
		err = liveupdate_flb_get_incoming(&t->flb, &obj);
	else
		return -EINVAL;
	return strstarts(command, "get") ? luo_testflb_got(err, command, t, obj) : 0;
}

/* "COMMAND NUMBER" */
static ssize_t luo_testflb_write(struct file *file, const char __user *buf, size_t len,
				 loff_t *pos)
{
	char line[32] = "", command[16];
	unsigned int number;
	int err;

	if (len >= sizeof(line) || copy_from_user(line, buf, len))
		return -EFAULT;
	if (sscanf(line, "%15s %u", command, &number) != 2 || number >= flbs)
		return -EINVAL;
	err = luo_testflb_do(luo_testflb_handler(file), command, &testflbs[number]);
	return err ?: len;
}

static const struct file_operations luo_testflb_fops[2] = {
	{ .owner = THIS_MODULE, .write = luo_testflb_write },
	{ .owner = THIS_MODULE, .write = luo_testflb_write },
};

static struct liveupdate_file_handler *luo_testflb_handler(struct file *file)
{
	return &luo_testflb_handlers[file->f_op == &luo_testflb_fops[1]];
}

static struct miscdevice luo_testflb_devs[2] = {
	{ .minor = MISC_DYNAMIC_MINOR, .name = "luo_flb_a", .fops = &luo_testflb_fops[0] },
	{ .minor = MISC_DYNAMIC_MINOR, .name = "luo_flb_b", .fops = &luo_testflb_fops[1] },
};

static bool luo_testfile_can_preserve(struct liveupdate_file_handler *handler, struct file *file)
{
	return file->f_op == &luo_testflb_fops[handler - luo_testflb_handlers];
}

/* A file has the FLB by the time of its own callbacks. */
static int luo_testfile_preserve(struct liveupdate_file_op_args *args)
{
	void *obj;

	if (fail_file)
		return -EIO;
	if (!liveupdate_flb_get_outgoing(&testflbs[0].flb, &obj))
		liveupdate_flb_put_outgoing(&testflbs[0].flb);
	args->serialized_data = MAGIC;
	return 0;
}

static void luo_testfile_unpreserve(struct liveupdate_file_op_args *args)
{
}

static int luo_testfile_retrieve(struct liveupdate_file_op_args *args)
{
	int nr = args->handler - luo_testflb_handlers;
	struct file *file;

	if (args->serialized_data != MAGIC)
		return -EUCLEAN;
	file = anon_inode_getfile("[luo_flb]", &luo_testflb_fops[nr], NULL, O_RDWR);
	if (IS_ERR(file))
		return PTR_ERR(file);
	args->file = file;
	return 0;
}

static void luo_testfile_finish(struct liveupdate_file_op_args *args)
{
}

static const struct liveupdate_file_ops luo_testfile_ops = {
	.can_preserve = luo_testfile_can_preserve,
	.preserve = luo_testfile_preserve,
	.unpreserve = luo_testfile_unpreserve,
	.retrieve = luo_testfile_retrieve,
	.finish = luo_testfile_finish,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler luo_testflb_handlers[2] = {
	{ .ops = &luo_testfile_ops, .compatible = "luo-testflb-a" },
	{ .ops = &luo_testfile_ops, .compatible = "luo-testflb-b" },
};

static int luo_testflb_registered;

/* Unregistering what is not registered does nothing. */
static void luo_testflb_unregister(int h)
{
	for (unsigned int i = 0; i < flbs; i++)
		liveupdate_unregister_flb(&luo_testflb_handlers[h], &testflbs[i].flb);
	liveupdate_unregister_file_handler(&luo_testflb_handlers[h]);
}

static void luo_testflb_unregister_all(void)
{
	while (luo_testflb_registered) {
		misc_deregister(&luo_testflb_devs[--luo_testflb_registered]);
		luo_testflb_unregister(luo_testflb_registered);
	}
}

/* The device comes last: who opens it can register FLBs. */
static int luo_testflb_register(int h, unsigned int nr)
{
	int err = liveupdate_register_file_handler(&luo_testflb_handlers[h]);

	if (err)
		return err;
	for (unsigned int i = 0; i < nr && !err; i++)
		err = liveupdate_register_flb(&luo_testflb_handlers[h], &testflbs[i].flb);
	if (!err)
		err = misc_register(&luo_testflb_devs[h]);
	if (err)
		luo_testflb_unregister(h);
	else
		luo_testflb_registered++;
	return err;
}

static void luo_testflb_name(struct luo_testflb *t, unsigned int number)
{
	t->number = number;
	t->flb.ops = &luo_testflb_ops;
	/* "healthy" is for the tests of damage. */
	if (number)
		snprintf((char *)t->flb.compatible, sizeof(t->flb.compatible), "luo-testflb-%u",
			 number);
	else
		strscpy((char *)t->flb.compatible, "healthy", sizeof(t->flb.compatible));
}

static int __init luo_testflb_init(void)
{
	int err;

	luo_testflb_ops.retrieve_retryable = retryable;
	luo_testflb_ops.release = release ? luo_testflb_release : NULL;
	testflbs = kvzalloc_objs(*testflbs, flbs);
	if (!testflbs)
		return -ENOMEM;
	for (unsigned int i = 0; i < flbs; i++)
		luo_testflb_name(&testflbs[i], i);
	err = luo_testflb_register(0, min(a, flbs));
	if (!err)
		err = luo_testflb_register(1, min(b, flbs));
	if (err) {
		luo_testflb_unregister_all();
		kvfree(testflbs);
	}
	return err;
}
module_init(luo_testflb_init);

static void __exit luo_testflb_exit(void)
{
	luo_testflb_unregister_all();
	kvfree(testflbs);
}
module_exit(luo_testflb_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("File-lifecycle-bound objects to test live updates with");
