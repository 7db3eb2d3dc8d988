// SPDX-License-Identifier: GPL-2.0
/* Epoll files whose records are damaged */
#include "damaged.h"
#include "../../../bpf/handlers/epoll.bpf.c"

DAMAGED_FREEZE(struct epoll_state)

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
