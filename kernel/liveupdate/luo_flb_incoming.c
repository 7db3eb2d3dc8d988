// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: FLBs that the previous kernel handed over.
 *
 * A record says how many files have the FLB, but not which. So it is known by
 * handler how many of its files are finished, whether they had the handler or were
 * finished without one; and for each handler that has the FLB, how many of these
 * its count knows of. They are settled when a file is finished, and when the FLB
 * is registered with the handler.
 *
 * The counts are not relied on: files of a handler that has the FLB need not have
 * had it in the previous kernel. What was used up by them is still waited for, as
 * long as there may be files that need it; and when no file is left, all FLBs are
 * finished.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/kho/abi/luo_bpf.h>
#include <linux/module.h>

#include <trace/events/luo.h>

#include "luo_flb.h"
#include "luo_internal.h"

/* Incoming sessions that are not finished, and could be; -1: not known yet. */
static atomic64_t luo_flb_sessions = ATOMIC64_INIT(-1);

/* Those of them whose files were not looked at. */
static atomic64_t luo_flb_unread = ATOMIC64_INIT(-1);

/* Whether the incoming one holds it. Any context. */
bool luo_flb_in_has(struct liveupdate_flb *flb)
{
	struct luo_flb_in *in;

	/* Reading that fails takes back what it has read. */
	if (!luo_flb_is_read())
		return false;
	in = luo_flb_in_find(flb->compatible);
	return in && READ_ONCE(in->flb) == flb;
}

static void luo_flb_use(struct luo_flb_in *in, struct liveupdate_flb *flb)
{
	struct luo_flb *lb = luo_flb_find(in->by_name.name);

	if (lb && lb->flb != flb) {
		luo_flb_put(lb);
		lb = NULL;
	}
	in->lb = lb;
	WRITE_ONCE(in->flb, flb);
}

static void luo_flb_unuse(struct luo_flb_in *in)
{
	struct liveupdate_flb *flb = in->flb;
	struct module *owner = flb->ops->owner;

	/* Who waits may free it from here on, but not its module. */
	WRITE_ONCE(in->flb, NULL);
	if (in->lb)
		luo_flb_put(in->lb);
	in->lb = NULL;
	luo_flb_wake(flb);
	module_put(owner);
}

static int luo_flb_call_retrieve(struct luo_flb_in *in)
{
	struct liveupdate_flb_op_args args = {
		.flb = in->flb,
		.data = in->data,
		.obj = in->obj,
	};
	int err;

	trace_luo_flb_start(in->by_name.name, "retrieve");
	err = luo_errno(in->flb->ops->retrieve(&args));
	trace_luo_flb_end(in->by_name.name, "retrieve", err);

	in->obj = args.obj;
	in->status = err ?: 1;
	if (err)
		pr_warn("FLB '%s' could not be retrieved: %pe\n",
			in->by_name.name, ERR_PTR(err));
	return err;
}

/* -ENODEV: its module is being unloaded. That does not count as an attempt. */
static int luo_flb_retrieve(struct luo_flb_in *in, struct liveupdate_flb *flb)
{
	bool retryable = flb->ops->retrieve_retryable;
	int err;

	lockdep_assert_held(&in->lock);

	if (in->status > 0)
		return 0;
	if (in->status < 0 && !retryable)
		return in->status;

	if (!in->flb) {
		if (!try_module_get(flb->ops->owner))
			return -ENODEV;
		luo_flb_use(in, flb);
	}
	err = luo_flb_call_retrieve(in);
	/* It is to find again what it left there. */
	if (err && !retryable)
		luo_flb_unuse(in);
	return err;
}

static void luo_flb_call_finish(struct luo_flb_in *in)
{
	struct liveupdate_flb_op_args args = {
		.flb = in->flb,
		.data = in->data,
		.obj = in->obj,
	};

	trace_luo_flb_start(in->by_name.name, "finish");
	in->flb->ops->finish(&args);
	trace_luo_flb_end(in->by_name.name, "finish", 0);
	luo_flb_unuse(in);
}

/*
 * No file has it any more. @flb: what is registered of that name; NULL if nothing
 * is, and it may come yet.
 */
static void luo_flb_end(struct luo_flb_in *in, struct liveupdate_flb *flb)
{
	int err = -ENODEV;

	lockdep_assert_held(&in->lock);

	if (in->ended || in->users)
		return;

	if (in->flb)
		flb = in->flb;
	if (flb)
		err = luo_flb_retrieve(in, flb);
	/* What one in BPF left can be freed with no handler. */
	if (err == -ENODEV && !in->status &&
	    strstarts(in->by_name.name, LUO_BPF_PREFIX))
		err = luo_bpf_reclaim(in->data,
				      luo_bpf_name_tag(in->by_name.name));
	if (err == -ENODEV && !in->status) {
		pr_warn("no file has FLB '%s' any more, and it is not registered: its memory stays reserved until it is, or until the next kexec\n",
			in->by_name.name);
		return;
	}

	/* The next who puts or registers it tries again. */
	if (err == -ENOMEM && (!flb || flb->ops->retrieve_retryable)) {
		pr_warn("no file has FLB '%s' any more, and no memory is there to end it\n",
			in->by_name.name);
		return;
	}

	in->ended = true;
	if (err)
		pr_warn("FLB '%s' is lost, its memory stays reserved until the next kexec\n",
			in->by_name.name);
	if (in->flb)
		luo_flb_call_finish(in);
}

/* Late does no harm, early would: a file could not be retrieved any more. */
static bool luo_flb_done(struct luo_flb_in *in)
{
	lockdep_assert_held(&in->lock);

	if (!atomic64_read(&luo_flb_sessions))
		return true;
	return !in->count && !atomic64_read(&luo_flb_unread) &&
	       !luo_flb_awaited(in);
}

/**
 * luo_flb_settle - take note of the finished files of a handler
 * @pair: the handler and the FLB
 * @flb:  the FLB, which is registered
 *
 * Context: may sleep.
 */
void luo_flb_settle(struct luo_flb_pair *pair, struct liveupdate_flb *flb)
{
	struct luo_flb_in *in = pair->in;
	u64 finished;

	guard(mutex)(&in->lock);

	finished = atomic64_read(&pair->type->finished) - pair->settled;
	pair->settled += finished;
	in->count -= min(in->count, finished);
	if (luo_flb_done(in))
		luo_flb_end(in, flb);
}

/**
 * luo_flb_finish_file - a file is finished
 * @lf: an incoming file, which need not have a handler
 *
 * Context: with the mutex of the session; may sleep.
 */
void luo_flb_finish_file(struct luo_file *lf)
{
	struct luo_flb_type *type;
	struct luo_flb_set *set;

	/* Of what could not be read nobody knows which FLBs it had. */
	if (list_empty(&luo_flb_ins) || !*lf->compatible)
		return;

	type = luo_flb_type_find(lf->compatible);
	if (WARN_ON_ONCE(!type))
		return;
	atomic64_inc(&type->finished);
	atomic64_dec(&type->unfinished);

	set = lf->fh ? luo_flb_set_get(lf->fh) : NULL;
	for (unsigned int i = 0; set && i < set->nr; i++) {
		struct luo_flb_link *link = &set->links[i];

		if (link->pair)
			luo_flb_settle(link->pair, link->lb->flb);
	}
	luo_flb_set_put(set);
}

static void luo_flb_end_if_done(struct luo_flb_in *in)
{
	struct luo_flb *lb = luo_flb_find(in->by_name.name);

	scoped_guard(mutex, &in->lock) {
		if (luo_flb_done(in))
			luo_flb_end(in, lb ? lb->flb : NULL);
	}
	if (lb)
		luo_flb_put(lb);
}

static void luo_flb_end_done(void)
{
	struct luo_flb_in *in;

	list_for_each_entry(in, &luo_flb_ins, list)
		luo_flb_end_if_done(in);
}

static void luo_flb_bound_one(struct luo_flb_in *in, u64 files)
{
	guard(mutex)(&in->lock);

	if (in->ended || in->count <= files)
		return;
	pr_err("FLB '%s' was handed over with a wrong number of files: it is finished with the last of all\n",
	       in->by_name.name);
	in->count = files;
}

/**
 * luo_flb_bound - compare the counts with what there is
 * @files:    how many files were handed over, in sessions that can be finished
 * @sessions: how many such sessions
 * @unread:   how many of these have files, none of which was read yet
 *
 * Context: once, after luo_flb_read(), before any file is finished; may sleep.
 */
void luo_flb_bound(u64 files, u64 sessions, u64 unread)
{
	struct luo_flb_in *in;

	list_for_each_entry(in, &luo_flb_ins, list)
		luo_flb_bound_one(in, files);
	atomic64_set(&luo_flb_unread, unread);
	atomic64_set(&luo_flb_sessions, sessions);
	if (!sessions)
		luo_flb_end_done();
}

/**
 * luo_flb_read_session - the files of a session were read
 *
 * Context: with the mutex of the session; may sleep.
 */
void luo_flb_read_session(void)
{
	if (atomic64_dec_and_test(&luo_flb_unread))
		luo_flb_end_done();
}

/**
 * luo_flb_finish_session - a session is finished, with all of its files
 *
 * Context: may sleep.
 */
void luo_flb_finish_session(void)
{
	if (atomic64_dec_and_test(&luo_flb_sessions))
		luo_flb_end_done();
}

/**
 * liveupdate_flb_get_incoming - get the object of an FLB of the previous kernel
 * @flb:  the FLB
 * @objp: out: what its retrieve made
 *
 * It is retrieved now if it was not yet. It stays until it is put, though the
 * last file that has it may be finished meanwhile.
 *
 * Context: from rootfs_initcall on; may sleep. Callbacks of handlers may call it
 * for their FLBs, in finish too; not from a callback of an FLB.
 * Return: 0, -ENODATA if no FLB was handed over or this one is finished, -ENOENT
 * if others were, but not this one, -EUCLEAN if its record is damaged, or one that
 * may be it, what its retrieve returned, -ENOMEM, -EOPNOTSUPP if live update is
 * off.
 */
int liveupdate_flb_get_incoming(struct liveupdate_flb *flb, void **objp)
{
	struct luo_flb_in *in;
	int err;

	if (!liveupdate_enabled())
		return -EOPNOTSUPP;
	err = luo_flb_read();
	if (err)
		return err;
	in = luo_flb_in_find(flb->compatible);
	if (!in && luo_flb_damaged())
		return -EUCLEAN;
	if (!in)
		return list_empty(&luo_flb_ins) ? -ENODATA : -ENOENT;

	guard(mutex)(&in->lock);

	if (in->ended)
		return in->status < 0 ? in->status : -ENODATA;
	err = luo_flb_retrieve(in, flb);
	if (err)
		return err;
	in->users++;
	*objp = in->obj;
	return 0;
}
EXPORT_SYMBOL_GPL(liveupdate_flb_get_incoming);

/**
 * liveupdate_flb_put_incoming - put what liveupdate_flb_get_incoming() got
 * @flb: the FLB
 *
 * Context: as liveupdate_flb_get_incoming().
 */
void liveupdate_flb_put_incoming(struct liveupdate_flb *flb)
{
	struct luo_flb_in *in = luo_flb_in_find(flb->compatible);

	if (WARN_ON_ONCE(!in))
		return;

	guard(mutex)(&in->lock);

	if (WARN_ON_ONCE(!in->users))
		return;
	in->users--;
	if (luo_flb_done(in))
		luo_flb_end(in, in->flb);
}
EXPORT_SYMBOL_GPL(liveupdate_flb_put_incoming);
