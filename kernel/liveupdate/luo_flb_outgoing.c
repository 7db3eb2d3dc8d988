// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: FLBs on their way to the next kernel.
 *
 * As for files, all memory that the records need is taken when an FLB is
 * preserved, so that writing them at the kexec can't fail.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/module.h>

#include <trace/events/luo.h>

#include "luo_flb.h"
#include "luo_internal.h"

/* Under luo_flbs_lock. */
static LIST_HEAD(luo_flbs_preserved);
static u64 luo_flbs_nr;
static struct luo_flb_header_ser *luo_flbs_area;
static bool luo_flbs_written;

/* Room for one more record: nothing is written before the kexec. */
static int luo_flb_reserve(void)
{
	size_t size = sizeof(struct luo_flb_header_ser) +
		      (luo_flbs_nr + 1) * sizeof(struct luo_flb_ser);
	struct luo_flb_header_ser *area;

	lockdep_assert_held(&luo_flbs_lock);

	if (luo_flbs_area && size <= luo_flbs_area->pgcnt << PAGE_SHIFT)
		return 0;

	area = kho_alloc_preserve(size);
	if (IS_ERR(area))
		return area == ERR_PTR(-E2BIG) ? -ENOSPC : PTR_ERR(area);
	area->pgcnt = 1ULL << get_order(size);
	kho_unpreserve_free(luo_flbs_area);
	luo_flbs_area = area;
	return 0;
}

static int luo_flb_list(struct luo_flb *lb)
{
	int err;

	guard(mutex)(&luo_flbs_lock);

	err = luo_flb_reserve();
	if (err)
		return err;
	list_add_tail(&lb->list, &luo_flbs_preserved);
	luo_flbs_nr++;
	kref_get(&lb->ref);
	return 0;
}

/*
 * The caller has another reference. Returns false if it is too late: the next
 * kernel is told of it.
 */
static bool luo_flb_unlist(struct luo_flb *lb)
{
	scoped_guard(mutex, &luo_flbs_lock) {
		if (luo_flbs_written)
			return false;
		list_del(&lb->list);
		if (!--luo_flbs_nr) {
			kho_unpreserve_free(luo_flbs_area);
			luo_flbs_area = NULL;
		}
	}
	luo_flb_put(lb);
	return true;
}

/* Returns 1 if the module is being unloaded, which takes the FLB off its handlers. */
static int luo_flb_preserve(struct luo_flb *lb)
{
	struct liveupdate_flb_op_args args = { .flb = lb->flb };
	const struct liveupdate_flb_ops *ops = lb->flb->ops;
	int err;

	lockdep_assert_held(&lb->lock);

	if (!try_module_get(ops->owner))
		return 1;
	err = luo_flb_list(lb);
	if (err)
		goto put_module;
	trace_luo_flb_start(lb->by_name.name, "preserve");
	err = luo_errno(ops->preserve(&args));
	trace_luo_flb_end(lb->by_name.name, "preserve", err);
	if (err)
		goto unlist;
	lb->data = args.data;
	lb->obj = args.obj;
	return 0;

unlist:
	luo_flb_unlist(lb);
put_module:
	module_put(ops->owner);
	return err;
}

static void luo_flb_unpreserve(struct luo_flb *lb)
{
	struct liveupdate_flb_op_args args = {
		.flb = lb->flb,
		.data = lb->data,
		.obj = lb->obj,
	};
	const struct liveupdate_flb_ops *ops = lb->flb->ops;

	lockdep_assert_held(&lb->lock);

	if (!luo_flb_unlist(lb))
		return;
	trace_luo_flb_start(lb->by_name.name, "unpreserve");
	ops->unpreserve(&args);
	trace_luo_flb_end(lb->by_name.name, "unpreserve", 0);
	module_put(ops->owner);
}

static int luo_flb_join(struct luo_flb *lb)
{
	int err;

	guard(mutex)(&lb->lock);

	if (!lb->files && !lb->users) {
		err = luo_flb_preserve(lb);
		if (err)
			return err;
	}
	lb->files++;
	return 0;
}

/* @count: of files or of users, one of which goes. */
static void luo_flb_leave(struct luo_flb *lb, u64 *count)
{
	guard(mutex)(&lb->lock);

	if (WARN_ON_ONCE(!*count))
		return;
	(*count)--;
	if (!lb->files && !lb->users)
		luo_flb_unpreserve(lb);
}

static void luo_flb_leave_some(struct luo_flb_set *set, unsigned int nr)
{
	while (nr--)
		luo_flb_leave(set->links[nr].lb, &set->links[nr].lb->files);
	luo_flb_set_put(set);
}

static int luo_flb_join_all(struct luo_file *lf)
{
	struct luo_flb_set *set = luo_flb_set_get(lf->fh);
	int err;

	for (unsigned int i = 0; set && i < set->nr; i++) {
		struct luo_flb *lb = set->links[i].lb;

		err = luo_flb_join(lb);
		if (!err)
			continue;
		if (err > 0)
			luo_flb_unlink(lf->fh, lb->flb);
		else
			luo_report_flb(lf, lb->by_name.name, "flb preserve", err);
		luo_flb_leave_some(set, i);
		return err;
	}
	lf->flbs = set;
	return 0;
}

/**
 * luo_flb_preserve_file - preserve what a file needs
 * @lf: an outgoing file that has its handler
 *
 * Context: with the mutex of the session; may sleep.
 * Return: 0, or why an FLB could not be preserved, with nothing changed.
 */
int luo_flb_preserve_file(struct luo_file *lf)
{
	int err;

	/* An FLB whose module goes is off the handler the next time. */
	do {
		err = luo_flb_join_all(lf);
	} while (err > 0);
	return err;
}

/* Undoes luo_flb_preserve_file(), in reverse order. */
void luo_flb_unpreserve_file(struct luo_file *lf)
{
	if (!lf->flbs)
		return;
	luo_flb_leave_some(lf->flbs, lf->flbs->nr);
	lf->flbs = NULL;
}

/**
 * luo_flb_write - write the records of all preserved FLBs
 *
 * There is room for them: see luo_flb_reserve().
 *
 * Context: with luo_quiesce held for writing, so that the counts of files do not
 * change; may sleep.
 * Return: the physical address of the records, 0 if there are none.
 */
u64 luo_flb_write(void)
{
	struct luo_flb_ser *ser;
	struct luo_flb *lb;

	guard(mutex)(&luo_flbs_lock);

	/* From here on there is no way back. Who got an FLB may put it still. */
	luo_flbs_written = true;
	if (!luo_flbs_area)
		return 0;

	ser = (struct luo_flb_ser *)(luo_flbs_area + 1);
	luo_flbs_area->count = 0;
	list_for_each_entry(lb, &luo_flbs_preserved, list) {
		if (!lb->files) {
			pr_warn("FLB '%s' is in use, but of no file: it is dropped by this kexec\n",
				lb->by_name.name);
			continue;
		}
		memcpy(ser->name, lb->by_name.name, sizeof(ser->name));
		ser->data = lb->data;
		ser->count = lb->files;
		ser++;
		luo_flbs_area->count++;
	}
	return luo_flbs_area->count ? virt_to_phys(luo_flbs_area) : 0;
}

/**
 * liveupdate_flb_get_outgoing - get the object of an FLB that is preserved
 * @flb:  the FLB
 * @objp: out: what its preserve made
 *
 * It stays until it is put, though the last file that has it may be unpreserved
 * meanwhile.
 *
 * Context: may sleep. Callbacks of handlers may call it for their FLBs; not from
 * a callback of an FLB.
 * Return: 0, -ENOENT if the FLB is not preserved, -EOPNOTSUPP if live update is
 * off.
 */
int liveupdate_flb_get_outgoing(struct liveupdate_flb *flb, void **objp)
{
	struct luo_flb *lb;
	int err = -ENOENT;

	if (!liveupdate_enabled())
		return -EOPNOTSUPP;

	lb = luo_flb_find(flb->compatible);
	if (!lb)
		return -ENOENT;
	scoped_guard(mutex, &lb->lock) {
		if (lb->flb != flb || !(lb->files || lb->users))
			break;
		lb->users++;
		*objp = lb->obj;
		err = 0;
	}
	luo_flb_put(lb);
	return err;
}
EXPORT_SYMBOL_GPL(liveupdate_flb_get_outgoing);

/**
 * liveupdate_flb_put_outgoing - put what liveupdate_flb_get_outgoing() got
 * @flb: the FLB
 *
 * Context: as liveupdate_flb_get_outgoing().
 */
void liveupdate_flb_put_outgoing(struct liveupdate_flb *flb)
{
	struct luo_flb *lb = luo_flb_find(flb->compatible);

	if (WARN_ON_ONCE(!lb))
		return;
	luo_flb_leave(lb, &lb->users);
	luo_flb_put(lb);
}
EXPORT_SYMBOL_GPL(liveupdate_flb_put_outgoing);
