/* SPDX-License-Identifier: GPL-2.0 */
/* Live Update Orchestrator: inodes that are found again by their handle. */
#ifndef _LUO_INODE_H
#define _LUO_INODE_H

#include <linux/types.h>

struct dentry;
struct inode;
struct luo_bpf_file;
struct luo_bpf_inode_ser;
struct path;

typedef int (*luo_bpf_allowed_fn)(const struct path *path, u32 mask);

int luo_bpf_inode_save(struct inode *inode, struct luo_bpf_inode_ser *ser);
struct dentry *luo_bpf_inode_find(struct luo_bpf_file *bf,
				  struct luo_bpf_inode_ser *ser,
				  luo_bpf_allowed_fn allowed, u32 mask);

#endif /* _LUO_INODE_H */
