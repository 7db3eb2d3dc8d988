// SPDX-License-Identifier: GPL-2.0
/* A part that joins when others may have been frozen */
#define OWN_FREEZE
#include "fail.h"

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	return bpf_luo_object_join(luo, file->private_data, 0);
}
