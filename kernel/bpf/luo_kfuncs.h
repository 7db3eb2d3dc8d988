/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kfuncs for file handlers of the Live Update Orchestrator share.
 *
 *   luo_kfuncs.c        a file's memory, its session, its failures; which kfunc is
 *                       allowed where
 *   luo_kfuncs_file.c   making files, and having them do something
 *   luo_kfuncs_object.c files that are parts of one object
 *   luo_kfuncs_TYPE.c   what one type of file needs; built where the kernel has it
 *   luo_kfuncs_path.c   files that are found by their path
 *   luo_path_record.c   what is recorded of them
 *   luo_inode.c         inodes that have no path
 *   luo_mounts.c        the file systems that these are in, and where they are mounted
 *   luo_kfuncs_lock.c   the locks that files have
 */
#ifndef _LUO_KFUNCS_H
#define _LUO_KFUNCS_H

#include <linux/bpf.h>
#include <linux/btf_ids.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/fcntl.h>

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

static inline struct file *luo_bpf_file_or_null(struct luo_bpf_file *bf,
						struct file *file)
{
	return IS_ERR(file) ? luo_bpf_null(bf, PTR_ERR(file)) : file;
}

/**
 * struct luo_kfunc_sets - which kfuncs of a file here are allowed where
 * @all:      all of them
 * @preserve: those that preserve may call; NULL: none
 * @freeze:   likewise
 * @retrieve: likewise
 * @record:   those that any callback with a record may call, these among them
 */
struct luo_kfunc_sets {
	const struct btf_id_set8 *all;
	const struct btf_id_set *preserve;
	const struct btf_id_set *freeze;
	const struct btf_id_set *retrieve;
	const struct btf_id_set *record;
};

/* For kfuncs that fill the blob themselves */
int bpf_luo_blob_resize(struct luo_bpf_ctx *ctx, u64 size);

int luo_kfunc_check(const struct luo_kfunc_sets *sets,
		    const struct bpf_prog *prog, u32 kfunc_id);

/* Of what open(2) takes: nothing that makes or changes something. */
#define LUO_BPF_OPEN_FLAGS	(O_ACCMODE | O_APPEND | O_NONBLOCK |	\
				 O_DSYNC | __O_SYNC | O_DIRECT |	\
				 O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | \
				 O_NOATIME | O_NOCTTY | O_CLOEXEC)

/* luo_kfuncs_file.c */
struct file **luo_bpf_opened(struct luo_bpf_file *bf, struct file *file);
struct file *luo_bpf_not_own(struct file *file);
u32 luo_bpf_open_flags(u32 flags);

/* luo_kfuncs_pipe.c */
int luo_bpf_fifo_wait(struct inode *inode);

/* luo_kfuncs_path.c */
bool luo_bpf_fs_lasts(const struct super_block *sb);

#endif /* _LUO_KFUNCS_H */
