/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What handlers share whose files are found by their path in the next kernel. A handler
 * has a struct luo_path in its state, and calls these in preserve, freeze and retrieve.
 */
#ifndef LUO_PATH_BPF_H
#define LUO_PATH_BPF_H

#include "luo_handler.bpf.h"

/* Of include/linux/stat.h */
#define S_IFMT		0170000
#define S_IFREG		0100000
#define S_IFCHR		0020000
#define S_IFDIR		0040000
#define S_IFIFO		0010000

/* Room for paths of up to 2047 characters; longer ones are refused with ENAMETOOLONG. */
#define LUO_PATH_ROOM	2136

/**
 * struct luo_path - where a file is, and what makes it that file
 * @lost:     why it can't come back, found out when it was frozen: 0 or a negative errno
 * @reserved: 0
 * @mem:      struct luo_bpf_path_ser, with the path
 */
struct luo_path {
	__s32 lost;
	__u32 reserved;
	__u8 mem[LUO_PATH_ROOM];
};

/* In preserve: a file that could not come back is refused. */
static inline int luo_path_preserve(struct luo_bpf_ctx *luo, struct file *file,
				    struct luo_path *path)
{
	path->lost = 0;
	path->reserved = 0;
	return bpf_luo_path(luo, file, path->mem, sizeof(path->mem));
}

/*
 * In freeze: it may have been moved or deleted since. That is no reason to give up the
 * whole kexec: it will be this file alone that does not come back. Returns what freeze
 * is to return if the file is @lost, as luo_lost().
 */
static inline int luo_path_freeze(struct luo_bpf_ctx *luo, struct file *file,
				  struct luo_path *path)
{
	return luo_lost(luo, &path->lost, bpf_luo_path(luo, file, path->mem, sizeof(path->mem)));
}

/* In retrieve: the file, or NULL and the errno in @err */
static inline struct file *luo_path_open(struct luo_bpf_ctx *luo, const struct luo_path *path,
					 __u32 flags, int *err)
{
	struct file *file = NULL;

	*err = luo_was_lost(luo, path->lost);
	if (*err)
		return NULL;
	file = bpf_luo_open_same(luo, path->mem, sizeof(path->mem), flags);
	if (!file)
		*err = bpf_luo_error(luo);
	return file;
}

#endif /* LUO_PATH_BPF_H */
