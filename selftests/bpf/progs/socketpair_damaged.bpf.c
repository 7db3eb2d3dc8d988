// SPDX-License-Identifier: GPL-2.0
/* Pairs of unix sockets whose records are damaged */
#include "damaged.h"
#include "../../../bpf/handlers/socketpair.bpf.c"

DAMAGED_FREEZE(struct unix_state)

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
