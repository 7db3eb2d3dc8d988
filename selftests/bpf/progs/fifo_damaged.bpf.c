// SPDX-License-Identifier: GPL-2.0
/* FIFOs whose records are damaged */
#include "damaged.h"
#include "../../../bpf/handlers/fifo.bpf.c"

int LUO_PROG(damage, struct luo_bpf_ctx *luo, struct file *file)
{
	struct fifo_state *state = luo_state(luo, struct fifo_state);
	int err = shipped_freeze(luo, file);

	if (err || !state)
		return err ?: bpf_luo_error(luo);
	return damage(luo, (char *)state, sizeof(*state));
}

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
