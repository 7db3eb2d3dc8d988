// SPDX-License-Identifier: GPL-2.0
/*
 * signalfd(2).
 *
 * Survives:	the set of signals that it takes, as it is when the file is frozen, and, as
 *		for every file, O_NONBLOCK.
 * Does not:	signals that are pending: they are the process's, and it ends with the kexec.
 *		That a signal is blocked is the process's, too: who takes the file in the
 *		next kernel blocks its signals again. One of those may find an epoll that
 *		watches it attached to the process that retrieved the epoll: it shows the
 *		signals of that.
 *
 * State:	struct signalfd_state below; version 1.
 */
#include "luo_handler.bpf.h"

/* SIGKILL and SIGSTOP, which nobody can take */
#define NEVER (1ULL << 8 | 1ULL << 18)

struct signalfd_state {
	__u64 mask;	/* bit 0 is signal 1 */
};

static int save(struct luo_bpf_ctx *luo, struct file *file)
{
	struct signalfd_ctx *signalfd = bpf_core_cast(file->private_data, struct signalfd_ctx);
	struct signalfd_state *state = luo_state(luo, struct signalfd_state);

	if (!state)
		return bpf_luo_error(luo);

	/* The kernel keeps those that it does not take. */
	state->mask = ~signalfd->sigmask.sig[0] & ~NEVER;
	return 0;
}

/* The block is reserved now, so that freeze can't fail. */
int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return save(luo, file);
}

/* signalfd(2) could give it another set until now. */
int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	return save(luo, file);
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct signalfd_state *state = luo_state(luo, struct signalfd_state);
	struct file *file;

	if (!state)
		return bpf_luo_error(luo);
	if (state->mask & NEVER) {
		luo_report(luo, "not the state of a signalfd");
		return -EUCLEAN;
	}

	file = bpf_luo_signalfd(luo, state->mask);
	if (!file)
		return bpf_luo_error(luo);
	return bpf_luo_set_file(file, luo);
}

LUO_HANDLER signalfd = {
	.compatible = "signalfd-v1",
	.fops = "signalfd_fops",
	.version = 1,
	.min_version = 1,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
