// SPDX-License-Identifier: GPL-2.0
/* Epoll files whose records are damaged */
#include "damaged.h"
#include "../../../bpf/handlers/epoll.bpf.c"

int LUO_PROG(damage, struct luo_bpf_ctx *luo, struct file *file)
{
	struct epoll_state *state = luo_state(luo, struct epoll_state);
	int err = shipped_freeze(luo, file);

	if (err || !state)
		return err ?: bpf_luo_error(luo);
	return damage(luo, (char *)state, sizeof(*state));
}

DAMAGED_HANDLER epoll_damaged = {
	.compatible = "epoll-v1",
	.fops = "eventpoll_fops",
	.version = 1,
	.min_version = 1,
	.max_bytes = 16 << 20,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_damage,
	.retrieve = (void *)luo_retrieve,
};
