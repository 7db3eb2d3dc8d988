// SPDX-License-Identifier: GPL-2.0
/*
 * What file handlers of the Live Update Orchestrator in BPF can call.
 *
 * Each kfunc is there in the callbacks of struct luo_bpf_ops where it is safe
 * and makes sense, and for no other program.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/ctype.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "luo_kfuncs.h"

static int luo_bpf_charge(struct luo_bpf_file *bf, u64 state, u64 blob)
{
	u64 quota = luo_bpf_quota(bf->ops);

	if (blob <= quota && state <= quota - blob)
		return 0;
	luo_bpf_message(bf, "over quota: %llu bytes of state and %llu of blob, max_bytes is %llu",
			state, blob, quota);
	return -ENOSPC;
}

/* What a program says, as it may stand in a log; NULL for no memory */
static char *luo_bpf_text(const char *msg, u32 size)
{
	char *text;

	size = min(size, LIVEUPDATE_REPORT_MESSAGE_LENGTH - 1);
	text = kmemdup_nul(msg, strnlen(msg, size), GFP_KERNEL);
	for (char *c = text; c && *c; c++) {
		if (!isascii(*c) || !isprint(*c))
			*c = '?';
	}
	return text;
}

__bpf_kfunc_start_defs();

/**
 * bpf_luo_state - the fixed-size block of a file
 * @ctx:           the file
 * @rdwr_buf_size: how much of it the program accesses: a constant, up to
 *                 %LUO_BPF_STATE_MAX
 *
 * The block is all zero at first and as large as preserve and freeze have asked
 * for, at most; the next kernel's callbacks find it as it was left. It belongs
 * to the file: there is nothing to release, and it stays in place.
 *
 * Context: any callback but can_preserve and get_id.
 * Return: the block, or NULL. Then bpf_luo_error() is -E2BIG if the block is
 * smaller or can't be that large, -ENOSPC if it is over max_bytes.
 */
__bpf_kfunc u8 *bpf_luo_state(struct luo_bpf_ctx *ctx, const u32 rdwr_buf_size)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct luo_bpf_ser *ser = bf->record.ser;
	int err;

	if (rdwr_buf_size <= ser->state_size)
		return ser->state;
	if (!bf->writable || rdwr_buf_size > LUO_BPF_STATE_MAX)
		return luo_bpf_null(bf, -E2BIG);

	err = luo_bpf_charge(bf, rdwr_buf_size, ser->blob_size);
	if (err)
		return luo_bpf_null(bf, err);
	ser->state_size = rdwr_buf_size;
	return ser->state;
}

/**
 * bpf_luo_shared - the block that files share
 * @ctx:           the file
 * @rdwr_buf_size: how much of it the program accesses: a constant, up to
 *                 %LUO_BPF_STATE_MAX
 *
 * The block that the handler's @shared names. It is there, all zero, when the
 * first file that has it is preserved, and goes with the last one; it crosses the
 * kexec once, and is there until the last file that has it is finished. What the
 * programs write to it before freeze returns is handed over; what they write in
 * the next kernel stays in that.
 *
 * Programs for files of other sessions may run at the same time: atomic
 * operations are for that.
 *
 * Context: any callback but can_preserve and get_id.
 * Return: the block, valid until the callback returns; or NULL, and
 * bpf_luo_error() is -E2BIG for a large size, -ENOENT if the handler names none, or
 * it was not handed over, -EUCLEAN if it is damaged.
 */
__bpf_kfunc u8 *bpf_luo_shared(struct luo_bpf_ctx *ctx, const u32 rdwr_buf_size)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct luo_bpf_record *rec;

	rec = luo_bpf_shared_get(bf);
	if (IS_ERR(rec))
		return luo_bpf_null(bf, PTR_ERR(rec));
	if (rdwr_buf_size > rec->ser->state_size)
		return luo_bpf_null(bf, -E2BIG);
	return rec->ser->state;
}

/**
 * bpf_luo_blob_resize - change the size of a file's blob
 * @ctx:  the file
 * @size: in bytes
 *
 * The blob is memory of any size beside the state, at first of size 0. What it
 * grows by is zero. The memory is accounted to the cgroup of the caller.
 *
 * Context: preserve, freeze.
 * Return: 0, or with the blob as it was -ENOSPC if that is over max_bytes,
 * -ENOMEM, -EINTR if the task is being killed.
 */
__bpf_kfunc int bpf_luo_blob_resize(struct luo_bpf_ctx *ctx, u64 size)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	int err;

	/* What a file has is its own: an upgrade may have lowered the quota. */
	if (size > bf->record.ser->blob_size) {
		err = luo_bpf_charge(bf, bf->record.ser->state_size, size);
		if (err)
			return err;
	}
	return luo_bpf_record_resize(&bf->record, size);
}

/**
 * bpf_luo_blob_write - write into a file's blob
 * @ctx:     the file
 * @offset:  where, in bytes
 * @mem:     what
 * @mem__sz: how much
 *
 * Context: preserve, freeze.
 * Return: 0, or -ERANGE with nothing written if that is beyond the end.
 */
__bpf_kfunc int bpf_luo_blob_write(struct luo_bpf_ctx *ctx, u64 offset,
				   const void *mem, u32 mem__sz)
{
	return luo_bpf_record_copy_in(&luo_bpf_file_of(ctx)->record, offset,
				      mem, mem__sz);
}

/**
 * bpf_luo_blob_read - read from a file's blob
 * @ctx:     the file
 * @offset:  where, in bytes
 * @mem:     out
 * @mem__sz: how much
 *
 * Context: any callback but can_preserve and get_id.
 * Return: 0, or -ERANGE with nothing read if that is beyond the end.
 */
__bpf_kfunc int bpf_luo_blob_read(struct luo_bpf_ctx *ctx, u64 offset,
				  void *mem, u32 mem__sz)
{
	return luo_bpf_record_copy_out(&luo_bpf_file_of(ctx)->record, offset,
				       mem, mem__sz);
}

/**
 * bpf_luo_blob_size - size of a file's blob
 * @ctx: the file
 *
 * Context: any callback but can_preserve and get_id.
 * Return: bytes.
 */
__bpf_kfunc u64 bpf_luo_blob_size(struct luo_bpf_ctx *ctx)
{
	return luo_bpf_file_of(ctx)->record.ser->blob_size;
}

/**
 * bpf_luo_token_of - which token another file of the session has
 * @ctx:       the file that is frozen
 * @file__ign: the other one: a struct file *, as found in whatever refers to it;
 *             need not be trusted, for it is only compared
 * @token:     out
 *
 * Context: freeze. In preserve the other might not be there yet.
 * Return: 0, or -ENOENT if it is not in the same session, or of a type that has
 * another identity than the open file description (as a memfd has).
 */
__bpf_kfunc int bpf_luo_token_of(struct luo_bpf_ctx *ctx, const void *file__ign,
				 u64 *token)
{
	return luo_token_of(luo_bpf_file_of(ctx)->session, file__ign, token);
}

/**
 * bpf_luo_file_by_token - another file of the session
 * @ctx:   the file that is retrieved
 * @token: what the other one was preserved with
 *
 * Retrieves it if that was not done yet, which may need another one in turn.
 *
 * Context: retrieve.
 * Return: the file, the program's to pass on or put; or NULL, and
 * bpf_luo_error() is -ENOENT if there is no such file, -ELOOP if files need one
 * another in a circle or more than 8 of them in a row, or why it can't be
 * retrieved.
 */
__bpf_kfunc struct file *bpf_luo_file_by_token(struct luo_bpf_ctx *ctx,
					       u64 token)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct file *file;
	int err;

	guard(luo_no_run_ctx)();

	err = liveupdate_get_file_incoming(bf->session, token, &file);
	return err ? luo_bpf_null(bf, err) : file;
}

/**
 * bpf_luo_error - why a function returned NULL
 * @ctx: the file
 *
 * Context: any callback but can_preserve and get_id.
 * Return: the errno of the last function in this callback that did, negative.
 */
__bpf_kfunc int bpf_luo_error(struct luo_bpf_ctx *ctx)
{
	return luo_bpf_file_of(ctx)->error;
}

/**
 * bpf_luo_notice - say what the administrator should know
 * @ctx:     the file
 * @msg:     the message; up to a NUL, if there is one
 * @msg__sz: size of the buffer that it is in
 *
 * A line in the kernel log, though nothing fails: a part of the file's state that is
 * left behind, or in freeze that the file will not come back. What a function or
 * the program itself said of a failure (bpf_luo_report()) stands behind it, and is
 * done with.
 *
 * Context: any callback but can_preserve and get_id.
 * Return: 0 or -ENOMEM.
 */
__bpf_kfunc int bpf_luo_notice(struct luo_bpf_ctx *ctx, const char *msg,
			       u32 msg__sz)
{
	char *message __free(kfree) = luo_bpf_text(msg, msg__sz);
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);

	if (!message)
		return -ENOMEM;
	pr_notice("luo: '%s': file %#llx of session '%s': %s%s%s\n",
		  bf->handler->fh.compatible, ctx->token, ctx->session, message,
		  bf->message ? ": " : "", bf->message ?: "");
	kfree(bf->message);
	bf->message = NULL;
	return 0;
}

/**
 * bpf_luo_report - say why a callback is going to fail
 * @ctx:     the file
 * @msg:     the message; up to a NUL, if there is one
 * @msg__sz: size of the buffer that it is in
 *
 * It stands in the kernel log and in the report that user space can get, if
 * preserve, freeze or retrieve fail, or can_finish says no. The last message
 * counts; one is cut after 175 characters.
 *
 * Context: any callback but can_preserve and get_id.
 * Return: 0 or -ENOMEM.
 */
__bpf_kfunc int bpf_luo_report(struct luo_bpf_ctx *ctx, const char *msg,
			       u32 msg__sz)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	char *message = luo_bpf_text(msg, msg__sz);

	if (!message)
		return -ENOMEM;
	kfree(bf->message);
	bf->message = message;
	return 0;
}

/**
 * bpf_luo_realtime - the time of day
 * @ctx: the file
 *
 * The one clock that goes on through a kexec, if there is one: the next kernel
 * reads it from the hardware, as a rule in whole seconds.
 *
 * Context: any callback but can_preserve and get_id.
 * Return: ns since 1970.
 */
__bpf_kfunc s64 bpf_luo_realtime(struct luo_bpf_ctx *ctx)
{
	return ktime_get_real_ns();
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(luo_kfunc_ids)
BTF_ID_FLAGS(func, bpf_luo_state, KF_SLEEPABLE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_shared, KF_SLEEPABLE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_blob_resize, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_blob_write)
BTF_ID_FLAGS(func, bpf_luo_blob_read)
BTF_ID_FLAGS(func, bpf_luo_blob_size)
BTF_ID_FLAGS(func, bpf_luo_eventfd, KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_open, KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_path, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_sync, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_locks, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_relock, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_open_same,
	     KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_ioctl, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_ioctl_value, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_set_file, KF_RELEASE)
BTF_ID_FLAGS(func, bpf_luo_put_file, KF_RELEASE)
BTF_ID_FLAGS(func, bpf_luo_token_of, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_file_by_token,
	     KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_error)
BTF_ID_FLAGS(func, bpf_luo_report, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_notice, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_realtime)
BTF_KFUNCS_END(luo_kfunc_ids)

/* In each callback that has a record */
BTF_SET_START(luo_record_kfunc_ids)
BTF_ID(func, bpf_luo_state)
BTF_ID(func, bpf_luo_shared)
BTF_ID(func, bpf_luo_blob_read)
BTF_ID(func, bpf_luo_blob_size)
BTF_ID(func, bpf_luo_error)
BTF_ID(func, bpf_luo_report)
BTF_ID(func, bpf_luo_notice)
BTF_ID(func, bpf_luo_realtime)
BTF_SET_END(luo_record_kfunc_ids)

BTF_SET_START(luo_preserve_kfunc_ids)
BTF_ID(func, bpf_luo_blob_resize)
BTF_ID(func, bpf_luo_blob_write)
BTF_ID(func, bpf_luo_ioctl)
BTF_ID(func, bpf_luo_ioctl_value)
BTF_ID(func, bpf_luo_path)
BTF_ID(func, bpf_luo_sync)
BTF_ID(func, bpf_luo_locks)
BTF_SET_END(luo_preserve_kfunc_ids)

BTF_SET_START(luo_freeze_kfunc_ids)
BTF_ID(func, bpf_luo_blob_resize)
BTF_ID(func, bpf_luo_blob_write)
BTF_ID(func, bpf_luo_ioctl)
BTF_ID(func, bpf_luo_ioctl_value)
BTF_ID(func, bpf_luo_path)
BTF_ID(func, bpf_luo_sync)
BTF_ID(func, bpf_luo_locks)
BTF_ID(func, bpf_luo_token_of)
BTF_SET_END(luo_freeze_kfunc_ids)

BTF_SET_START(luo_retrieve_kfunc_ids)
BTF_ID(func, bpf_luo_eventfd)
BTF_ID(func, bpf_luo_open)
BTF_ID(func, bpf_luo_open_same)
BTF_ID(func, bpf_luo_relock)
BTF_ID(func, bpf_luo_ioctl)
BTF_ID(func, bpf_luo_ioctl_value)
BTF_ID(func, bpf_luo_set_file)
BTF_ID(func, bpf_luo_put_file)
BTF_ID(func, bpf_luo_file_by_token)
BTF_SET_END(luo_retrieve_kfunc_ids)

static bool luo_kfunc_in(const struct btf_id_set *set, u32 kfunc_id)
{
	return set && btf_id_set_contains(set, kfunc_id);
}

static bool luo_kfunc_allowed(const struct luo_kfunc_sets *sets, u32 member,
			      u32 kfunc_id)
{
	switch (member) {
	case offsetof(struct luo_bpf_ops, can_preserve):
	case offsetof(struct luo_bpf_ops, get_id):
		return false;
	case offsetof(struct luo_bpf_ops, preserve):
		if (luo_kfunc_in(sets->preserve, kfunc_id))
			return true;
		break;
	case offsetof(struct luo_bpf_ops, freeze):
		if (luo_kfunc_in(sets->freeze, kfunc_id))
			return true;
		break;
	case offsetof(struct luo_bpf_ops, retrieve):
		if (luo_kfunc_in(sets->retrieve, kfunc_id))
			return true;
		break;
	}
	return luo_kfunc_in(sets->record, kfunc_id);
}

/**
 * luo_kfunc_check - whether a program may call a kfunc
 * @sets:     those of the file that the filter is of; others are none of its business
 * @prog:     the program
 * @kfunc_id: BTF id of the kfunc
 *
 * Return: what the filter of a struct btf_kfunc_id_set is to return.
 */
int luo_kfunc_check(const struct luo_kfunc_sets *sets,
		    const struct bpf_prog *prog, u32 kfunc_id)
{
	if (!btf_id_set8_contains(sets->all, kfunc_id))
		return 0;
	if (prog->type != BPF_PROG_TYPE_STRUCT_OPS)
		return -EACCES;
	/* Not known in the verifier's first pass, which is not the last. */
	if (!prog->aux->st_ops)
		return 0;
	if (luo_bpf_prog(prog) &&
	    luo_kfunc_allowed(sets, prog->aux->attach_st_ops_member_off, kfunc_id))
		return 0;
	return -EACCES;
}

static int luo_kfunc_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	static const struct luo_kfunc_sets sets = {
		.all = &luo_kfunc_ids,
		.preserve = &luo_preserve_kfunc_ids,
		.freeze = &luo_freeze_kfunc_ids,
		.retrieve = &luo_retrieve_kfunc_ids,
		.record = &luo_record_kfunc_ids,
	};

	return luo_kfunc_check(&sets, prog, kfunc_id);
}

static const struct btf_kfunc_id_set luo_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &luo_kfunc_ids,
	.filter = luo_kfunc_filter,
};

int __init luo_bpf_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &luo_kfunc_set);
}
