// SPDX-License-Identifier: GPL-2.0
/* Pipes whose records are damaged */
#include "damaged.h"
#include "../../../bpf/handlers/pipe.bpf.c"

DAMAGED_FREEZE(struct pipe_state)

DAMAGED_HANDLER pipe_damaged = {
	.compatible = "pipe-v1",
	.fops = "pipeanon_fops",
	.version = 1,
	.min_version = 1,
	.max_bytes = 65 << 20,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_damage,
	.retrieve = (void *)luo_retrieve,
};
