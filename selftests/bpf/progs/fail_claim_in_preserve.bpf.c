// SPDX-License-Identifier: GPL-2.0
/* Whoever claims before the freeze might not be preserved any more by then. */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return bpf_luo_object_claim(luo, file->private_data);
}
