// SPDX-License-Identifier: GPL-2.0
/* A kfunc of preserve in retrieve */
#define OWN_RETRIEVE
#include "fail.h"

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	return bpf_luo_blob_resize(luo, 4096);
}
