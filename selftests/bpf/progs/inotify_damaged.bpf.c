// SPDX-License-Identifier: GPL-2.0
/* Inotify files whose records are damaged */
#include "damaged.h"
#include "../../../bpf/handlers/inotify.bpf.c"

int LUO_PROG(damage, struct luo_bpf_ctx *luo, struct file *file)
{
	struct inotify_state *state = luo_state(luo, struct inotify_state);
	int err = shipped_freeze(luo, file);

	if (err || !state)
		return err ?: bpf_luo_error(luo);
	return damage(luo, (char *)state, sizeof(*state));
}

DAMAGED_HANDLER inotify_damaged = {
	.compatible = "inotify-v1",
	.fops = "inotify_fops",
	.version = 1,
	.min_version = 1,
	.max_bytes = 128 << 20,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_damage,
	.retrieve = (void *)luo_retrieve,
};
