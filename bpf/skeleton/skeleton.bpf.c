// SPDX-License-Identifier: GPL-2.0
/*
 * TODO: which type of file, in a sentence.
 *
 * Survives:	TODO: what is the same in the next kernel. Begin here, before any code.
 * Does not:	TODO
 * Refused:	TODO: what preserve refuses, because it could not come back.
 *
 * State:	struct skeleton_state below; version 1.
 */
#include "luo_handler.bpf.h"

/* What crosses the kexec, of fixed layout; once it is in use, it changes with @version. */
struct skeleton_state {
	__u64 todo;
};

/* What can fail belongs here, where it costs one PRESERVE_FD. */
int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct skeleton_state *state = luo_state(luo, struct skeleton_state);

	if (!state)
		return bpf_luo_error(luo);
	/*
	 * TODO: refuse what could not come back, each with a luo_report(). What is behind
	 * file->private_data is read by bpf_core_cast(), or BPF_CORE_READ() for a driver that
	 * may be a module.
	 */
	state->todo = 0;
	return 0;
}

/* The file was usable until now. An error here costs the whole kexec. */
int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct skeleton_state *state = luo_state(luo, struct skeleton_state);

	if (!state)
		return bpf_luo_error(luo);
	/* TODO: save what changed since. */
	return 0;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct skeleton_state *state = luo_state(luo, struct skeleton_state);

	if (!state)
		return bpf_luo_error(luo);
	if (state->todo) {
		luo_report(luo, "not the state of a skeleton");
		return -EUCLEAN;
	}
	/*
	 * TODO: make the file, by a constructor or bpf_luo_open() and ioctls, and pass it to
	 * bpf_luo_set_file(). Flags and position are restored by the kernel.
	 */
	luo_report(luo, "retrieve is not written yet");
	return -EOPNOTSUPP;
}

LUO_HANDLER skeleton = {
	.compatible = "skeleton-v1",
	.fops = "skeleton_fops",
	.version = 1,
	.min_version = 1,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
