// SPDX-License-Identifier: GPL-2.0
/*
 * What handlers of the Live Update Orchestrator in BPF can call for timerfds.
 */
#include <linux/btf.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/luo_files.h>
#include <linux/timerfd.h>

#include "luo_kfuncs.h"

static_assert(sizeof(struct luo_timerfd) == 48);

__bpf_kfunc_start_defs();

/**
 * bpf_luo_timerfd_save - what a timerfd is at
 * @ctx:       the file that is preserved
 * @file:      it
 * @state:     out: a struct luo_timerfd
 * @state__sz: its size
 *
 * Context: preserve, freeze.
 * Return: 0, or -EINVAL if that is another file or size.
 */
__bpf_kfunc int bpf_luo_timerfd_save(struct luo_bpf_ctx *ctx, struct file *file,
				     void *state, u32 state__sz)
{
	struct luo_timerfd timer;
	int err;

	if (state__sz != sizeof(timer))
		return -EINVAL;
	err = timerfd_save(file, &timer);
	if (!err)
		memcpy(state, &timer, sizeof(timer));
	return err;
}

static bool luo_timerfd_ok(const struct luo_timerfd *timer)
{
	return timer->interval >= 0 &&
	       (!timer->armed || timer->remaining > 0 || timer->wall) &&
	       (!timer->armed || timer->expires > 0 || !timer->wall) &&
	       !(timer->flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) &&
	       timer->armed <= 1 && timer->wall <= 1 && timer->cancelled <= 1 &&
	       !memchr_inv(timer->reserved, 0, sizeof(timer->reserved));
}

/**
 * bpf_luo_timerfd - make a timerfd
 * @ctx:       the file that is retrieved
 * @state:     a struct luo_timerfd; if it is armed, @expires of one that runs by
 *             the time of day must be above 0, and @remaining of others
 * @state__sz: its size
 *
 * Context: retrieve.
 * Return: the file, the program's to pass on or put; or NULL, and bpf_luo_error()
 * is -EINVAL for another size or a value that can't be, -EPERM for an alarm clock
 * and a task without CAP_WAKE_ALARM, -ENOMEM.
 */
__bpf_kfunc struct file *bpf_luo_timerfd(struct luo_bpf_ctx *ctx,
					 const void *state, u32 state__sz)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct luo_timerfd timer;
	struct file *file;

	guard(luo_no_run_ctx)();

	if (state__sz != sizeof(timer))
		return luo_bpf_null(bf, -EINVAL);
	memcpy(&timer, state, sizeof(timer));
	if (!luo_timerfd_ok(&timer))
		return luo_bpf_null(bf, -EINVAL);

	file = timerfd_getfile(timer.clockid, 0);
	if (!IS_ERR(file))
		timerfd_restore(file, &timer);
	return luo_bpf_file_or_null(bf, file);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(luo_timerfd_kfunc_ids)
BTF_ID_FLAGS(func, bpf_luo_timerfd_save, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_timerfd, KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_KFUNCS_END(luo_timerfd_kfunc_ids)

BTF_SET_START(luo_timerfd_save_ids)
BTF_ID(func, bpf_luo_timerfd_save)
BTF_SET_END(luo_timerfd_save_ids)

BTF_SET_START(luo_timerfd_retrieve_ids)
BTF_ID(func, bpf_luo_timerfd)
BTF_SET_END(luo_timerfd_retrieve_ids)

static int luo_timerfd_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	static const struct luo_kfunc_sets sets = {
		.all = &luo_timerfd_kfunc_ids,
		.preserve = &luo_timerfd_save_ids,
		.freeze = &luo_timerfd_save_ids,
		.retrieve = &luo_timerfd_retrieve_ids,
	};

	return luo_kfunc_check(&sets, prog, kfunc_id);
}

static const struct btf_kfunc_id_set luo_timerfd_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &luo_timerfd_kfunc_ids,
	.filter = luo_timerfd_filter,
};

static int __init luo_timerfd_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &luo_timerfd_kfunc_set);
}
late_initcall(luo_timerfd_kfuncs_init);
