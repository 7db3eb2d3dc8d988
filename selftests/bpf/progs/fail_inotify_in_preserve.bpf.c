// SPDX-License-Identifier: GPL-2.0
/* An event is queued for who uses the file before the kexec. */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return bpf_luo_inotify_event(file, -1, 0x4000);
}
