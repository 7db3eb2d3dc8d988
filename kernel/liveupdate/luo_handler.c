// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: the registered file handlers.
 *
 * A handler that is found is in use, and so is its module, until it is put. A
 * file keeps its handler in use from preserve to unpreserve, and in the next
 * kernel from the first retrieve to finish.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/fs.h>
#include <linux/kho/abi/luo_bpf.h>
#include <linux/list_private.h>
#include <linux/module.h>
#include <linux/rwsem.h>
#include <linux/stringhash.h>
#include <linux/wait_bit.h>

#include "luo_internal.h"

static DECLARE_RWSEM(luo_handlers_lock);
static struct rhashtable luo_handlers;
static LIST_HEAD(luo_handlers_list);
static struct rhltable luo_fops;

/* By the string, whatever stands behind its end, which has been checked. */
static u32 luo_handler_hash(const void *key, u32 len, u32 seed)
{
	return hashlen_hash(hashlen_string((void *)(unsigned long)seed, key));
}

static int luo_handler_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct liveupdate_file_handler *fh = obj;

	return strncmp(arg->key, fh->compatible, sizeof(fh->compatible));
}

static const struct rhashtable_params luo_handler_params = {
	.key_len = LIVEUPDATE_HNDL_COMPAT_LENGTH,
	.key_offset = offsetof(struct liveupdate_file_handler, compatible),
	.head_offset = offsetof(struct liveupdate_file_handler, node),
	.hashfn = luo_handler_hash,
	.obj_cmpfn = luo_handler_cmp,
	.automatic_shrinking = true,
};

static const struct rhashtable_params luo_fop_params = {
	.key_len = sizeof(const struct file_operations *),
	.key_offset = offsetof(struct luo_handler_fop, f_op),
	.head_offset = offsetof(struct luo_handler_fop, node),
	.automatic_shrinking = true,
};

int __init luo_handler_init(void)
{
	int err = rhashtable_init(&luo_handlers, &luo_handler_params);

	return err ?: rhltable_init(&luo_fops, &luo_fop_params);
}

/* All handlers, to be walked under RCU. */
struct rhashtable *luo_handler_table(void)
{
	return &luo_handlers;
}

/* For a handler with a release: false if that is due, or it is not registered yet. */
bool luo_handler_tryget(struct liveupdate_file_handler *fh)
{
	if (!try_module_get(fh->ops->owner))
		return false;
	if (atomic_inc_not_zero(&ACCESS_PRIVATE(fh, users)))
		return true;
	module_put(fh->ops->owner);
	return false;
}

static bool luo_handler_get(struct liveupdate_file_handler *fh)
{
	/* Its fops are found before it is registered. */
	if (fh->ops->release)
		return luo_handler_tryget(fh);
	if (!try_module_get(fh->ops->owner))
		return false;
	atomic_inc(&ACCESS_PRIVATE(fh, users));
	return true;
}

/* A handler with a release counts its registration as a user too. */
static void luo_handler_drop(struct liveupdate_file_handler *fh)
{
	const struct liveupdate_file_ops *ops = fh->ops;

	if (!atomic_dec_and_test(&ACCESS_PRIVATE(fh, users)))
		return;
	if (ops->release) {
		luo_flb_drop_handler(fh);
		ops->release(fh);
	} else {
		wake_up_var(&ACCESS_PRIVATE(fh, users));
	}
}

/* Lets go of what luo_handler_for_file() or luo_handler_by_name() found. */
void luo_handler_put(struct liveupdate_file_handler *fh)
{
	struct module *owner = fh->ops->owner;

	/* Behind this the handler may be gone, but not its module. */
	luo_handler_drop(fh);
	module_put(owner);
}

int luo_handler_users(struct liveupdate_file_handler *fh)
{
	return atomic_read(&ACCESS_PRIVATE(fh, users));
}

/* What is in the index stays there: changing it takes the lock for writing. */
static struct rhlist_head *luo_fop_find(const struct file_operations *f_op)
{
	guard(rcu)();
	return rhltable_lookup(&luo_fops, &f_op, luo_fop_params);
}

static struct luo_handler_fop *luo_fop_of(struct rhlist_head *node)
{
	return container_of(node, struct luo_handler_fop, node);
}

static struct liveupdate_file_handler *luo_handler_by_fop(struct file *file)
{
	struct rhlist_head *node = luo_fop_find(file->f_op);
	struct liveupdate_file_handler *fh;

	for (; node; node = rcu_dereference_raw(node->next)) {
		fh = luo_fop_of(node)->fh;
		if (fh->ops->can_preserve(fh, file) && luo_handler_get(fh))
			return fh;
	}
	return NULL;
}

/**
 * luo_handler_add_fop - have a handler found by the f_op of files
 * @fop: what is to be found; the caller's until it is removed
 *
 * Context: may sleep. Not from a callback of a handler.
 * Return: 0, -ENOMEM, or -EBUSY if such files are another handler's already and
 * not both share them.
 */
int luo_handler_add_fop(struct luo_handler_fop *fop)
{
	struct rhlist_head *node;

	guard(rwsem_write)(&luo_handlers_lock);

	node = luo_fop_find(fop->f_op);
	for (; node; node = rcu_dereference_raw(node->next)) {
		struct luo_handler_fop *other = luo_fop_of(node);

		if (other->fh != fop->fh && !(other->shared && fop->shared))
			return -EBUSY;
	}
	return rhltable_insert(&luo_fops, &fop->node, luo_fop_params);
}

/* The caller waits for RCU before it frees @fop. */
void luo_handler_remove_fop(struct luo_handler_fop *fop)
{
	guard(rwsem_write)(&luo_handlers_lock);
	rhltable_remove(&luo_fops, &fop->node, luo_fop_params);
}

/**
 * luo_handler_for_file - find the handler that takes a file
 * @file: the file
 *
 * First those that named the file's f_op, then the others in the order of their
 * registration.
 *
 * Context: may sleep.
 * Return: the handler, in use, or NULL.
 */
struct liveupdate_file_handler *luo_handler_for_file(struct file *file)
{
	struct liveupdate_file_handler *fh;

	/* A session inside of one would never be closed. */
	if (luo_is_own(file))
		return NULL;

	guard(rwsem_read)(&luo_handlers_lock);

	fh = luo_handler_by_fop(file);
	if (fh)
		return fh;

	list_private_for_each_entry(fh, &luo_handlers_list, list) {
		if (fh->ops->can_preserve(fh, file) && luo_handler_get(fh))
			return fh;
	}
	return NULL;
}

/**
 * luo_handler_by_name - find the handler that a record names
 * @compatible: LIVEUPDATE_HNDL_COMPAT_LENGTH bytes, terminated
 *
 * Context: may sleep.
 * Return: the handler, in use, or NULL.
 */
struct liveupdate_file_handler *luo_handler_by_name(const char *compatible)
{
	struct liveupdate_file_handler *fh;

	guard(rwsem_read)(&luo_handlers_lock);

	fh = rhashtable_lookup_fast(&luo_handlers, compatible,
				    luo_handler_params);
	return fh && luo_handler_get(fh) ? fh : NULL;
}

static bool luo_handler_ok(const struct liveupdate_file_handler *fh)
{
	const struct liveupdate_file_ops *ops = fh->ops;

	return ops && ops->can_preserve && ops->preserve && ops->unpreserve &&
	       ops->retrieve && ops->finish &&
	       luo_string_ok(fh->compatible, sizeof(fh->compatible));
}

/**
 * liveupdate_register_file_handler - make a type of file preservable
 * @fh: the handler; the caller's, stays in place until it is unregistered
 *
 * From now on files that its can_preserve accepts can be preserved, and files
 * that the previous kernel preserved under the same compatible string, which
 * were without a handler so far, can be retrieved.
 *
 * Context: may sleep. Not from a callback of a handler.
 * Return: 0, -EINVAL if a required callback or the compatible string is
 * missing, -EEXIST if the string is taken, -EOPNOTSUPP if live update is off.
 */
int liveupdate_register_file_handler(struct liveupdate_file_handler *fh)
{
	int err;

	if (!liveupdate_enabled())
		return -EOPNOTSUPP;
	if (!luo_handler_ok(fh)) {
		pr_err("handler refused: callbacks or compatible string missing\n");
		return -EINVAL;
	}
	if (strstarts(fh->compatible, LUO_BPF_PREFIX)) {
		pr_err("handler '%s' refused: such names are for BPF\n",
		       fh->compatible);
		return -EINVAL;
	}

	err = luo_handler_register(fh, true);
	if (!err)
		liveupdate_test_register(fh);
	return err;
}
EXPORT_SYMBOL_GPL(liveupdate_register_file_handler);

/**
 * luo_handler_register - let files find a handler
 * @fh:     the handler
 * @listed: its can_preserve is to be asked about every file
 *
 * Also for a handler with a release that was unregistered and is in use still,
 * one use of which becomes the registration's.
 *
 * Return: 0, or -EEXIST if its compatible string is taken.
 */
int luo_handler_register(struct liveupdate_file_handler *fh, bool listed)
{
	int err;

	guard(rwsem_write)(&luo_handlers_lock);

	err = rhashtable_lookup_insert_fast(&luo_handlers, &fh->node,
					    luo_handler_params);
	if (err)
		return err;
	if (!luo_handler_users(fh))
		atomic_set(&ACCESS_PRIVATE(fh, users), fh->ops->release ? 1 : 0);
	INIT_LIST_HEAD(&ACCESS_PRIVATE(fh, list));
	if (listed)
		list_add_tail(&ACCESS_PRIVATE(fh, list), &luo_handlers_list);
	return 0;
}

/**
 * liveupdate_unregister_file_handler - take a handler back
 * @fh: what was registered; if that failed, nothing is done
 *
 * No file gets the handler from here on. Files that have it keep it, and this
 * waits until the last of them is unpreserved or finished: when it returns, none
 * of its callbacks runs and none will. A module that is its handler's owner can't
 * be unloaded before that in the first place, so its exit does not wait. If the
 * handler has a release, this does not wait either.
 *
 * The handler's FLBs are taken off it. Those of its own module are unregistered
 * as by liveupdate_unregister_flb(). What has another owner may stay in use: who
 * wants to free such an FLB calls that before.
 *
 * Context: may sleep, possibly for long. Not from a callback of a handler, and
 * not with a lock that one takes.
 */
void liveupdate_unregister_file_handler(struct liveupdate_file_handler *fh)
{
	if (!liveupdate_enabled())
		return;

	scoped_guard(rwsem_write, &luo_handlers_lock) {
		if (rhashtable_remove_fast(&luo_handlers, &fh->node,
					   luo_handler_params))
			return;
		list_del(&ACCESS_PRIVATE(fh, list));
	}

	if (fh->ops->release) {
		luo_handler_drop(fh);
		return;
	}
	wait_var_event(&ACCESS_PRIVATE(fh, users),
		       !atomic_read(&ACCESS_PRIVATE(fh, users)));
	luo_flb_unregister_all(fh);
	synchronize_rcu();
}
EXPORT_SYMBOL_GPL(liveupdate_unregister_file_handler);
