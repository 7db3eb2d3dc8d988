// SPDX-License-Identifier: GPL-2.0
/*
 * Files that count themselves in state that they share: eventfds under odd tokens,
 * /dev/null under even ones.
 */
#include "luo_handler.bpf.h"
#include "shared.h"

#define O_RDWR 2

struct shared_control shared;

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct shared_state *state = luo_shared(luo, struct shared_state);

	shared.error = state ? 0 : bpf_luo_error(luo);
	if (!state)
		return shared.no_state ? 0 : shared.error;
	__sync_fetch_and_add(&state->preserved, 1);
	return shared.fail;
}

void LUO_PROG(unpreserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct shared_state *state = luo_shared(luo, struct shared_state);

	if (state)
		__sync_fetch_and_sub(&state->preserved, 1);
}

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct shared_state *state = luo_shared(luo, struct shared_state);

	if (state)
		state->frozen++;
	return 0;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct shared_state *state = luo_shared(luo, struct shared_state);
	char path[] = "/dev/null";
	struct file *file;

	shared.error = state ? 0 : bpf_luo_error(luo);
	if (!state)
		return shared.error;
	state->retrieved++;
	shared.seen = *state;

	if (luo->token & 1)
		file = bpf_luo_eventfd(luo, luo->token, 0);
	else
		file = bpf_luo_open(luo, path, sizeof(path), O_RDWR);
	return file ? bpf_luo_set_file(file, luo) : bpf_luo_error(luo);
}

void LUO_PROG(finish, struct luo_bpf_ctx *luo)
{
	struct shared_state *state = luo_shared(luo, struct shared_state);

	if (!state)
		return;
	state->finished++;
	shared.seen = *state;
}

LUO_HANDLER shared_handler = {
	.compatible = "test-shared-a-v1",
	.fops = "eventfd_fops",
	.shared = "test-shared-v1",
	.preserve = (void *)luo_preserve,
	.unpreserve = (void *)luo_unpreserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
	.finish = (void *)luo_finish,
};
