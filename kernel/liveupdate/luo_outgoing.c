// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: files on their way to the next kernel.
 *
 * All memory that the records need is taken when a file is preserved, so that
 * writing them at the kexec can't fail.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kho/abi/memfd.h>
#include <linux/slab.h>

#include <trace/events/luo.h>

#include "luo_internal.h"

static int luo_call_preserve(struct luo_file *lf)
{
	struct liveupdate_file_op_args args;
	int err;

	trace_luo_file_start(lf, "preserve");
	luo_file_args(lf, &args);
	err = luo_errno(lf->fh->ops->preserve(&args));
	if (!err)
		luo_file_account(lf, &args);
	trace_luo_file_end(lf, "preserve", err);
	if (err)
		luo_report(lf, &args, "preserve", err);
	return err;
}

/* What mainline's kernel would have no handler for it would lose. */
static int luo_check_abi(struct luo_file *lf)
{
	struct liveupdate_file_op_args args;

	if (!liveupdate_abi_mainline() ||
	    !strcmp(lf->fh->compatible, MEMFD_LUO_FH_COMPATIBLE))
		return 0;

	luo_file_args(lf, &args);
	args.message = kstrdup("mainline has no such handler, and liveupdate.abi=mainline is set",
			       GFP_KERNEL);
	luo_report(lf, &args, "preserve", -EOPNOTSUPP);
	return -EOPNOTSUPP;
}

/* On failure what was done here stays for luo_file_remove() to undo. */
static int luo_preserve_added(struct luo_file *lf)
{
	struct luo_session *session = lf->by_token.session;
	int err;

	lf->fh = luo_handler_for_file(lf->file);
	if (!lf->fh)
		return -ENOENT;

	err = luo_check_abi(lf);
	if (err)
		return err;

	err = luo_file_add_id(lf);
	if (err)
		return err;

	err = kho_block_set_grow(&session->blocks, session->nr_files);
	if (err)
		return err;

	err = luo_flb_preserve_file(lf);
	if (err)
		return err;

	err = luo_call_preserve(lf);
	if (err)
		luo_flb_unpreserve_file(lf);
	return err;
}

static int luo_preserve_file(struct luo_file *lf)
{
	struct luo_session *session = lf->by_token.session;
	int err;

	guard(mutex)(&session->mutex);

	err = luo_file_add(lf);
	if (err)
		return err;

	err = luo_preserve_added(lf);
	if (err) {
		luo_file_remove(lf);
		kho_block_set_shrink(&session->blocks, session->nr_files);
	}
	return err;
}

/**
 * luo_preserve - put a file into an outgoing session
 * @session: the session
 * @fd:      of the calling process
 * @token:   to find it by
 *
 * Context: between luo_enter() and luo_exit(), may sleep.
 * Return: 0 or an errno, as LIVEUPDATE_SESSION_PRESERVE_FD documents.
 */
int luo_preserve(struct luo_session *session, int fd, u64 token)
{
	struct luo_file *lf;
	int err;

	if (session->direction != LUO_OUTGOING)
		return -EINVAL;

	lf = luo_file_alloc(session, token);
	if (!lf)
		return -ENOMEM;

	lf->file = fget(fd);
	err = lf->file ? luo_preserve_file(lf) : -EBADF;
	if (err)
		luo_file_free(lf);
	return err;
}

/* Undoes all of a session, in the reverse order of preservation. */
void luo_unpreserve_all(struct luo_session *session)
{
	struct luo_file *lf, *prev;

	lockdep_assert_held(&session->mutex);

	list_for_each_entry_safe_reverse(lf, prev, &session->files, list) {
		struct liveupdate_file_op_args args;

		trace_luo_file_start(lf, "unpreserve");
		luo_file_args(lf, &args);
		lf->fh->ops->unpreserve(&args);
		trace_luo_file_end(lf, "unpreserve", 0);
		luo_flb_unpreserve_file(lf);
		luo_file_remove(lf);
		luo_file_free(lf);
	}
	kho_block_set_destroy(&session->blocks);
}

static void luo_unfreeze_file(struct luo_file *lf)
{
	struct liveupdate_file_op_args args;

	if (!lf->fh->ops->unfreeze)
		return;

	trace_luo_file_start(lf, "unfreeze");
	luo_file_args(lf, &args);
	lf->fh->ops->unfreeze(&args);
	luo_file_account(lf, &args);
	trace_luo_file_end(lf, "unfreeze", 0);
}

static int luo_freeze_file(struct luo_file *lf)
{
	struct liveupdate_file_op_args args;
	int err;

	if (!lf->fh->ops->freeze)
		return 0;

	trace_luo_file_start(lf, "freeze");
	luo_file_args(lf, &args);
	err = luo_errno(lf->fh->ops->freeze(&args));
	if (!err)
		luo_file_account(lf, &args);
	trace_luo_file_end(lf, "freeze", err);
	if (err) {
		luo_report(lf, &args, "freeze", err);
		pr_err("kexec refused: close session '%s' or try again\n",
		       lf->by_token.session->name);
	}
	return err;
}

static int luo_freeze_files(struct luo_session *session)
{
	struct luo_file *lf;
	int err;

	list_for_each_entry(lf, &session->files, list) {
		err = luo_freeze_file(lf);
		if (err)
			goto unfreeze;
	}
	WRITE_ONCE(session->frozen, true);
	return 0;

unfreeze:
	list_for_each_entry_continue_reverse(lf, &session->files, list)
		luo_unfreeze_file(lf);
	return err;
}

static void luo_unfreeze_files(struct luo_session *session)
{
	struct luo_file *lf;

	trace_luo_session_start(session, "unfreeze");
	list_for_each_entry_reverse(lf, &session->files, list)
		luo_unfreeze_file(lf);
	WRITE_ONCE(session->frozen, false);
	trace_luo_session_end(session, "unfreeze", 0);
}

/* There is room for all of them: see luo_preserve_added(). */
static void luo_write_files(struct luo_session *session)
{
	struct kho_block_set_it it;
	struct luo_file *lf;

	kho_block_set_clear(&session->blocks);
	kho_block_set_it_init(&it, &session->blocks);
	list_for_each_entry(lf, &session->files, list) {
		struct luo_file_ser *ser = kho_block_set_it_reserve_entry(&it);

		strscpy_pad(ser->compatible, lf->fh->compatible);
		ser->data = lf->data;
		ser->token = lf->by_token.token;
	}
	luo_blocks_sign(&session->blocks, session->name);
}

static void luo_write_session(struct luo_session *session,
			      struct luo_session_ser *ser)
{
	trace_luo_session_start(session, "write");
	luo_write_files(session);
	memcpy(ser->name, session->name, sizeof(ser->name));
	ser->file_set_ser.files = kho_block_set_head_pa(&session->blocks);
	ser->file_set_ser.count = session->nr_files;
	trace_luo_session_end(session, "write", 0);
}

/**
 * luo_freeze_sessions - freeze all outgoing files and write their records
 * @sessions_pa: out: the first block of the records
 *
 * Sessions and files freeze in the order they were made.
 *
 * Context: with luo_quiesce held for writing; may sleep.
 * Return: 0, or the errno of the file that could not be frozen, in which case
 * everything is as it was.
 */
int luo_freeze_sessions(u64 *sessions_pa)
{
	struct luo_sessions *sessions = &luo_sessions[LUO_OUTGOING];
	struct luo_session *session;
	struct kho_block_set_it it;
	int err;

	kho_block_set_clear(&sessions->blocks);
	kho_block_set_it_init(&it, &sessions->blocks);

	list_for_each_entry(session, &sessions->list, list) {
		guard(mutex)(&session->mutex);
		trace_luo_session_start(session, "freeze");
		err = luo_freeze_files(session);
		trace_luo_session_end(session, "freeze", err);
		if (err)
			goto unfreeze;
		luo_write_session(session, kho_block_set_it_reserve_entry(&it));
	}
	*sessions_pa = kho_block_set_head_pa(&sessions->blocks);
	return 0;

unfreeze:
	list_for_each_entry_continue_reverse(session, &sessions->list, list) {
		guard(mutex)(&session->mutex);
		luo_unfreeze_files(session);
	}
	return err;
}
