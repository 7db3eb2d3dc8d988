// SPDX-License-Identifier: GPL-2.0
/* Pairs of unix sockets whose records are damaged */
#include "damaged.h"
#include "../../../bpf/handlers/socketpair.bpf.c"

int LUO_PROG(damage, struct luo_bpf_ctx *luo, struct file *file)
{
	struct unix_state *state = luo_state(luo, struct unix_state);
	int err = shipped_freeze(luo, file);

	if (err || !state)
		return err ?: bpf_luo_error(luo);
	return damage(luo, (char *)state, sizeof(*state));
}

DAMAGED_HANDLER socketpair_damaged = {
	.compatible = "socketpair-v1",
	.fops = "socket_file_ops",
	.version = 1,
	.min_version = 1,
	.max_bytes = 64 << 20,
	.can_preserve = (void *)luo_can_preserve,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_damage,
	.retrieve = (void *)luo_retrieve,
};
