// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: the registered file handlers.
 *
 * A handler that is found is in use, and so is its module, until it is put. A
 * file keeps its handler in use from preserve to unpreserve, and in the next
 * kernel from the first retrieve to finish.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/list_private.h>
#include <linux/module.h>
#include <linux/rwsem.h>
#include <linux/stringhash.h>
#include <linux/wait_bit.h>

#include "luo_internal.h"

static DECLARE_RWSEM(luo_handlers_lock);
static struct rhashtable luo_handlers;
static LIST_HEAD(luo_handlers_list);

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

int __init luo_handler_init(void)
{
	return rhashtable_init(&luo_handlers, &luo_handler_params);
}

static bool luo_handler_get(struct liveupdate_file_handler *fh)
{
	if (!try_module_get(fh->ops->owner))
		return false;
	atomic_inc(&ACCESS_PRIVATE(fh, users));
	return true;
}

/* Lets go of what luo_handler_for_file() or luo_handler_by_name() found. */
void luo_handler_put(struct liveupdate_file_handler *fh)
{
	struct module *owner = fh->ops->owner;

	/* Behind the decrement the handler may be gone, but not its module. */
	if (atomic_dec_and_test(&ACCESS_PRIVATE(fh, users)))
		wake_up_var(&ACCESS_PRIVATE(fh, users));
	module_put(owner);
}

/**
 * luo_handler_for_file - find the handler that takes a file
 * @file: the file
 *
 * Handlers are asked in the order of their registration.
 *
 * Context: may sleep.
 * Return: the handler, in use, or NULL.
 */
struct liveupdate_file_handler *luo_handler_for_file(struct file *file)
{
	struct liveupdate_file_handler *fh;

	guard(rwsem_read)(&luo_handlers_lock);

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

	atomic_set(&ACCESS_PRIVATE(fh, users), 0);

	guard(rwsem_write)(&luo_handlers_lock);

	err = rhashtable_lookup_insert_fast(&luo_handlers, &fh->node,
					    luo_handler_params);
	if (err)
		return err;
	list_add_tail(&ACCESS_PRIVATE(fh, list), &luo_handlers_list);
	return 0;
}
EXPORT_SYMBOL_GPL(liveupdate_register_file_handler);

/**
 * liveupdate_unregister_file_handler - take a handler back
 * @fh: what was registered
 *
 * No file gets the handler from here on. Files that have it keep it, and this
 * waits until the last of them is unpreserved or finished: when it returns, no
 * callback runs and none will. A module that is its handler's owner can't be
 * unloaded before that in the first place, so its exit does not wait.
 *
 * Context: may sleep, possibly for long. Not from a callback of a handler, and
 * not with a lock that one takes.
 */
void liveupdate_unregister_file_handler(struct liveupdate_file_handler *fh)
{
	if (!liveupdate_enabled())
		return;

	scoped_guard(rwsem_write, &luo_handlers_lock) {
		rhashtable_remove_fast(&luo_handlers, &fh->node,
				       luo_handler_params);
		list_del(&ACCESS_PRIVATE(fh, list));
	}

	wait_var_event(&ACCESS_PRIVATE(fh, users),
		       !atomic_read(&ACCESS_PRIVATE(fh, users)));
}
EXPORT_SYMBOL_GPL(liveupdate_unregister_file_handler);
