// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: what the previous kernel handed over.
 *
 * The sessions are read when the first of them is asked for, a session's files
 * when it is first retrieved. Nothing here trusts a record: what is wrong costs
 * the session or the file that it is in, whose memory stays reserved.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kho/abi/luo_bpf.h>
#include <linux/slab.h>

#include <trace/events/luo.h>

#include "luo_internal.h"

static DEFINE_MUTEX(luo_incoming_lock);
static bool luo_incoming_read;
static bool luo_incoming_list_damaged;

/* Whether there may be sessions whose names could not be read. */
bool luo_incoming_damaged(void)
{
	return READ_ONCE(luo_incoming_list_damaged);
}

void luo_incoming_set_damaged(void)
{
	WRITE_ONCE(luo_incoming_list_damaged, true);
}

/*
 * Damage has given a session the name of another. If the files of one of them
 * are not of a session of this name, it is the other; else there is no telling,
 * whatever follows, and nobody gets files that may not be his.
 */
static void luo_merge_session(struct luo_session *session,
			      const struct luo_session *twin)
{
	pr_err("session '%s' was handed over twice, the memory of one stays reserved\n",
	       session->name);

	if (twin->error || session->ambiguous)
		return;
	if (!session->error) {
		session->ambiguous = true;
		session->error = -EUCLEAN;
		session->files_pa = 0;
		return;
	}
	session->error = 0;
	session->files_pa = twin->files_pa;
	session->nr_files = twin->nr_files;
}

static int luo_add_session(struct luo_session *session)
{
	int err = luo_session_add(session);

	if (!err)
		return 0;
	if (err == -EEXIST) {
		luo_merge_session(luo_session_find(session->name), session);
		err = 0;
	} else {
		luo_blocks_unclaim(session->files_pa);
	}
	luo_session_free(session);
	return err;
}

static int luo_read_session(void *record, void *unused)
{
	struct luo_session_ser *ser = record;
	struct luo_session *session;

	if (!luo_string_ok(ser->name, sizeof(ser->name))) {
		pr_err("a session with a damaged name is lost, its memory stays reserved\n");
		luo_incoming_set_damaged();
		return 0;
	}

	session = luo_session_alloc(ser->name, LUO_INCOMING);
	if (!session)
		return -ENOMEM;

	session->nr_files = ser->file_set_ser.count;
	session->files_pa = ser->file_set_ser.files;
	session->error = luo_blocks_claim(session->files_pa,
					  sizeof(struct luo_file_ser),
					  session->nr_files, session->name);
	if (session->error) {
		pr_err("session '%s' is damaged and can't be retrieved, its memory stays reserved\n",
		       session->name);
		session->files_pa = 0;
	}
	return luo_add_session(session);
}

static void luo_forget_sessions(void)
{
	struct luo_session *session, *next;

	list_for_each_entry_safe(session, next, &luo_sessions[LUO_INCOMING].list,
				 list) {
		luo_blocks_unclaim(session->files_pa);
		luo_session_remove(session);
		luo_session_free(session);
	}
}

/* How many files there are in sessions that can be retrieved. */
static void luo_bound_flbs(void)
{
	struct luo_session *session;
	u64 files = 0, sessions = 0, unread = 0;

	list_for_each_entry(session, &luo_sessions[LUO_INCOMING].list, list) {
		if (session->error)
			continue;
		files += session->nr_files;
		sessions++;
		if (session->files_pa)
			unread++;
	}
	luo_flb_bound(files, sessions, unread);
}

static int luo_read_sessions(const struct luo_ser *root)
{
	bool damaged = false;
	int err;
	s64 nr;

	err = luo_flb_read();
	if (err)
		return err;

	nr = luo_blocks_salvage(root->sessions_pa,
				sizeof(struct luo_session_ser),
				luo_read_session, NULL, &damaged);
	if (nr < 0) {
		luo_forget_sessions();
		return nr;
	}

	if (damaged) {
		pr_err("list of sessions is damaged: only the %llu that can be read are taken over\n",
		       luo_sessions[LUO_INCOMING].count);
		luo_incoming_set_damaged();
	}
	luo_blocks_free(root->sessions_pa, nr);
	luo_bound_flbs();
	return 0;
}

/**
 * luo_incoming_sessions - see to it that the sessions are known
 *
 * Context: between luo_enter() and luo_exit() or in the way into the kexec, may
 * sleep.
 * Return: 0, or -ENOMEM, with nothing changed: try again.
 */
int luo_incoming_sessions(void)
{
	const struct luo_ser *root = luo_incoming_root();
	int err;

	guard(mutex)(&luo_incoming_lock);

	if (luo_incoming_read)
		return 0;

	trace_luo_sessions_read_start(root);
	err = luo_read_sessions(root);
	trace_luo_sessions_read_end(root, err);
	luo_incoming_read = !err;
	return err;
}

/*
 * What the handler says of it, or if there is none yet, what the core knows.
 * Returns whether there is one.
 */
static bool luo_account_incoming(struct luo_file *lf)
{
	struct liveupdate_file_op_args args;

	lf->fh = luo_handler_by_name(lf->compatible);
	if (!lf->fh) {
		if (strstarts(lf->compatible, LUO_BPF_PREFIX))
			luo_file_set_bytes(lf, luo_bpf_record_peek(lf->data));
		return false;
	}
	luo_file_args(lf, &args);
	luo_file_account(lf, &args);
	luo_handler_put(lf->fh);
	lf->fh = NULL;
	return true;
}

/*
 * A record that is damaged keeps its token, if it can be told, so that asking
 * for the file gives an error of its own.
 */
static void luo_mark_damaged(struct luo_file *lf)
{
	luo_log_file(lf->by_token.session,
		     "record of file %#llx is damaged, its memory stays reserved",
		     lf->by_token.token);
	luo_flb_unexpect(lf->compatible);
	lf->compatible[0] = '\0';
	lf->status = -EUCLEAN;
	luo_file_set_bytes(lf, 0);
}

static int luo_add_file(struct luo_file *lf, bool known)
{
	struct luo_session *session = lf->by_token.session;
	int err = luo_flb_expect(lf->compatible, known);

	if (!err) {
		err = luo_file_add(lf);
		if (!err)
			return 0;
		luo_flb_unexpect(lf->compatible);
	}
	/* Of two files of one token there is no telling which is meant. */
	if (err == -EEXIST) {
		luo_mark_damaged(luo_file_find(session, lf->by_token.token));
		err = 0;
	}
	luo_file_set_bytes(lf, 0);
	luo_file_free(lf);
	return err;
}

static int luo_read_file(void *record, void *session)
{
	struct luo_file_ser *ser = record;
	struct luo_file *lf;
	bool known = false;

	lf = luo_file_alloc(session, ser->token);
	if (!lf)
		return -ENOMEM;

	lf->data = ser->data;
	if (luo_string_ok(ser->compatible, sizeof(ser->compatible))) {
		strscpy_pad(lf->compatible, ser->compatible);
		known = luo_account_incoming(lf);
	} else {
		luo_mark_damaged(lf);
	}
	return luo_add_file(lf, known);
}

static void luo_forget_files(struct luo_session *session)
{
	struct luo_file *lf, *next;

	list_for_each_entry_safe(lf, next, &session->files, list) {
		luo_flb_unexpect(lf->compatible);
		luo_file_remove(lf);
		luo_file_free(lf);
	}
}

/**
 * luo_incoming_files - see to it that the files of a session are known
 * @session: an incoming session that is not damaged
 *
 * Context: with the mutex of the session, may sleep.
 * Return: 0, or -ENOMEM, with nothing changed: try again.
 */
int luo_incoming_files(struct luo_session *session)
{
	u64 nr_files = session->nr_files;
	int err;

	lockdep_assert_held(&session->mutex);

	if (!session->files_pa)
		return 0;

	trace_luo_session_start(session, "read");
	session->nr_files = 0;
	err = luo_blocks_read(session->files_pa, sizeof(struct luo_file_ser),
			      luo_read_file, session);
	luo_log_rest(session);
	if (err) {
		luo_forget_files(session);
		session->nr_files = nr_files;
	} else {
		luo_blocks_free(session->files_pa, U64_MAX);
		session->files_pa = 0;
		luo_flb_read_session();
	}
	trace_luo_session_end(session, "read", err);
	return err;
}

/* Returns 0 if the file has its handler now, else why it can't be asked for. */
int luo_bind(struct luo_file *lf)
{
	if (lf->fh)
		return 0;
	/* Unreadable, so there is nothing to find a handler by. */
	if (!lf->compatible[0])
		return lf->status;

	lf->fh = luo_handler_by_name(lf->compatible);
	return lf->fh ? 0 : -EUNATCH;
}

static int luo_call_retrieve(struct luo_file *lf)
{
	const struct liveupdate_file_ops *ops = lf->fh->ops;
	struct liveupdate_file_op_args args;
	int err;

	if (lf->status < 0 && !ops->retrieve_retryable)
		return lf->status;

	trace_luo_file_start(lf, "retrieve");
	luo_file_args(lf, &args);
	err = luo_errno(ops->retrieve(&args));
	if (!err && IS_ERR_OR_NULL(args.file))
		err = -EIO;
	trace_luo_file_end(lf, "retrieve", err);
	lf->private = args.private_data;
	if (err) {
		lf->status = err;
		luo_report(lf, &args, "retrieve", err);
		return err;
	}

	lf->file = args.file;
	lf->status = 1;
	luo_file_set_bytes(lf, 0);
	return 0;
}

static int luo_retrieve_file(struct luo_file *lf)
{
	struct luo_session *session = lf->by_token.session;
	int err;

	/* A file that needs itself, or too many that need one another. */
	if (lf->busy || session->depth == LUO_RETRIEVE_DEPTH)
		return -ELOOP;

	err = luo_bind(lf);
	if (err)
		return err;

	lf->busy = true;
	session->depth++;
	err = luo_call_retrieve(lf);
	session->depth--;
	lf->busy = false;
	return err;
}

static struct file *luo_retrieve_locked(struct luo_session *session, u64 token)
{
	struct luo_file *lf;
	int err;

	lockdep_assert_held(&session->mutex);

	lf = luo_file_find(session, token);
	if (!lf)
		return ERR_PTR(-ENOENT);

	if (!lf->file) {
		err = luo_retrieve_file(lf);
		if (err)
			return ERR_PTR(err);
	}
	return get_file(lf->file);
}

/**
 * liveupdate_get_file_incoming - get another file of the same session
 * @handle: struct liveupdate_file_op_args.session
 * @token:  what that file was preserved with
 * @filep:  out: the file, one reference
 *
 * For a file that depends on another one: the other is retrieved now if it was
 * not yet.
 *
 * Context: from retrieve, for the same session; may sleep.
 * Return: 0, -ENOENT if there is no such file, -ELOOP if files depend on each
 * other in a circle or too many stand in a row, else as a retrieve from user
 * space.
 */
int liveupdate_get_file_incoming(struct liveupdate_session *handle, u64 token,
				 struct file **filep)
{
	struct file *file = luo_retrieve_locked(luo_session_of(handle), token);

	if (IS_ERR(file))
		return PTR_ERR(file);
	*filep = file;
	return 0;
}
EXPORT_SYMBOL_GPL(liveupdate_get_file_incoming);

/**
 * luo_retrieve - get a file of an incoming session
 * @session: the session
 * @token:   what the file was preserved with
 *
 * Context: between luo_enter() and luo_exit(), may sleep.
 * Return: a reference to the file, the same one each time, or an ERR_PTR(), as
 * LIVEUPDATE_SESSION_RETRIEVE_FD documents.
 */
struct file *luo_retrieve(struct luo_session *session, u64 token)
{
	if (session->direction != LUO_INCOMING)
		return ERR_PTR(-EINVAL);

	guard(mutex)(&session->mutex);

	return luo_retrieve_locked(session, token);
}

/* In the way into a kexec: what will be gone because nobody finished it. */
void luo_incoming_report_dropped(void)
{
	struct luo_session *session;
	u64 unlogged = 0;

	if (luo_incoming_sessions())
		pr_warn("sessions of the previous kernel are dropped by this kexec\n");

	list_for_each_entry(session, &luo_sessions[LUO_INCOMING].list, list) {
		if (luo_may_log())
			pr_warn("session '%s' is not finished: its %llu files are dropped by this kexec\n",
				session->name, session->nr_files);
		else
			unlogged++;
	}
	if (unlogged)
		pr_warn("%llu more sessions are dropped by this kexec\n",
			unlogged);
}
