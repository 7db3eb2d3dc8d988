// SPDX-License-Identifier: GPL-2.0
/* More is asked for than there is room. */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	__u64 watch[4] = {};

	return bpf_luo_inotify_next(luo, file, watch, sizeof(struct luo_bpf_watch_ser));
}
