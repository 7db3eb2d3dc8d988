/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: how an inode that has no path crosses the kexec.
 */
#ifndef _LINUX_KHO_ABI_LUO_BPF_INODE_H
#define _LINUX_KHO_ABI_LUO_BPF_INODE_H

#include <linux/build_bug.h>
#include <linux/types.h>

/**
 * DOC: Inodes by handle
 *
 * What watches an inode has no path to it: it may have been renamed, and have many
 * names. So it is found again as a file server does it that was restarted: which file
 * system it is in, and the handle that this has for it, which tells an inode from a
 * later one with the same number.
 *
 * bpf_luo_inotify_next() writes such a record, and bpf_luo_inotify_watch() reads it. A
 * change to it needs a new %LUO_BPF_INODE_FORMAT.
 */
#define LUO_BPF_INODE_FORMAT	1

/* Room for the handles of all file systems that are on a device */
#define LUO_BPF_HANDLE_ROOM	40

/* struct luo_bpf_fs_ser.has: by what it is known, one of them */
#define LUO_BPF_FS_UUID		1
#define LUO_BPF_FS_FSID		2

/**
 * struct luo_bpf_fs_ser - a file system
 * @magic:    its type
 * @fsid:     as statfs(2) has it, if there is no @uuid
 * @uuid:     as it is written on the device
 * @has:      LUO_BPF_FS_*
 * @reserved: 0
 */
struct luo_bpf_fs_ser {
	u64 magic;
	u64 fsid;
	u8 uuid[16];
	u32 has;
	u32 reserved;
} __packed __aligned(8);

/**
 * struct luo_bpf_inode_ser - an inode
 * @fs:           the file system that it is in
 * @format:       %LUO_BPF_INODE_FORMAT
 * @type:         its S_IFMT
 * @handle_type:  what the file system says that the handle is
 * @handle_bytes: of the handle, in words of 4 bytes
 * @handle:       as open_by_handle_at(2) takes it; with the directory it was last
 *                seen in, if there is one. What is behind it is 0
 */
struct luo_bpf_inode_ser {
	struct luo_bpf_fs_ser fs;
	u32 format;
	u32 type;
	u32 handle_type;
	u32 handle_bytes;
	u8 handle[LUO_BPF_HANDLE_ROOM];
} __packed __aligned(8);

/**
 * struct luo_bpf_watch_ser - a watch of an inotify file
 * @wd:       the watch descriptor
 * @mask:     the events, with IN_ONESHOT and IN_EXCL_UNLINK
 * @gone:     0, or why @inode is all zero, a negative errno: ESTALE for an inode that
 *            was deleted, ENODEV for one whose file system ends with the kernel
 * @reserved: 0
 * @inode:    what is watched
 */
struct luo_bpf_watch_ser {
	s32 wd;
	u32 mask;
	s32 gone;
	u32 reserved;
	struct luo_bpf_inode_ser inode;
} __packed __aligned(8);

static_assert(sizeof(struct luo_bpf_fs_ser) == 40);
static_assert(sizeof(struct luo_bpf_inode_ser) == 96);
static_assert(sizeof(struct luo_bpf_watch_ser) == 112);
static_assert(offsetof(struct luo_bpf_watch_ser, inode.handle) == 72);

#endif /* _LINUX_KHO_ABI_LUO_BPF_INODE_H */
