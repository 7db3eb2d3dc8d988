/* SPDX-License-Identifier: GPL-2.0 */
/* Live Update Orchestrator: inodes that are found again by their handle. */
#ifndef _LUO_INODE_H
#define _LUO_INODE_H

struct inode;
struct luo_bpf_file;
struct luo_bpf_inode_ser;
struct path;

int luo_bpf_inode_save(struct inode *inode, struct luo_bpf_inode_ser *ser);
int luo_bpf_inode_find(struct luo_bpf_file *bf, struct luo_bpf_inode_ser *ser,
		       struct path *path);

#endif /* _LUO_INODE_H */
