// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: why a handler failed.
 *
 * One line in the kernel log, and the same in pieces for user space: of each
 * session the last failure is kept.
 *
 * There may be any number of files and sessions, and what is wrong with one is often
 * wrong with all: lines about one of many have a common limit.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/ratelimit.h>
#include <linux/slab.h>

#include "luo_internal.h"

static_assert(LIVEUPDATE_REPORT_HANDLER_LENGTH >= LIVEUPDATE_HNDL_COMPAT_LENGTH);

/* Enough for a session that falls apart, not for one that tries all the time. */
static DEFINE_RATELIMIT_STATE(luo_report_limit, 5 * HZ, 100);

/* Whether one more line may be logged; who is told not to says in the end how many. */
bool luo_may_log(void)
{
	return __ratelimit(&luo_report_limit);
}

/**
 * luo_log_file - log what became of one file of a session
 * @session: the session
 * @fmt:     as for printk(), without a newline
 *
 * Whoever does this for all files calls luo_log_rest() when that is done.
 *
 * Context: with the mutex of the session.
 */
void luo_log_file(struct luo_session *session, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	lockdep_assert_held(&session->mutex);

	if (!luo_may_log()) {
		session->unlogged++;
		return;
	}
	va_start(args, fmt);
	vaf.va = &args;
	pr_warn("session '%s': %pV\n", session->name, &vaf);
	va_end(args);
}

/* Says what luo_log_file() has left out. */
void luo_log_rest(struct luo_session *session)
{
	lockdep_assert_held(&session->mutex);

	if (session->unlogged)
		pr_warn("session '%s': %llu more such lines were left out\n",
			session->name, session->unlogged);
	session->unlogged = 0;
}

static void luo_report_set(struct luo_file *lf, const char *name,
			   const char *callback, int err, const char *message)
{
	struct luo_session *session = lf->by_token.session;

	lockdep_assert_held(&session->mutex);

	if (luo_may_log())
		pr_warn("'%s' failed in %s of file %#llx of session '%s': %pe%s%s\n",
			name, callback, lf->by_token.token, session->name,
			ERR_PTR(err), *message ? ": " : "", message);

	if (!session->report)
		session->report = kzalloc_obj(*session->report);
	if (session->report) {
		session->report->error = -err;
		session->report->token = lf->by_token.token;
		strscpy_pad(session->report->handler, name);
		strscpy_pad(session->report->callback, callback);
		strscpy_pad(session->report->message, message);
	}
}

/**
 * luo_report - a handler's callback failed
 * @lf:       the file; has its handler
 * @args:     what the callback was called with: its message is taken out
 * @callback: its name
 * @err:      what it returned
 *
 * Context: with the mutex of the session; may sleep.
 */
void luo_report(struct luo_file *lf, struct liveupdate_file_op_args *args,
		const char *callback, int err)
{
	luo_report_set(lf, lf->fh->compatible, callback, err,
		       args->message ?: "");
	kfree(args->message);
	args->message = NULL;
}

/* The same for a callback of an FLB, on behalf of a file that needs it. */
void luo_report_flb(struct luo_file *lf, const char *flb, const char *callback,
		    int err)
{
	luo_report_set(lf, flb, callback, err, "");
}

/**
 * luo_get_report - what went wrong last
 * @session: the session
 * @report:  out: all of it but the size
 *
 * Context: between luo_enter() and luo_exit(), may sleep.
 * Return: 0, or -ENODATA if nothing did.
 */
int luo_get_report(struct luo_session *session,
		   struct liveupdate_session_get_report *report)
{
	u32 size = report->size;

	guard(mutex)(&session->mutex);

	if (!session->report)
		return -ENODATA;
	*report = *session->report;
	report->size = size;
	return 0;
}
