// SPDX-License-Identifier: GPL-2.0
/*
 * eventfd(2).
 *
 * Survives:	the counter as it is when the file is frozen, EFD_SEMAPHORE, and, as for
 *		every file, O_NONBLOCK. Other CPUs run on for a moment from then to the
 *		kexec: what they add or take is lost.
 * Does not:	who waits. A reader that was asleep, an epoll or a KVM irqfd that the
 *		eventfd was registered with: in the next kernel, they register again.
 *		The number in "eventfd-id" of /proc/PID/fdinfo is a new one.
 *
 * State:	struct eventfd_state below; version 1.
 */
#include "luo_handler.bpf.h"

#ifndef VERSION
#define VERSION 1
#endif

#define EFD_SEMAPHORE 1

struct eventfd_state {
	__u64 count;
	__u32 flags;
	__u32 reserved;
};

static int save(struct luo_bpf_ctx *luo, struct file *file)
{
	struct eventfd_ctx *eventfd = bpf_core_cast(file->private_data, struct eventfd_ctx);
	struct eventfd_state *state = luo_state(luo, struct eventfd_state);

	if (!state)
		return bpf_luo_error(luo);

	state->count = eventfd->count;
	state->flags = eventfd->flags & EFD_SEMAPHORE;
	return 0;
}

/* The block is reserved now, so that freeze can't fail. */
int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return save(luo, file);
}

/* The eventfd was usable until now. */
int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	return save(luo, file);
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct eventfd_state *state = luo_state(luo, struct eventfd_state);
	struct file *file;

	if (!state)
		return bpf_luo_error(luo);
	if (state->flags & ~EFD_SEMAPHORE) {
		luo_report(luo, "not the state of an eventfd");
		return -EUCLEAN;
	}

	file = bpf_luo_eventfd(luo, state->count, state->flags);
	if (!file)
		return bpf_luo_error(luo);
	return bpf_luo_set_file(file, luo);
}

LUO_HANDLER eventfd = {
	.compatible = "eventfd-v1",
	.fops = "eventfd_fops",
	.version = VERSION,
	.min_version = 1,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
