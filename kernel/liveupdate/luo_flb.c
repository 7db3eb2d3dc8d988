// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: state that lives as long as files that need it, the
 * file-lifecycle-bound objects (FLBs), and which handlers have which of them.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/kho/abi/luo_bpf.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "luo_flb.h"
#include "luo_internal.h"

DEFINE_MUTEX(luo_flbs_lock); /* index, sets of handlers, who is preserved */
static struct rhashtable luo_flbs;

int __init luo_flb_init(void)
{
	int err = rhashtable_init(&luo_flbs, &luo_named_params);

	return err ?: luo_flb_in_init();
}

/* With luo_flbs_lock, which it gives back: so what is in the index is alive. */
static void luo_flb_release(struct kref *ref)
{
	struct luo_flb *lb = container_of(ref, struct luo_flb, ref);
	struct liveupdate_flb *flb = lb->flb;
	void (*release)(struct liveupdate_flb *flb) = flb->ops->release;

	/* Who waits may free it from here on, if there is no release. */
	rhashtable_remove_fast(&luo_flbs, &lb->by_name.node, luo_named_params);
	mutex_unlock(&luo_flbs_lock);

	if (release)
		release(flb);
	else
		luo_flb_wake(flb);
	mutex_destroy(&lb->lock);
	kfree_rcu(lb, rcu);
}

void luo_flb_put(struct luo_flb *lb)
{
	kref_put_mutex(&lb->ref, luo_flb_release, &luo_flbs_lock);
}

/* The registered FLB of that name, one reference, or NULL. */
struct luo_flb *luo_flb_find(const char *name)
{
	struct luo_flb *lb;

	guard(mutex)(&luo_flbs_lock);

	lb = luo_named_find(&luo_flbs, name);
	if (lb)
		kref_get(&lb->ref);
	return lb;
}

/* One reference; a new one is not taken back, so this comes last. */
static struct luo_flb *luo_flb_find_or_add(struct liveupdate_flb *flb)
{
	struct luo_flb *lb = luo_named_find(&luo_flbs, flb->compatible);
	int err;

	lockdep_assert_held(&luo_flbs_lock);

	if (lb) {
		if (lb->flb != flb)
			return ERR_PTR(-EEXIST);
		kref_get(&lb->ref);
		return lb;
	}

	lb = kzalloc_obj(*lb);
	if (!lb)
		return ERR_PTR(-ENOMEM);
	strscpy_pad(lb->by_name.name, flb->compatible);
	lb->flb = flb;
	kref_init(&lb->ref);
	mutex_init(&lb->lock);
	err = rhashtable_insert_fast(&luo_flbs, &lb->by_name.node,
				     luo_named_params);
	if (err) {
		kfree(lb);
		return ERR_PTR(err);
	}
	return lb;
}

static void luo_flb_set_release(struct kref *ref)
{
	struct luo_flb_set *set = container_of(ref, struct luo_flb_set, ref);

	for (unsigned int i = 0; i < set->nr; i++)
		luo_flb_put(set->links[i].lb);
	kvfree(set);
}

void luo_flb_set_put(struct luo_flb_set *set)
{
	if (set)
		kref_put(&set->ref, luo_flb_set_release);
}

/* What the handler has now, one reference, or NULL. */
struct luo_flb_set *luo_flb_set_get(struct liveupdate_file_handler *fh)
{
	struct luo_flb_set *set;

	/* Most handlers have none. */
	if (!READ_ONCE(ACCESS_PRIVATE(fh, flbs)))
		return NULL;

	guard(mutex)(&luo_flbs_lock);

	set = ACCESS_PRIVATE(fh, flbs);
	if (set)
		kref_get(&set->ref);
	return set;
}

static struct luo_flb_set *luo_flb_set_alloc(unsigned int nr, gfp_t gfp)
{
	struct luo_flb_set *set;

	set = kvmalloc(struct_size(set, links, nr), gfp);
	if (!set)
		return NULL;
	kref_init(&set->ref);
	set->nr = nr;
	return set;
}

/* All of @old but @skip, with references. */
static void luo_flb_set_fill(struct luo_flb_set *set,
			     const struct luo_flb_set *old,
			     const struct luo_flb *skip)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; old && i < old->nr; i++) {
		if (old->links[i].lb == skip)
			continue;
		kref_get(&old->links[i].lb->ref);
		set->links[nr++] = old->links[i];
	}
}

static struct luo_flb *luo_flb_set_find(const struct luo_flb_set *set,
					const struct liveupdate_flb *flb)
{
	for (unsigned int i = 0; set && i < set->nr; i++) {
		if (set->links[i].lb->flb == flb)
			return set->links[i].lb;
	}
	return NULL;
}

/* The handler's former set becomes the caller's to put, or NULL. */
static struct luo_flb_set *luo_flb_set_swap(struct liveupdate_file_handler *fh,
					    struct luo_flb_set *set)
{
	struct luo_flb_set *old = ACCESS_PRIVATE(fh, flbs);

	lockdep_assert_held(&luo_flbs_lock);

	WRITE_ONCE(ACCESS_PRIVATE(fh, flbs), set);
	return old;
}

static struct luo_flb_set *luo_flb_link(struct liveupdate_file_handler *fh,
					struct liveupdate_flb *flb,
					struct luo_flb_pair *pair)
{
	struct luo_flb_set *old, *set;
	struct luo_flb *lb;

	guard(mutex)(&luo_flbs_lock);

	old = ACCESS_PRIVATE(fh, flbs);
	if (luo_flb_set_find(old, flb))
		return ERR_PTR(-EEXIST);

	set = luo_flb_set_alloc(old ? old->nr + 1 : 1, GFP_KERNEL);
	if (!set)
		return ERR_PTR(-ENOMEM);
	lb = luo_flb_find_or_add(flb);
	if (IS_ERR(lb)) {
		kvfree(set);
		return ERR_CAST(lb);
	}

	/* Who waits for a last handler to be rid of it waits no longer. */
	if (!lb->handlers++)
		luo_flb_wake(flb);
	luo_flb_set_fill(set, old, NULL);
	set->links[set->nr - 1] = (struct luo_flb_link) { lb, pair };
	return luo_flb_set_swap(fh, set);
}

/* Can't fail, so it does not take no for an answer. */
void luo_flb_unlink(struct liveupdate_file_handler *fh,
		    struct liveupdate_flb *flb)
{
	struct luo_flb_set *old = NULL, *set = NULL;

	scoped_guard(mutex, &luo_flbs_lock) {
		struct luo_flb *lb;

		lb = luo_flb_set_find(ACCESS_PRIVATE(fh, flbs), flb);
		if (!lb)
			break;
		old = ACCESS_PRIVATE(fh, flbs);
		if (old->nr > 1) {
			set = luo_flb_set_alloc(old->nr - 1,
						GFP_KERNEL | __GFP_NOFAIL);
			luo_flb_set_fill(set, old, lb);
		}
		lb->handlers--;
		luo_flb_set_swap(fh, set);
	}
	luo_flb_set_put(old);
}

/* Off a handler that no file has; waits for nothing. */
void luo_flb_drop_handler(struct liveupdate_file_handler *fh)
{
	struct luo_flb_set *old;

	if (!READ_ONCE(ACCESS_PRIVATE(fh, flbs)))
		return;

	scoped_guard(mutex, &luo_flbs_lock) {
		old = luo_flb_set_swap(fh, NULL);
		for (unsigned int i = 0; old && i < old->nr; i++)
			old->links[i].lb->handlers--;
	}
	luo_flb_set_put(old);
}

/* Which of its FLBs are of a module; NULL if none is left. */
static struct liveupdate_flb *
luo_flb_first_of(struct liveupdate_file_handler *fh, const struct module *owner)
{
	struct luo_flb_set *set;

	guard(mutex)(&luo_flbs_lock);

	set = ACCESS_PRIVATE(fh, flbs);
	for (unsigned int i = 0; owner && set && i < set->nr; i++) {
		struct liveupdate_flb *flb = set->links[i].lb->flb;

		if (flb->ops->owner == owner)
			return flb;
	}
	return NULL;
}

/**
 * luo_flb_unregister_all - take a handler that is unregistered off its FLBs
 * @fh: the handler, which no file has
 *
 * Who owns an FLB has it in use for as long as he likes, and that is not waited for.
 * What is of the handler's own module holds that, so the module would not be going:
 * but whoever looks at it just now has to be done with it.
 */
void luo_flb_unregister_all(struct liveupdate_file_handler *fh)
{
	struct liveupdate_flb *flb;

	while ((flb = luo_flb_first_of(fh, fh->ops->owner)))
		liveupdate_unregister_flb(fh, flb);
	luo_flb_drop_handler(fh);
}

static bool luo_flb_ok(const struct liveupdate_flb *flb)
{
	const struct liveupdate_flb_ops *ops = flb->ops;

	return ops && ops->preserve && ops->unpreserve && ops->retrieve &&
	       ops->finish &&
	       luo_string_ok(flb->compatible, sizeof(flb->compatible));
}

/**
 * liveupdate_register_flb - let the files of a handler have an FLB
 * @fh:  the handler, registered or about to be
 * @flb: the FLB; the caller's, stays in place until it is unregistered
 *
 * Files of the handler that are preserved from now on have it; the first of all
 * files that have it makes it preserve its state. An FLB may be registered with
 * several handlers, and a handler have many.
 *
 * If the previous kernel handed the FLB over, files of the handler that are
 * finished already count as done with it; if it was the last of them, the FLB is
 * finished here.
 *
 * Context: may sleep. Not from a callback of a handler or an FLB.
 * Return: 0, -EINVAL if a callback or the compatible string is missing, -EEXIST
 * if the handler has it already, or if another one of that name is registered or
 * in use still, -ENOMEM, -EOPNOTSUPP if live update is off.
 */
int liveupdate_register_flb(struct liveupdate_file_handler *fh,
			    struct liveupdate_flb *flb)
{
	struct luo_flb_pair *pair;
	struct luo_flb_set *old;

	if (!liveupdate_enabled())
		return -EOPNOTSUPP;
	if (!luo_flb_ok(flb)) {
		pr_err("FLB refused: callbacks or compatible string missing\n");
		return -EINVAL;
	}
	/* What has such a name is freed as a record of theirs. */
	if (strstarts(flb->compatible, LUO_BPF_PREFIX) &&
	    !strstarts(fh->compatible, LUO_BPF_PREFIX)) {
		pr_err("FLB '%s' refused: such names are for handlers in BPF\n",
		       flb->compatible);
		return -EINVAL;
	}

	pair = luo_flb_pair(fh->compatible, flb->compatible);
	if (IS_ERR(pair))
		return PTR_ERR(pair);
	old = luo_flb_link(fh, flb, pair);
	if (IS_ERR(old))
		return PTR_ERR(old);
	luo_flb_set_put(old);
	if (pair)
		luo_flb_settle(pair, flb);
	return 0;
}
EXPORT_SYMBOL_GPL(liveupdate_register_flb);

/* Whether anything has it that is not a registration. */
static bool luo_flb_lingers(struct liveupdate_flb *flb)
{
	struct luo_flb *lb;

	scoped_guard(rcu) {
		lb = luo_named_find(&luo_flbs, flb->compatible);
		if (lb && lb->flb == flb)
			return !READ_ONCE(lb->handlers);
	}
	return luo_flb_in_has(flb);
}

/**
 * liveupdate_unregister_flb - take an FLB off a handler
 * @fh:  the handler; that it is not registered any more does no harm
 * @flb: what was registered; if that failed, nothing is done
 *
 * No more files of the handler get it. Files that have it keep it: it is
 * unpreserved with the last of them, or handed over to the next kernel.
 *
 * When it is off its last handler, this waits until nothing has it: no callback
 * runs then and none will. Nor does it wait longer than until a handler has it
 * again. An FLB that is preserved or retrieved holds the module that is its owner,
 * so the exit of that does not wait. If the FLB has a release, this does not wait
 * either.
 *
 * Context: may sleep, possibly for long. Not from a callback of a handler or an
 * FLB, and not with a lock that one takes.
 */
void liveupdate_unregister_flb(struct liveupdate_file_handler *fh,
			       struct liveupdate_flb *flb)
{
	/* What has a release may be gone with the link. */
	bool waits = !flb->ops || !flb->ops->release;

	if (!liveupdate_enabled())
		return;

	luo_flb_unlink(fh, flb);
	if (waits)
		wait_var_event(flb, !luo_flb_lingers(flb));
}
EXPORT_SYMBOL_GPL(liveupdate_unregister_flb);
