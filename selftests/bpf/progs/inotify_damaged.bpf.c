// SPDX-License-Identifier: GPL-2.0
/* Inotify files whose records are damaged */
#include "damaged.h"
#include "../../../bpf/handlers/inotify.bpf.c"

DAMAGED_FREEZE(struct inotify_state)

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
