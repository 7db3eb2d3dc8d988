// SPDX-License-Identifier: GPL-2.0
/* Writing back a file that was found in another one, and may be gone */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return bpf_luo_sync(luo, file->private_data);
}
