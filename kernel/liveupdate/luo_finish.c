// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: the end of what the previous kernel handed over.
 */
#include <linux/kho/abi/luo_bpf.h>

#include <trace/events/luo.h>

#include "luo_internal.h"

static bool luo_can_finish(struct luo_file *lf)
{
	struct liveupdate_file_op_args args;
	bool can;

	if (luo_bind(lf) || !lf->fh->ops->can_finish)
		return true;

	trace_luo_file_start(lf, "can_finish");
	luo_file_args(lf, &args);
	can = lf->fh->ops->can_finish(&args);
	lf->private = args.private_data;
	trace_luo_file_end(lf, "can_finish", can ? 0 : -EBUSY);
	if (!can)
		luo_report(lf, &args, "can_finish", -EBUSY);
	return can;
}

/* Formats that the core can free the memory of with no handler. */
static int luo_reclaim(struct luo_file *lf)
{
	int err;

	trace_luo_file_start(lf, "reclaim");
	if (strstarts(lf->compatible, LUO_BPF_PREFIX))
		err = luo_bpf_reclaim(lf->data, luo_file_tag(lf));
	else
		err = memfd_luo_reclaim(lf->compatible, lf->data, luo_file_tag(lf));
	trace_luo_file_end(lf, "reclaim", err);
	return err;
}

static int luo_finish_unbound(struct luo_file *lf)
{
	int err = luo_reclaim(lf);

	if (err == -ENOMEM)
		return err;
	if (err)
		luo_log_file(lf->by_token.session,
			     "finished without a handler for '%s': file %#llx is lost, its memory stays reserved until the next kexec",
			     lf->compatible, lf->by_token.token);
	return 0;
}

static int luo_finish_file(struct luo_file *lf)
{
	struct liveupdate_file_op_args args;
	int err;

	if (lf->fh) {
		trace_luo_file_start(lf, "finish");
		luo_file_args(lf, &args);
		lf->fh->ops->finish(&args);
		trace_luo_file_end(lf, "finish", 0);
	} else {
		err = luo_finish_unbound(lf);
		if (err)
			return err;
	}
	luo_flb_finish_file(lf);
	luo_file_remove(lf);
	luo_file_free(lf);
	return 0;
}

static int luo_finish_files(struct luo_session *session)
{
	struct luo_file *lf, *next;
	int err = 0;

	list_for_each_entry_safe(lf, next, &session->files, list) {
		err = luo_finish_file(lf);
		if (err)
			break;
	}
	luo_log_rest(session);
	return err;
}

/* All files are asked before the first is finished. */
static int luo_finish_session(struct luo_session *session)
{
	struct luo_file *lf;
	int err;

	list_for_each_entry(lf, &session->files, list) {
		if (!luo_can_finish(lf))
			return -EBUSY;
	}

	err = luo_finish_files(session);
	if (err)
		return err;

	luo_flb_finish_session();
	luo_session_remove(session);
	WRITE_ONCE(session->finished, true);
	return 0;
}

/**
 * luo_finish - end an incoming session
 * @session: the session
 *
 * Context: between luo_enter() and luo_exit(), may sleep.
 * Return: 0, or -EBUSY if a file can't be finished yet, -EINVAL if the session
 * is outgoing, -ENOMEM if there was not enough to look into the record of a file
 * without a handler: that one and those behind it are still there, call again.
 */
int luo_finish(struct luo_session *session)
{
	int err;

	if (session->direction != LUO_INCOMING)
		return -EINVAL;

	guard(mutex)(&session->mutex);

	if (session->finished)
		return 0;

	trace_luo_session_start(session, "finish");
	err = luo_finish_session(session);
	trace_luo_session_end(session, "finish", err);
	return err;
}
