/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For handlers whose files come back by path: a file system of one file, which may be
 * deleted and replaced, as the kfuncs of kernel/bpf/luo_kfuncs_path.c would see it.
 */
#ifndef NATIVE_PATH_SHIM_H
#define NATIVE_PATH_SHIM_H

#include "bpf_shim.h"

static struct {
	/* What fails, and with which errno */
	int no_path, no_sync, no_open, no_locks, no_relock;
	u32 identity;		/* of the file that is there now */
	u32 locks, relocked;	/* how many it has, and gets */
	u32 synced, opened, put;	/* how often */
	u32 flags;		/* of the last open */
} path_shim;

static inline int bpf_luo_path(struct luo_bpf_ctx *ctx, struct file *file, void *mem, u32 size)
{
	(void)ctx;
	if (!file || size < sizeof(path_shim.identity))
		abort();
	if (path_shim.no_path)
		return path_shim.no_path;
	memset(mem, 0, size);
	memcpy(mem, &path_shim.identity, sizeof(path_shim.identity));
	return 0;
}

static inline int bpf_luo_sync(struct luo_bpf_ctx *ctx, struct file *file)
{
	(void)ctx;
	if (!file)
		abort();
	path_shim.synced++;
	return path_shim.no_sync;
}

static inline struct file *bpf_luo_open_same(struct luo_bpf_ctx *ctx, const void *mem, u32 size,
					     u32 flags)
{
	static struct file file;

	(void)ctx;
	if (size < sizeof(path_shim.identity))
		abort();
	shim.error = path_shim.no_open;
	if (!shim.error && memcmp(mem, &path_shim.identity, sizeof(path_shim.identity)))
		shim.error = -ESTALE;
	if (shim.error)
		return NULL;
	path_shim.opened++;
	path_shim.flags = flags;
	file.references++;
	return &file;
}

/* How many there are */
static inline int bpf_luo_locks(struct luo_bpf_ctx *ctx, struct file *file, void *mem, u32 size)
{
	(void)ctx;
	if (!file || size < sizeof(path_shim.locks))
		abort();
	memcpy(mem, &path_shim.locks, sizeof(path_shim.locks));
	return path_shim.no_locks;
}

static inline int bpf_luo_relock(struct file *file, struct luo_bpf_ctx *ctx, const void *mem,
				 u32 size)
{
	(void)ctx;
	if (!file || !file->references || size < sizeof(path_shim.relocked))
		abort();
	memcpy(&path_shim.relocked, mem, sizeof(path_shim.relocked));
	return path_shim.no_relock;
}

static inline void bpf_luo_put_file(struct file *file, struct luo_bpf_ctx *ctx)
{
	(void)ctx;
	file->references--;
	path_shim.put++;
}

#endif /* NATIVE_PATH_SHIM_H */
