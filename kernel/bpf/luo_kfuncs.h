/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kfuncs for file handlers of the Live Update Orchestrator share.
 *
 *   luo_kfuncs.c        a file's memory, its session, its failures; which kfunc is
 *                       allowed where
 *   luo_kfuncs_file.c   making files, and having them do something
 */
#ifndef _LUO_KFUNCS_H
#define _LUO_KFUNCS_H

#include <linux/bpf.h>
#include <linux/cleanup.h>

#include "../liveupdate/luo_bpf.h"

/* Around calls that lead into the rest of the kernel */
DEFINE_LOCK_GUARD_0(luo_no_run_ctx, _T->old = bpf_set_run_ctx(NULL),
		    bpf_reset_run_ctx(_T->old), struct bpf_run_ctx *old)

static inline struct luo_bpf_file *luo_bpf_file_of(struct luo_bpf_ctx *ctx)
{
	return container_of(ctx, struct luo_bpf_file, ctx);
}

/* What a kfunc returns NULL for, as bpf_luo_error() tells it */
static inline void *luo_bpf_null(struct luo_bpf_file *bf, int err)
{
	bf->error = err;
	return NULL;
}

#endif /* _LUO_KFUNCS_H */
