// SPDX-License-Identifier: GPL-2.0
/*
 * bpf/handlers/eventfd.bpf.c as it would be in C: the same contract, and what the
 * core does for a handler in BPF done here. For who compares what the two cost.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/kref.h>
#include <linux/liveupdate.h>
#include <linux/luo_files.h>
#include <linux/module.h>
#include <linux/wait.h>

/* What fs/eventfd.c keeps to itself: a handler in there would see it. */
struct luo_eventfd_ctx {
	struct kref kref;
	wait_queue_head_t wqh;
	u64 count;
	unsigned int flags;
};

struct luo_eventfd_ser {
	u64 tag;
	u64 count;
	u32 flags;
	u32 reserved;
};

static const struct file_operations *luo_eventfd_fops;

static void luo_eventfd_save(struct liveupdate_file_op_args *args)
{
	struct luo_eventfd_ser *ser = phys_to_virt(args->serialized_data);
	struct luo_eventfd_ctx *ctx = args->file->private_data;

	ser->count = READ_ONCE(ctx->count);
	ser->flags = (ctx->flags & EFD_SEMAPHORE) |
		     (READ_ONCE(args->file->f_flags) & O_NONBLOCK);
}

static bool luo_eventfd_can_preserve(struct liveupdate_file_handler *handler,
				     struct file *file)
{
	return file->f_op == luo_eventfd_fops;
}

static int luo_eventfd_preserve(struct liveupdate_file_op_args *args)
{
	struct luo_eventfd_ser *ser = kho_alloc_preserve(sizeof(*ser));

	if (IS_ERR(ser))
		return PTR_ERR(ser);
	ser->tag = liveupdate_file_tag(args);
	args->serialized_data = virt_to_phys(ser);
	luo_eventfd_save(args);
	return 0;
}

static void luo_eventfd_unpreserve(struct liveupdate_file_op_args *args)
{
	kho_unpreserve_free(phys_to_virt(args->serialized_data));
}

static int luo_eventfd_freeze(struct liveupdate_file_op_args *args)
{
	luo_eventfd_save(args);
	return 0;
}

static u64 luo_eventfd_preserved_bytes(struct liveupdate_file_op_args *args)
{
	return PAGE_SIZE;
}

/* Claimed once: private_data says that it was, and that it is whole. */
static struct luo_eventfd_ser *
luo_eventfd_load(struct liveupdate_file_op_args *args)
{
	struct luo_eventfd_ser *ser = args->private_data;
	int order;

	if (ser)
		return ser;
	order = kho_claim(args->serialized_data);
	if (order < 0)
		return NULL;

	ser = phys_to_virt(args->serialized_data);
	if (order || ser->tag != liveupdate_file_tag(args) ||
	    ser->flags & ~(EFD_SEMAPHORE | O_NONBLOCK)) {
		kho_unclaim(args->serialized_data);
		return NULL;
	}
	args->private_data = ser;
	return ser;
}

static int luo_eventfd_retrieve(struct liveupdate_file_op_args *args)
{
	struct luo_eventfd_ser *ser = luo_eventfd_load(args);
	struct file *file;

	if (!ser)
		return -EUCLEAN;
	file = eventfd_getfile(ser->count, ser->flags);
	if (IS_ERR(file))
		return PTR_ERR(file);
	args->file = file;
	return 0;
}

static void luo_eventfd_finish(struct liveupdate_file_op_args *args)
{
	struct luo_eventfd_ser *ser = luo_eventfd_load(args);

	if (ser)
		kho_restore_free(ser);
}

static const struct liveupdate_file_ops luo_eventfd_ops = {
	.can_preserve = luo_eventfd_can_preserve,
	.preserve = luo_eventfd_preserve,
	.unpreserve = luo_eventfd_unpreserve,
	.freeze = luo_eventfd_freeze,
	.retrieve = luo_eventfd_retrieve,
	.retrieve_retryable = true,
	.finish = luo_eventfd_finish,
	.preserved_bytes = luo_eventfd_preserved_bytes,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler luo_eventfd_handler = {
	.ops = &luo_eventfd_ops,
	.compatible = "eventfd-native-v1",
};

static int __init luo_eventfd_init(void)
{
	struct file *file = eventfd_getfile(0, 0);

	if (IS_ERR(file))
		return PTR_ERR(file);
	luo_eventfd_fops = file->f_op;
	fput(file);
	return liveupdate_register_file_handler(&luo_eventfd_handler);
}
module_init(luo_eventfd_init);

static void __exit luo_eventfd_exit(void)
{
	liveupdate_unregister_file_handler(&luo_eventfd_handler);
}
module_exit(luo_eventfd_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A handler for eventfds, in C");
