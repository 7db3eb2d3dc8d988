// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: files whose handler is in BPF.
 *
 * To the core these are files like any other: the callbacks here keep the
 * record and call the programs. Each call holds a reference to the programs
 * that it runs, so that they can be replaced or taken away at any time.
 */
#include <linux/bpf.h>
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/slab.h>

#include "luo_bpf.h"

/* Says why a callback fails, unless the program has said so already. */
void luo_bpf_message(struct luo_bpf_file *bf, const char *fmt, ...)
{
	va_list args;

	if (bf->message)
		return;
	va_start(args, fmt);
	bf->message = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
}

/*
 * The handler has a reference of its own, so there is something to get, but for
 * the moment in which programs are replaced.
 */
static const struct luo_bpf_ops *luo_bpf_ops_get(struct luo_bpf_handler *h)
{
	const struct luo_bpf_ops *ops;

	guard(rcu)();
	do {
		ops = rcu_dereference(h->ops);
	} while (!bpf_struct_ops_get(ops));
	return ops;
}

/* A moment later it may be otherwise: who has got the programs asks these. */
static bool luo_bpf_has(struct luo_bpf_handler *h, u32 callback)
{
	return READ_ONCE(h->has) & callback;
}

static const struct luo_bpf_ops *luo_bpf_enter(struct luo_bpf_file *bf,
					       const char *callback)
{
	if (!bf->ops)
		bf->ops = luo_bpf_ops_get(bf->handler);
	bf->callback = callback;
	bf->error = 0;
	return bf->ops;
}

static void luo_bpf_exit(struct luo_bpf_file *bf)
{
	if (bf->shared)
		luo_bpf_shared_put(bf);
	bpf_struct_ops_put(bf->ops);
	bf->ops = NULL;
	bf->writable = false;
	kfree(bf->message);
	bf->message = NULL;
}

/* Behind a callback that can fail, whose message goes to the core. */
static int luo_bpf_exit_err(struct luo_bpf_file *bf, int err,
			    struct liveupdate_file_op_args *args)
{
	if (err > 0 || err < -MAX_ERRNO) {
		luo_bpf_message(bf, "%s returned %d, which is no errno",
				bf->callback, err);
		err = -EINVAL;
	}
	if (err)
		args->message = no_free_ptr(bf->message);
	luo_bpf_exit(bf);
	return err;
}

/* Callbacks without a record */

static void luo_bpf_file_init(struct luo_bpf_file *bf,
			      struct luo_bpf_handler *h, struct file *file)
{
	memset(bf, 0, sizeof(*bf));
	bf->handler = h;
	bf->file = file;
	bf->ctx.f_flags = file ? file->f_flags : 0;
}

/* @ops: which programs to ask, a reference to them; NULL for those in place. */
static bool luo_bpf_ask(struct luo_bpf_handler *h, const struct luo_bpf_ops *ops,
			struct file *file)
{
	struct luo_bpf_file bf;
	bool can = true;

	luo_bpf_file_init(&bf, h, file);
	bf.ops = ops;
	ops = luo_bpf_enter(&bf, "can_preserve");
	bf.ctx.version = luo_bpf_version(ops);
	if (ops->can_preserve)
		can = ops->can_preserve(&bf.ctx, file);
	luo_bpf_exit(&bf);
	return can;
}

static bool luo_bpf_can_preserve(struct liveupdate_file_handler *fh,
				 struct file *file)
{
	struct luo_bpf_handler *h = luo_bpf_handler_of(fh);

	return !luo_bpf_has(h, LUO_BPF_CAN_PRESERVE) ||
	       luo_bpf_ask(h, NULL, file);
}

static bool luo_bpf_get_file_id(struct liveupdate_file_handler *fh,
				struct file *file, unsigned long *id)
{
	struct luo_bpf_handler *h = luo_bpf_handler_of(fh);
	const struct luo_bpf_ops *ops;
	struct luo_bpf_file bf;
	bool has;

	if (!luo_bpf_has(h, LUO_BPF_GET_ID))
		return false;

	luo_bpf_file_init(&bf, h, file);
	ops = luo_bpf_enter(&bf, "get_id");
	bf.ctx.version = luo_bpf_version(ops);
	has = ops->get_id;
	if (has)
		*id = ops->get_id(&bf.ctx, file);
	luo_bpf_exit(&bf);
	return has;
}

/* Before the kexec */

#define LUO_BPF_JUST_REPLACED \
	"the handler was just replaced by one that does not take such files"

/* Makes it the handler's, with the programs that are in place just now. */
static void luo_bpf_file_add(struct luo_bpf_file *bf)
{
	struct luo_bpf_handler *h = bf->handler;

	lockdep_assert_held(&h->lock);

	bf->ops = rcu_dereference_protected(h->ops, lockdep_is_held(&h->lock));
	bpf_struct_ops_get(bf->ops);
	if (!bf->ctx.version)
		bf->ctx.version = luo_bpf_version(bf->ops);
	list_add_tail(&bf->list, &h->files);
}

/*
 * The programs may have been replaced since the handler was found, by some that
 * do not take such files. Then it is as if that had come first.
 */
static int luo_bpf_file_take(struct luo_bpf_file *bf)
{
	struct luo_bpf_handler *h = bf->handler;

	guard(mutex)(&h->lock);

	if (h->named && !luo_bpf_fops_has(h, bf->file->f_op))
		return -ENOENT;
	luo_bpf_file_add(bf);
	return 0;
}

/* The same for those that their can_preserve refuses. */
static bool luo_bpf_file_taken(struct luo_bpf_file *bf)
{
	if (!READ_ONCE(bf->handler->replaced) || !bf->ops->can_preserve)
		return true;
	bpf_struct_ops_get(bf->ops);
	return luo_bpf_ask(bf->handler, bf->ops, bf->file);
}

static struct luo_bpf_file *
luo_bpf_file_alloc(struct liveupdate_file_op_args *args)
{
	struct luo_session *session = luo_session_of(args->session);
	struct luo_bpf_file *bf = kmalloc_obj(*bf, GFP_KERNEL_ACCOUNT);

	if (!bf)
		return NULL;
	luo_bpf_file_init(bf, luo_bpf_handler_of(args->handler), args->file);
	memcpy(bf->ctx.session, session->name, sizeof(bf->ctx.session));
	bf->ctx.token = args->token;
	bf->session = args->session;
	INIT_LIST_HEAD(&bf->list);
	return bf;
}

static void luo_bpf_file_free(struct luo_bpf_file *bf)
{
	scoped_guard(mutex, &bf->handler->lock)
		list_del(&bf->list);
	if (bf->object || bf->parts)
		luo_bpf_object_drop(bf);
	luo_bpf_record_free(&bf->record);
	put_cred(bf->cred);
	if (bf->root.mnt)
		path_put(&bf->root);
	kfree(bf);
}

static int luo_bpf_call_preserve(struct luo_bpf_file *bf,
				 struct liveupdate_file_op_args *args)
{
	const struct luo_bpf_ops *ops;
	int err = -ENOENT;

	ops = luo_bpf_enter(bf, "preserve");
	bf->writable = true;
	if (luo_bpf_file_taken(bf))
		err = ops->preserve(&bf->ctx, args->file);
	else
		luo_bpf_message(bf, LUO_BPF_JUST_REPLACED);
	return luo_bpf_exit_err(bf, err, args);
}

static int luo_bpf_preserve(struct liveupdate_file_op_args *args)
{
	struct luo_bpf_file *bf = luo_bpf_file_alloc(args);
	int err;

	if (!bf)
		return -ENOMEM;

	err = luo_bpf_record_create(&bf->record, 0);
	if (err) {
		kfree(bf);
		return err;
	}
	err = luo_bpf_file_take(bf);
	if (err) {
		args->message = kstrdup(LUO_BPF_JUST_REPLACED, GFP_KERNEL);
		luo_bpf_record_free(&bf->record);
		kfree(bf);
		return err;
	}

	bf->cred = get_current_cred();
	bf->record.ser->version = bf->ctx.version;
	luo_bpf_save(bf);

	err = luo_bpf_call_preserve(bf, args);
	if (err) {
		luo_bpf_file_free(bf);
		return err;
	}

	args->serialized_data = virt_to_phys(bf->record.ser);
	args->private_data = bf;
	return 0;
}

static void luo_bpf_unpreserve(struct liveupdate_file_op_args *args)
{
	struct luo_bpf_file *bf = args->private_data;
	const struct luo_bpf_ops *ops;

	if (luo_bpf_has(bf->handler, LUO_BPF_UNPRESERVE)) {
		ops = luo_bpf_enter(bf, "unpreserve");
		if (ops->unpreserve)
			ops->unpreserve(&bf->ctx, args->file);
		luo_bpf_exit(bf);
	}
	luo_bpf_file_free(bf);
}

static int luo_bpf_freeze(struct liveupdate_file_op_args *args)
{
	struct luo_bpf_file *bf = args->private_data;
	const struct luo_bpf_ops *ops = luo_bpf_enter(bf, "freeze");
	int err = 0;

	luo_bpf_save(bf);
	bf->writable = true;
	if (ops->freeze)
		err = ops->freeze(&bf->ctx, args->file);
	err = luo_bpf_exit_err(bf, err, args);
	if (err) {
		luo_bpf_object_unclaim(bf);
		return err;
	}

	luo_bpf_record_write(&bf->record, liveupdate_file_tag(args));
	if (bf->handler->shared)
		luo_bpf_shared_freeze(bf->handler);
	return 0;
}

static void luo_bpf_unfreeze(struct liveupdate_file_op_args *args)
{
	struct luo_bpf_file *bf = args->private_data;
	const struct luo_bpf_ops *ops = luo_bpf_enter(bf, "unfreeze");

	if (ops->unfreeze)
		ops->unfreeze(&bf->ctx, args->file);
	luo_bpf_exit(bf);
	luo_bpf_object_unclaim(bf);
}

/* Behind the kexec */

/*
 * Finds the record, with the first callback that there is, which is to follow.
 * It stays with the file, whatever the callback says.
 */
static int luo_bpf_load(struct liveupdate_file_op_args *args)
{
	struct luo_bpf_file *bf;
	int err;

	if (args->private_data)
		return 0;

	bf = luo_bpf_file_alloc(args);
	if (!bf)
		return -ENOMEM;
	err = luo_bpf_record_read(&bf->record, args->serialized_data,
				  liveupdate_file_tag(args));
	if (err) {
		kfree(bf);
		return err;
	}

	bf->ctx.version = bf->record.ser->version;
	bf->ctx.f_flags = bf->record.ser->f_flags;
	scoped_guard(mutex, &bf->handler->lock)
		luo_bpf_file_add(bf);
	args->private_data = bf;
	return 0;
}

static bool luo_bpf_readable(struct luo_bpf_file *bf,
			     const struct luo_bpf_ops *ops)
{
	if (luo_bpf_reads(ops, bf->ctx.version))
		return true;
	luo_bpf_message(bf, "the state is of version %u, the handler reads %u to %u",
			bf->ctx.version,
			luo_bpf_min_version(ops), luo_bpf_version(ops));
	return false;
}

static int luo_bpf_retrieve(struct liveupdate_file_op_args *args)
{
	struct luo_bpf_opened opened = {};
	const struct luo_bpf_ops *ops;
	struct luo_bpf_file *bf;
	int err;

	err = luo_bpf_load(args);
	if (err)
		return err;

	bf = args->private_data;
	bf->file = NULL;
	bf->opened = &opened;
	ops = luo_bpf_enter(bf, "retrieve");
	if (luo_bpf_readable(bf, ops))
		err = luo_bpf_made(bf, ops->retrieve(&bf->ctx));
	else
		err = -EPROTONOSUPPORT;
	bf->opened = NULL;
	luo_bpf_mounts_free(opened.mounts);
	if (err)
		luo_bpf_object_drop(bf);
	args->file = bf->file;
	bf->file = NULL;
	return luo_bpf_exit_err(bf, err, args);
}

/*
 * The record is needed by finish, which can't fail. A damaged one is reported
 * there; it does not keep others waiting.
 */
static bool luo_bpf_can_finish(struct liveupdate_file_op_args *args)
{
	const struct luo_bpf_ops *ops;
	struct luo_bpf_file *bf;
	bool can = true;
	int err;

	err = luo_bpf_load(args);
	if (err == -ENOMEM) {
		args->message = kstrdup("no memory for its record, finish again",
					GFP_KERNEL);
		return false;
	}
	if (err)
		return true;

	bf = args->private_data;
	if (!luo_bpf_has(bf->handler, LUO_BPF_CAN_FINISH)) {
		/* What was loaded just now has programs, which may be replaced. */
		if (bf->ops)
			luo_bpf_exit(bf);
		return true;
	}
	bf->ctx.retrieve_status = args->retrieve_status;
	ops = luo_bpf_enter(bf, "can_finish");
	if (ops->can_finish && luo_bpf_reads(ops, bf->ctx.version))
		can = ops->can_finish(&bf->ctx);
	if (!can)
		args->message = no_free_ptr(bf->message);
	luo_bpf_exit(bf);
	return can;
}

static void luo_bpf_finish(struct liveupdate_file_op_args *args)
{
	const struct luo_bpf_ops *ops;
	struct luo_bpf_file *bf;

	/* Loaded by can_finish, if that was possible. */
	if (!args->private_data) {
		luo_log_file(luo_session_of(args->session),
			     "record of file %#llx is damaged, its memory stays reserved",
			     args->token);
		return;
	}

	bf = args->private_data;
	bf->ctx.retrieve_status = args->retrieve_status;
	if (luo_bpf_has(bf->handler, LUO_BPF_FINISH)) {
		ops = luo_bpf_enter(bf, "finish");
		if (ops->finish && luo_bpf_reads(ops, bf->ctx.version))
			ops->finish(&bf->ctx);
		luo_bpf_exit(bf);
	}
	luo_bpf_file_free(bf);
}

static u64 luo_bpf_preserved_bytes(struct liveupdate_file_op_args *args)
{
	struct luo_bpf_file *bf = args->private_data;

	return bf ? luo_bpf_record_bytes(&bf->record) :
		    luo_bpf_record_peek(args->serialized_data);
}

const struct liveupdate_file_ops luo_bpf_file_ops = {
	.can_preserve = luo_bpf_can_preserve,
	.get_file_id = luo_bpf_get_file_id,
	.preserve = luo_bpf_preserve,
	.unpreserve = luo_bpf_unpreserve,
	.freeze = luo_bpf_freeze,
	.unfreeze = luo_bpf_unfreeze,
	.retrieve = luo_bpf_retrieve,
	.retrieve_retryable = true,
	.can_finish = luo_bpf_can_finish,
	.finish = luo_bpf_finish,
	.preserved_bytes = luo_bpf_preserved_bytes,
	.release = luo_bpf_release,
};
