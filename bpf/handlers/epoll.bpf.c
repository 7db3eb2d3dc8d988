// SPDX-License-Identifier: GPL-2.0
/*
 * epoll_create(2).
 *
 * Survives:	every watched file that is preserved in the same session, with its events,
 *		EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE and EPOLLWAKEUP, its data, and that a
 *		one-shot has fired and is to be armed again; epoll files in epoll files.
 * As new:	what is ready then is reported, edge-triggered ones too, though that edge may
 *		have been seen before the kexec.
 * Number:	epoll_ctl(2) knows a watched file by its descriptor, too, and goes on by the
 *		number that it was added with: to change or take off a file that has another
 *		number now, dup2(2) it to that one.
 * Does not:	watched files that are not in the session: they are left out, and the log of
 *		both kernels has a line that says how many. Busy polling (EPIOCSPARAMS).
 *		EPOLLWAKEUP, where who retrieves it has no CAP_BLOCK_SUSPEND. A watched
 *		signalfd shows the signals of the process that retrieves the epoll file, as
 *		it does those of the one that called epoll_ctl(2): add it again.
 * Refused:	at retrieve, as long as a watched file can't be retrieved, with its errno: the
 *		others alone would be a loop that waits in vain. At preserve, more than
 *		600,000 watches: ENOSPC; another task that is at the epoll file and does not
 *		end, as epoll_wait(2) into memory that is held back: EBUSY.
 * Lost:	for these reasons at the freeze, or when there is no memory for watches added
 *		since it was preserved (ENOMEM): the kexec goes on, the log has a line, and
 *		retrieve returns that errno.
 * Counts:	for the limit on a user's watches (max_user_watches) as those of who
 *		retrieves it.
 *
 * State:	struct epoll_state below, and struct epoll_watch, one by one, as blob;
 *		version 1.
 */
#include "luo_handler.bpf.h"

#define GROW 64		/* by so many, not one by one */

/* So many fit into max_bytes. */
const volatile __u32 max_watches = 600000;

struct epoll_state {
	__u32 watches;
	__u32 left_out;
	__s32 lost;		/* why it can't come back, found out by freeze; or 0 */
	__u32 reserved;
};

struct epoll_watch {
	__u64 token;
	__u64 data;
	__u32 events;
	__s32 fd;
};

static void left_out(struct luo_bpf_ctx *luo, __u64 n)
{
	char text[64] = {};

	if (!n)
		return;
	BPF_SNPRINTF(text, sizeof(text), "%llu watched files are not preserved", n);
	bpf_luo_notice(luo, text, sizeof(text));
}

static int too_many(struct luo_bpf_ctx *luo)
{
	luo_report(luo, "it watches more files than can be carried over");
	return -ENOSPC;
}

/* Memory for all that may turn out to be in the session. */
int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct luo_epoll_item item = {};
	__u32 i;
	int err = 0;

	if (!luo_state(luo, struct epoll_state))
		return bpf_luo_error(luo);
	bpf_for(i, 0, max_watches + 1) {
		err = bpf_luo_epoll_next(luo, file, &item, sizeof(item));
		if (!err && i % GROW == 0)
			err = bpf_luo_blob_resize(luo, (i + GROW) * sizeof(struct epoll_watch));
		if (err)
			break;
	}
	return err == -ENOENT ? 0 : err ?: too_many(luo);
}

static int save(struct luo_bpf_ctx *luo, struct epoll_state *state, struct luo_epoll_item *item)
{
	__u32 n = state->watches;
	struct epoll_watch watch = {};
	u64 token;
	int err;

	if (bpf_luo_token_of(luo, (void *)item->file, &token)) {
		state->left_out++;
		return 0;
	}
	watch.token = token;
	watch.data = item->data;
	watch.events = item->events;
	watch.fd = item->fd;
	if ((n + 1) * sizeof(watch) > bpf_luo_blob_size(luo)) {
		err = bpf_luo_blob_resize(luo, (n + GROW) * sizeof(watch));
		if (err)
			return err;
	}
	state->watches = n + 1;
	return bpf_luo_blob_write(luo, n * sizeof(watch), &watch, sizeof(watch));
}

static int save_all(struct luo_bpf_ctx *luo, struct file *file, struct epoll_state *state)
{
	struct luo_epoll_item item = {};
	__u32 i;
	int err = 0;

	bpf_for(i, 0, max_watches + 1) {
		err = bpf_luo_epoll_next(luo, file, &item, sizeof(item));
		if (!err)
			err = save(luo, state, &item);
		if (err)
			break;
	}
	if (err != -ENOENT)
		return err ?: too_many(luo);
	return bpf_luo_blob_resize(luo, state->watches * sizeof(struct epoll_watch));
}

/* All files of the session are known. */
int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct epoll_state *state = luo_state(luo, struct epoll_state);
	int err;

	if (!state)
		return bpf_luo_error(luo);
	state->watches = 0;
	state->left_out = 0;
	state->lost = 0;
	err = save_all(luo, file, state);
	if (err)
		return luo_lost(luo, &state->lost, err);
	left_out(luo, state->left_out);
	return 0;
}

static int watch(struct luo_bpf_ctx *luo, struct file *epoll, __u32 n)
{
	struct luo_epoll_item item = {};
	struct epoll_watch watch;
	struct file *target;
	char text[96] = {};
	int err;

	err = bpf_luo_blob_read(luo, n * sizeof(watch), &watch, sizeof(watch));
	if (err)
		return err;
	target = bpf_luo_file_by_token(luo, watch.token);
	if (!target) {
		BPF_SNPRINTF(text, sizeof(text), "file 0x%llx, which it watches, can't be retrieved",
			     watch.token);
		bpf_luo_report(luo, text, sizeof(text));
		return bpf_luo_error(luo);
	}
	item.data = watch.data;
	item.events = watch.events;
	item.fd = watch.fd;
	err = bpf_luo_epoll_watch(epoll, target, &item, sizeof(item));
	bpf_luo_put_file(target, luo);
	return err;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct epoll_state *state = luo_state(luo, struct epoll_state);
	struct file *epoll;
	__u32 i;
	int err = 0;

	if (!state)
		return bpf_luo_error(luo);
	if (state->lost)
		return luo_was_lost(luo, state->lost);
	if (bpf_luo_blob_size(luo) != state->watches * sizeof(struct epoll_watch)) {
		luo_report(luo, "not the state of an epoll file");
		return -EUCLEAN;
	}

	epoll = bpf_luo_epoll(luo);
	if (!epoll)
		return bpf_luo_error(luo);
	bpf_for(i, 0, state->watches) {
		err = watch(luo, epoll, i);
		if (err)
			break;
	}
	if (err) {
		bpf_luo_put_file(epoll, luo);
		return err;
	}
	left_out(luo, state->left_out);
	return bpf_luo_set_file(epoll, luo);
}

LUO_HANDLER epoll = {
	.compatible = "epoll-v1",
	.fops = "eventpoll_fops",
	.version = 1,
	.min_version = 1,
	.max_bytes = 16 << 20,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
