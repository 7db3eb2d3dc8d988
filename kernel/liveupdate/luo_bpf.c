// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: attaching handlers in BPF.
 *
 * A handler is a struct luo_bpf_ops struct_ops map, attached by a link. There
 * is one struct luo_bpf_handler for each compatible string. Updating the link
 * replaces its programs. When the link goes, no new file gets the handler, but
 * files that have it keep it and its programs, until they are done or the same
 * compatible string is attached again.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/ctype.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/security.h>
#include <linux/slab.h>

#include "luo_bpf.h"

static_assert(sizeof(LUO_BPF_PREFIX) - 1 + LUO_BPF_COMPAT_LEN ==
	      LIVEUPDATE_HNDL_COMPAT_LENGTH);

static DEFINE_MUTEX(luo_bpf_mutex);
static LIST_HEAD(luo_bpf_handlers);

/* What can be asked for */

static int luo_bpf_check_rights(void)
{
	int err;

	if (!liveupdate_enabled()) {
		pr_err("handler refused: live update is off\n");
		return -EOPNOTSUPP;
	}
	if (!capable(CAP_SYS_ADMIN)) {
		pr_err("handler refused: needs CAP_SYS_ADMIN in the initial user namespace\n");
		return -EPERM;
	}
	/* Handlers copy what is inside of files to where others read it. */
	err = security_locked_down(LOCKDOWN_BPF_READ_KERNEL);
	if (err)
		pr_err("handler refused: the kernel is locked down\n");
	return err;
}

/* It is a file name in bpffs, and stands in logs. */
static int luo_bpf_check_name(const char *name, const char *what)
{
	size_t len = strnlen(name, LUO_BPF_COMPAT_LEN);

	if (len == LUO_BPF_COMPAT_LEN) {
		pr_err("handler refused: its %s is longer than %d\n", what,
		       LUO_BPF_COMPAT_LEN - 1);
		return -ENAMETOOLONG;
	}
	for (size_t i = 0; i < len; i++) {
		if (!isalnum(name[i]) && !strchr("-_.+", name[i])) {
			pr_err("handler refused: its %s has characters other than letters, digits and -_.+\n",
			       what);
			return -EILSEQ;
		}
	}
	return 0;
}

static int luo_bpf_check_ops(const struct luo_bpf_ops *ops)
{
	int err = luo_bpf_check_name(ops->compatible, "compatible string");

	if (!err && !*ops->compatible) {
		pr_err("handler refused: its compatible string is empty\n");
		err = -EINVAL;
	}
	if (!err)
		err = luo_bpf_check_name(ops->shared, "name of shared state");
	if (err)
		return err;
	if (!ops->preserve || !ops->retrieve) {
		pr_err("handler '%s' refused: it has no %s\n", ops->compatible,
		       ops->preserve ? "retrieve" : "preserve");
		return -ENOEXEC;
	}
	if (!*ops->fops && !ops->can_preserve) {
		pr_err("handler '%s' refused: neither fops nor can_preserve say which files it takes\n",
		       ops->compatible);
		return -EDESTADDRREQ;
	}
	if (ops->min_version > luo_bpf_version(ops)) {
		pr_err("handler '%s' refused: reads version %u at least, writes %u\n",
		       ops->compatible, ops->min_version, luo_bpf_version(ops));
		return -ERANGE;
	}
	if (ops->max_bytes > LUO_BPF_MAX_BYTES) {
		pr_err("handler '%s' refused: max_bytes is %llu, the limit is %llu\n",
		       ops->compatible, ops->max_bytes, LUO_BPF_MAX_BYTES);
		return -EFBIG;
	}
	return 0;
}

/* Attaching */

static struct luo_bpf_handler *luo_bpf_find(const char *name)
{
	struct luo_bpf_handler *h;

	lockdep_assert_held(&luo_bpf_mutex);

	list_for_each_entry(h, &luo_bpf_handlers, list) {
		if (!strcmp(h->fh.compatible + strlen(LUO_BPF_PREFIX), name) &&
		    luo_handler_tryget(&h->fh))
			return h;
	}
	return NULL;
}

static void luo_bpf_free_work(struct work_struct *work)
{
	struct luo_bpf_handler *h = container_of(work, struct luo_bpf_handler,
						 work);

	scoped_guard(mutex, &luo_bpf_mutex)
		list_del(&h->list);
	luo_bpf_fops_free(h->fops);
	bpf_struct_ops_put(rcu_access_pointer(h->ops));
	mutex_destroy(&h->lock);
	kfree(h);
}

/* Detached, and no file has it any more: called with locks that others take. */
void luo_bpf_release(struct liveupdate_file_handler *fh)
{
	queue_work(system_dfl_wq, &luo_bpf_handler_of(fh)->work);
}

static struct luo_bpf_handler *luo_bpf_alloc(const struct luo_bpf_ops *ops)
{
	struct luo_bpf_handler *h = kzalloc_obj(*h);

	if (!h)
		return NULL;
	h->fh.ops = &luo_bpf_file_ops;
	snprintf((char *)h->fh.compatible, sizeof(h->fh.compatible),
		 LUO_BPF_PREFIX "%s", ops->compatible);
	mutex_init(&h->lock);
	INIT_WORK(&h->work, luo_bpf_free_work);
	INIT_LIST_HEAD(&h->files);
	return h;
}

/*
 * Each file whose state the old programs could read must be readable for the
 * new ones: they take over from here on. There may be many, and most often new
 * programs read all that the old ones do.
 */
static bool luo_bpf_replaces(struct luo_bpf_handler *h,
			     const struct luo_bpf_ops *old,
			     const struct luo_bpf_ops *new)
{
	struct luo_bpf_file *bf;

	lockdep_assert_held(&h->lock);

	if (luo_bpf_reads(new, luo_bpf_min_version(old)) &&
	    luo_bpf_reads(new, luo_bpf_version(old)))
		return true;
	list_for_each_entry(bf, &h->files, list) {
		if (luo_bpf_reads(old, bf->ctx.version) &&
		    !luo_bpf_reads(new, bf->ctx.version))
			return false;
		cond_resched();
	}
	return true;
}

static u32 luo_bpf_callbacks(const struct luo_bpf_ops *ops)
{
	return (ops->can_preserve ? LUO_BPF_CAN_PRESERVE : 0) |
	       (ops->get_id ? LUO_BPF_GET_ID : 0) |
	       (ops->unpreserve ? LUO_BPF_UNPRESERVE : 0) |
	       (ops->can_finish ? LUO_BPF_CAN_FINISH : 0) |
	       (ops->finish ? LUO_BPF_FINISH : 0);
}

/* Takes over @fops if it succeeds. */
static int luo_bpf_replace(struct luo_bpf_handler *h, struct luo_bpf_ops *ops,
			   struct luo_bpf_fops *fops)
{
	struct luo_bpf_fops *old_fops;
	struct luo_bpf_ops *old;

	scoped_guard(mutex, &h->lock) {
		old = rcu_dereference_protected(h->ops,
						lockdep_is_held(&h->lock));
		if (!luo_bpf_replaces(h, old, ops))
			return -EINVAL;
		bpf_struct_ops_get(ops);
		rcu_assign_pointer(h->ops, ops);
		WRITE_ONCE(h->has, luo_bpf_callbacks(ops));
		WRITE_ONCE(h->replaced, true);
		old_fops = h->fops;
		h->fops = fops;
	}
	if (h->link)
		luo_bpf_fops_remove(old_fops);
	luo_bpf_fops_free(old_fops);
	bpf_struct_ops_put(old);
	return 0;
}

/* What the core knows of a handler does not change with its programs. */
static int luo_bpf_check_upgrade(struct luo_bpf_handler *h,
				 const struct luo_bpf_ops *new,
				 const struct luo_bpf_fops *fops)
{
	const struct luo_bpf_ops *old =
		rcu_dereference_protected(h->ops, lockdep_is_held(&luo_bpf_mutex));

	if (h->named != !!fops->nr) {
		pr_err("handler '%s' not replaced: only one of old and new names fops\n",
		       new->compatible);
		return -EINVAL;
	}
	if (strcmp(old->shared, new->shared)) {
		pr_err("handler '%s' not replaced: shared state is '%s' of the old and '%s' of the new\n",
		       new->compatible, old->shared, new->shared);
		return -EINVAL;
	}
	return 0;
}

static int luo_bpf_upgrade(struct luo_bpf_handler *h, struct luo_bpf_ops *ops,
			   struct luo_bpf_fops *fops)
{
	int err;

	lockdep_assert_held(&luo_bpf_mutex);

	err = luo_bpf_check_upgrade(h, ops, fops);
	if (err)
		return err;
	err = luo_bpf_fops_add(fops, h);
	if (err)
		return err;
	err = luo_bpf_replace(h, ops, fops);
	if (err) {
		pr_err("handler '%s' not replaced: there are files of a version that it does not read\n",
		       ops->compatible);
		luo_bpf_fops_remove(fops);
	}
	return err;
}

/* Files have it, but its link went away. Uses up one use of @h. */
static int luo_bpf_attach_again(struct luo_bpf_handler *h,
				struct luo_bpf_ops *ops,
				struct luo_bpf_fops *fops)
{
	int err;

	err = luo_handler_register(&h->fh, !h->named);
	if (err) {
		luo_handler_put(&h->fh);
		return err;
	}
	err = luo_bpf_upgrade(h, ops, fops);
	if (err)
		liveupdate_unregister_file_handler(&h->fh);
	return err;
}

static int luo_bpf_attach_new(struct luo_bpf_handler *h,
			      struct luo_bpf_ops *ops,
			      struct luo_bpf_fops *fops)
{
	int err;

	h->named = fops->nr;
	h->fops = fops;
	RCU_INIT_POINTER(h->ops, ops);
	h->has = luo_bpf_callbacks(ops);
	bpf_struct_ops_get(ops);

	err = luo_bpf_shared_join(h, ops);
	if (err)
		goto put;
	err = luo_bpf_fops_add(fops, h);
	if (err)
		goto part;
	err = luo_handler_register(&h->fh, !h->named);
	if (err)
		goto remove;
	list_add_tail(&h->list, &luo_bpf_handlers);
	return 0;

remove:
	luo_bpf_fops_remove(fops);
part:
	luo_bpf_shared_part(h);
put:
	bpf_struct_ops_put(ops);
	return err;
}

static int luo_bpf_attach(struct luo_bpf_ops *ops, struct bpf_link *link,
			  struct luo_bpf_fops *fops)
{
	struct luo_bpf_handler *h = luo_bpf_find(ops->compatible);
	bool again = h;
	int err;

	if (again && h->link) {
		pr_err("handler '%s' refused: there is one already, update its link instead\n",
		       ops->compatible);
		luo_handler_put(&h->fh);
		return -EEXIST;
	}
	if (!again)
		h = luo_bpf_alloc(ops);
	if (!h)
		return -ENOMEM;

	err = again ? luo_bpf_attach_again(h, ops, fops) :
		      luo_bpf_attach_new(h, ops, fops);
	if (!err)
		h->link = link;
	else if (!again)
		kfree(h);
	return err;
}

int luo_bpf_reg(void *kdata, struct bpf_link *link)
{
	struct luo_bpf_ops *ops = kdata;
	struct luo_bpf_fops *fops;
	int err;

	if (!link) {
		pr_err("handler refused: attach it by a link, from a section \".struct_ops.link\"\n");
		return -EOPNOTSUPP;
	}
	err = luo_bpf_check_rights();
	if (!err)
		err = luo_bpf_check_ops(ops);
	if (err)
		return err;

	guard(mutex)(&luo_bpf_mutex);

	fops = luo_bpf_fops_resolve(ops);
	if (IS_ERR(fops))
		return PTR_ERR(fops);
	err = luo_bpf_attach(ops, link, fops);
	if (err)
		luo_bpf_fops_free(fops);
	else
		pr_info("handler '" LUO_BPF_PREFIX "%s' attached\n",
			ops->compatible);
	return err;
}

/**
 * luo_bpf_visit_detached - look at a handler that is there only for its files
 * @n:     which of them, from 0
 * @visit: called with it, which does not go away meanwhile
 * @data:  for @visit
 *
 * Context: may sleep.
 * Return: whether there is one.
 */
bool luo_bpf_visit_detached(unsigned int n,
			    void (*visit)(struct liveupdate_file_handler *fh,
					  void *data), void *data)
{
	struct luo_bpf_handler *h;

	guard(mutex)(&luo_bpf_mutex);

	list_for_each_entry(h, &luo_bpf_handlers, list) {
		if (h->link || !luo_handler_users(&h->fh) || n--)
			continue;
		visit(&h->fh, data);
		return true;
	}
	return false;
}

static struct luo_bpf_handler *luo_bpf_by_link(const struct bpf_link *link)
{
	struct luo_bpf_handler *h;

	lockdep_assert_held(&luo_bpf_mutex);

	list_for_each_entry(h, &luo_bpf_handlers, list) {
		if (h->link == link)
			return h;
	}
	return NULL;
}

void luo_bpf_unreg(void *kdata, struct bpf_link *link)
{
	struct luo_bpf_handler *h;

	guard(mutex)(&luo_bpf_mutex);

	h = luo_bpf_by_link(link);
	if (WARN_ON_ONCE(!h))
		return;

	pr_info("handler '%s' detached\n", h->fh.compatible);
	luo_bpf_fops_remove(h->fops);
	h->link = NULL;
	liveupdate_unregister_file_handler(&h->fh);
}

int luo_bpf_update(void *kdata, void *old_kdata, struct bpf_link *link)
{
	struct luo_bpf_ops *ops = kdata, *old = old_kdata;
	struct luo_bpf_fops *fops;
	struct luo_bpf_handler *h;
	int err;

	err = luo_bpf_check_rights();
	if (!err)
		err = luo_bpf_check_ops(ops);
	if (err)
		return err;
	if (strcmp(ops->compatible, old->compatible)) {
		pr_err("handler '%s' not replaced: the new one is '%s'\n",
		       old->compatible, ops->compatible);
		return -EINVAL;
	}

	guard(mutex)(&luo_bpf_mutex);

	h = luo_bpf_by_link(link);
	if (WARN_ON_ONCE(!h))
		return -ENOLINK;

	fops = luo_bpf_fops_resolve(ops);
	if (IS_ERR(fops))
		return PTR_ERR(fops);
	err = luo_bpf_upgrade(h, ops, fops);
	if (err)
		luo_bpf_fops_free(fops);
	else
		pr_info("handler '%s' replaced\n", h->fh.compatible);
	return err;
}

static int luo_bpf_module_event(struct notifier_block *nb, unsigned long event,
				void *mod)
{
	struct luo_bpf_handler *h;
	bool removed = false;

	guard(mutex)(&luo_bpf_mutex);

	list_for_each_entry(h, &luo_bpf_handlers, list) {
		if (event == MODULE_STATE_COMING)
			luo_bpf_fops_module_coming(h);
		else if (event == MODULE_STATE_GOING)
			removed |= luo_bpf_fops_module_going(h, mod);
	}
	/* The next module that comes may need the same entries. */
	if (removed)
		synchronize_rcu();
	return NOTIFY_OK;
}

static struct notifier_block luo_bpf_module_nb = {
	.notifier_call = luo_bpf_module_event,
};

int __init luo_bpf_init(void)
{
	return register_module_notifier(&luo_bpf_module_nb);
}
