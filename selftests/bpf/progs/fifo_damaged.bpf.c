// SPDX-License-Identifier: GPL-2.0
/* FIFOs whose records are damaged */
#include "damaged.h"
#include "../../../bpf/handlers/fifo.bpf.c"

DAMAGED_FREEZE(struct fifo_state)

DAMAGED_HANDLER fifo_damaged = {
	.compatible = "fifo-v1",
	.fops = "pipefifo_fops",
	.version = 2,
	.min_version = 2,
	.max_bytes = 65 << 20,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_damage,
	.retrieve = (void *)luo_retrieve,
};
