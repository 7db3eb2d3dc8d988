// SPDX-License-Identifier: GPL-2.0
/*
 * What handlers of the Live Update Orchestrator in BPF can call for signalfds.
 */
#include <linux/btf.h>
#include <linux/file.h>
#include <linux/luo_files.h>
#include <linux/signal.h>

#include "luo_kfuncs.h"

static_assert(_NSIG <= 64);

__bpf_kfunc_start_defs();

/**
 * bpf_luo_signalfd - make a signalfd
 * @ctx:  the file that is retrieved
 * @mask: the signals that it takes: bit 0 is signal 1
 *
 * Context: retrieve.
 * Return: the file, the program's to pass on or put; or NULL, and bpf_luo_error()
 * is -EINVAL if SIGKILL or SIGSTOP are in the mask, -ENOMEM.
 */
__bpf_kfunc struct file *bpf_luo_signalfd(struct luo_bpf_ctx *ctx, u64 mask)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	sigset_t blocked = {};

	guard(luo_no_run_ctx)();

	if (mask & (BIT_ULL(SIGKILL - 1) | BIT_ULL(SIGSTOP - 1)))
		return luo_bpf_null(bf, -EINVAL);
	for (int sig = 1; sig <= _NSIG; sig++) {
		if (!(mask & BIT_ULL(sig - 1)))
			sigaddset(&blocked, sig);
	}
	return luo_bpf_file_or_null(bf, signalfd_getfile(&blocked, 0));
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(luo_signalfd_kfunc_ids)
BTF_ID_FLAGS(func, bpf_luo_signalfd, KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_KFUNCS_END(luo_signalfd_kfunc_ids)

BTF_SET_START(luo_signalfd_retrieve_ids)
BTF_ID(func, bpf_luo_signalfd)
BTF_SET_END(luo_signalfd_retrieve_ids)

static int luo_signalfd_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	static const struct luo_kfunc_sets sets = {
		.all = &luo_signalfd_kfunc_ids,
		.retrieve = &luo_signalfd_retrieve_ids,
	};

	return luo_kfunc_check(&sets, prog, kfunc_id);
}

static const struct btf_kfunc_id_set luo_signalfd_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &luo_signalfd_kfunc_ids,
	.filter = luo_signalfd_filter,
};

static int __init luo_signalfd_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &luo_signalfd_kfunc_set);
}
late_initcall(luo_signalfd_kfuncs_init);
