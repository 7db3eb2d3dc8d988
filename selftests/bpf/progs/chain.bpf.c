// SPDX-License-Identifier: GPL-2.0
/*
 * Eventfds that need one another: the upper half of the count, if it is not 0, is one more
 * than the token of the file that must be there first.
 */
#include "luo_handler.bpf.h"

struct chain_state {
	__u64 count;
	__u64 own;
};

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct eventfd_ctx *eventfd = bpf_core_cast(file->private_data, struct eventfd_ctx);
	struct chain_state *state = luo_state(luo, struct chain_state);

	if (!state)
		return bpf_luo_error(luo);
	state->count = eventfd->count;
	return 0;
}

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct chain_state *state = luo_state(luo, struct chain_state);
	u64 token;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	err = bpf_luo_token_of(luo, file, &token);
	if (err)
		return err;
	state->own = token;
	return token == luo->token ? 0 : -EUCLEAN;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct chain_state *state = luo_state(luo, struct chain_state);
	struct file *file;

	if (!state)
		return bpf_luo_error(luo);
	if (state->own != luo->token)
		return -EUCLEAN;
	if (state->count >> 32) {
		file = bpf_luo_file_by_token(luo, (state->count >> 32) - 1);
		if (!file)
			return bpf_luo_error(luo);
		bpf_luo_put_file(file, luo);
	}
	file = bpf_luo_eventfd(luo, state->count, 0);
	return file ? bpf_luo_set_file(file, luo) : bpf_luo_error(luo);
}

LUO_HANDLER chain = {
	.compatible = "test-chain-v1",
	.fops = "eventfd_fops",
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
