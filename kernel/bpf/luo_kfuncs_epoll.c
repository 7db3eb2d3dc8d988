// SPDX-License-Identifier: GPL-2.0
/*
 * What handlers of the Live Update Orchestrator in BPF can call for epoll files.
 */
#include <linux/btf.h>
#include <linux/file.h>
#include <linux/luo_files.h>

#include "luo_kfuncs.h"

static_assert(sizeof(struct luo_epoll_item) == 24);

__bpf_kfunc_start_defs();

/**
 * bpf_luo_epoll_next - what an epoll file watches, one by one
 * @ctx:      the file that is preserved
 * @file:     it
 * @item:     a struct luo_epoll_item. In: all zero, or what was there last; out: the
 *            one behind it. What it says is the file is an address to be compared,
 *            as by bpf_luo_token_of()
 * @item__sz: its size
 *
 * Context: preserve, freeze.
 * Return: 0, -ENOENT if there is none, -EINVAL for another file or size, -EBUSY if
 * another task is at it and does not end, -EINTR if the task is being killed.
 */
__bpf_kfunc int bpf_luo_epoll_next(struct luo_bpf_ctx *ctx, struct file *file,
				   void *item, u32 item__sz)
{
	struct luo_epoll_item next;
	int err;

	guard(luo_no_run_ctx)();

	if (item__sz != sizeof(next))
		return -EINVAL;
	memcpy(&next, item, sizeof(next));
	err = eventpoll_next(file, &next);
	if (err == -EBUSY)
		luo_bpf_message(luo_bpf_file_of(ctx),
				"another task is at it, and does not end");
	if (!err)
		memcpy(item, &next, sizeof(next));
	return err;
}

/**
 * bpf_luo_epoll - make an epoll file
 * @ctx: the file that is retrieved
 *
 * Context: retrieve.
 * Return: the file, the program's to pass on or put; or NULL, and bpf_luo_error()
 * is -ENOMEM.
 */
__bpf_kfunc struct file *bpf_luo_epoll(struct luo_bpf_ctx *ctx)
{
	return luo_bpf_file_or_null(luo_bpf_file_of(ctx), eventpoll_getfile(0));
}

/**
 * bpf_luo_epoll_watch - have an epoll file watch another one
 * @file:     the epoll file
 * @target:   the other
 * @item:     a struct luo_epoll_item: what for, and the number of the descriptor that
 *            it goes by, which need not be there; which file it says is no matter
 * @item__sz: its size
 *
 * Context: retrieve.
 * Return: 0, -EINVAL if @file is another file, for another size, or events that
 * can't be; -EPERM for a target that can't be watched, -EEXIST, -ELOOP, -ENOSPC,
 * -ENOMEM as epoll_ctl(2).
 */
__bpf_kfunc int bpf_luo_epoll_watch(struct file *file, struct file *target,
				    const void *item, u32 item__sz)
{
	struct luo_epoll_item watch;

	guard(luo_no_run_ctx)();

	if (item__sz != sizeof(watch))
		return -EINVAL;
	memcpy(&watch, item, sizeof(watch));
	return eventpoll_watch(file, target, &watch);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(luo_epoll_kfunc_ids)
BTF_ID_FLAGS(func, bpf_luo_epoll_next, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_epoll, KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_luo_epoll_watch, KF_SLEEPABLE)
BTF_KFUNCS_END(luo_epoll_kfunc_ids)

BTF_SET_START(luo_epoll_save_ids)
BTF_ID(func, bpf_luo_epoll_next)
BTF_SET_END(luo_epoll_save_ids)

BTF_SET_START(luo_epoll_retrieve_ids)
BTF_ID(func, bpf_luo_epoll)
BTF_ID(func, bpf_luo_epoll_watch)
BTF_SET_END(luo_epoll_retrieve_ids)

static int luo_epoll_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	static const struct luo_kfunc_sets sets = {
		.all = &luo_epoll_kfunc_ids,
		.preserve = &luo_epoll_save_ids,
		.freeze = &luo_epoll_save_ids,
		.retrieve = &luo_epoll_retrieve_ids,
	};

	return luo_kfunc_check(&sets, prog, kfunc_id);
}

static const struct btf_kfunc_id_set luo_epoll_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &luo_epoll_kfunc_ids,
	.filter = luo_epoll_filter,
};

static int __init luo_epoll_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &luo_epoll_kfunc_set);
}
late_initcall(luo_epoll_kfuncs_init);
