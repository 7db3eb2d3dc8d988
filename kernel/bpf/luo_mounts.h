/* SPDX-License-Identifier: GPL-2.0 */
/* Live Update Orchestrator: the file systems that a task sees, and where. */
#ifndef _LUO_MOUNTS_H
#define _LUO_MOUNTS_H

#include <linux/kho/abi/luo_bpf_inode.h>
#include <linux/path.h>

struct luo_bpf_file;
struct super_block;

/**
 * struct luo_bpf_fs - a file system that the task sees
 * @ser:      which one
 * @sb:       its super block
 * @parts:    where it is mounted, all or parts of it: ordered, no two alike
 * @nr_parts: how many
 * @any:      one of these, one that is not idmapped if there is one
 * @said:     the log says that there is another one with the same @ser
 */
struct luo_bpf_fs {
	struct luo_bpf_fs_ser ser;
	const struct super_block *sb;
	const struct path *parts;
	unsigned int nr_parts;
	const struct path *any;
	bool said;
};

int luo_bpf_fs_save(struct super_block *sb, struct luo_bpf_fs_ser *ser);
struct luo_bpf_fs *luo_bpf_fs_find(struct luo_bpf_file *bf,
				   const struct luo_bpf_fs_ser *ser);
const struct path *luo_bpf_fs_part(const struct luo_bpf_fs *fs,
				   const struct dentry *dentry);
const struct path *luo_bpf_fs_next_part(const struct luo_bpf_fs *fs,
					const struct path *part);

#endif /* _LUO_MOUNTS_H */
