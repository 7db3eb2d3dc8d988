// SPDX-License-Identifier: GPL-2.0
/* An inotify file that was made and given to nobody */
#define OWN_RETRIEVE
#include "fail.h"

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct file *file = bpf_luo_inotify(luo, 1);

	return file ? bpf_luo_inotify_event(file, -1, 0x4000) : bpf_luo_error(luo);
}
