// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: inodes that are found again by their handle.
 *
 * A handle leads past the directories on the way to a file, and who may open one by
 * that is root. So what is found here is for things that have no path, and that only
 * who may read the inode gets; and it is below one of the mounts that the task sees.
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/exportfs.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/kdev_t.h>
#include <linux/kho/abi/luo_bpf_inode.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/stat.h>
#include <linux/statfs.h>

#include "luo_inode.h"
#include "luo_kfuncs.h"

/* Before the kexec */

/* By something that is cheap to ask for where there is such a thing */
static int luo_bpf_fs_save(struct super_block *sb, struct luo_bpf_fs_ser *ser)
{
	__kernel_fsid_t fsid, dev = u64_to_fsid(huge_encode_dev(sb->s_dev));
	int err;

	memset(ser, 0, sizeof(*ser));
	ser->magic = sb->s_magic;
	if (!uuid_is_null(&sb->s_uuid)) {
		memcpy(ser->uuid, sb->s_uuid.b, sizeof(ser->uuid));
		ser->has = LUO_BPF_FS_UUID;
		return 0;
	}
	err = vfs_get_fsid(sb->s_root, &fsid);
	if (err)
		return err;
	/* Which device it is on says nothing in the next kernel. */
	if ((!fsid.val[0] && !fsid.val[1]) || !memcmp(&fsid, &dev, sizeof(fsid)))
		return -ENODEV;
	ser->fsid = (u32)fsid.val[0] | (u64)(u32)fsid.val[1] << 32;
	ser->has = LUO_BPF_FS_FSID;
	return 0;
}

/*
 * A file has its directory in the handle, if there is one to be seen: where a part of
 * the file system is mounted, it tells whether the file is there. Directories know.
 */
static int luo_bpf_handle(struct inode *inode, struct fid *fid, int *words)
{
	struct dentry *alias = NULL;
	int type;

	if (!S_ISDIR(inode->i_mode))
		alias = d_find_alias(inode);
	/* One that came by a handle has no directory but itself. */
	if (alias && alias->d_flags & DCACHE_DISCONNECTED) {
		dput(alias);
		alias = NULL;
	}
	if (alias) {
		type = exportfs_encode_fh(alias, fid, words,
					  EXPORT_FH_CONNECTABLE);
		dput(alias);
		if (type > 0 && type < FILEID_INVALID)
			return type;
	}
	*words = LUO_BPF_HANDLE_ROOM / sizeof(u32);
	return exportfs_encode_inode_fh(inode, fid, words, NULL, 0);
}

/**
 * luo_bpf_inode_save - record what an inode is found again by
 * @inode: the inode, whose file system can't go meanwhile
 * @ser:   out; all zero for none
 *
 * Return: 0, -ESTALE for one that was deleted, -ENODEV for one that is in memory, or
 * whose file system has no handles that last.
 */
int luo_bpf_inode_save(struct inode *inode, struct luo_bpf_inode_ser *ser)
{
	int words = LUO_BPF_HANDLE_ROOM / sizeof(u32), type;

	memset(ser, 0, sizeof(*ser));
	if (!luo_bpf_fs_lasts(inode->i_sb))
		return -ENODEV;
	if (!inode->i_nlink)
		return -ESTALE;

	type = luo_bpf_handle(inode, (struct fid *)ser->handle, &words);
	if (type <= 0 || type >= FILEID_INVALID ||
	    luo_bpf_fs_save(inode->i_sb, &ser->fs)) {
		memset(ser, 0, sizeof(*ser));
		return -ENODEV;
	}
	ser->format = LUO_BPF_INODE_FORMAT;
	ser->type = inode->i_mode & S_IFMT;
	ser->handle_type = type;
	ser->handle_bytes = words * sizeof(u32);
	memset(ser->handle + ser->handle_bytes, 0,
	       sizeof(ser->handle) - ser->handle_bytes);
	return 0;
}

/* Behind the kexec */

static bool luo_bpf_inode_ok(const struct luo_bpf_inode_ser *ser)
{
	return ser->format == LUO_BPF_INODE_FORMAT && !ser->fs.reserved &&
	       (ser->fs.has == LUO_BPF_FS_UUID || ser->fs.has == LUO_BPF_FS_FSID) &&
	       ser->handle_type && ser->handle_type < FILEID_INVALID &&
	       ser->handle_bytes && ser->handle_bytes <= sizeof(ser->handle) &&
	       ser->handle_bytes % sizeof(u32) == 0;
}

static bool luo_bpf_fs_is(struct super_block *sb,
			  const struct luo_bpf_fs_ser *ser)
{
	struct luo_bpf_fs_ser is;

	return sb->s_magic == ser->magic && luo_bpf_fs_lasts(sb) &&
	       !luo_bpf_fs_save(sb, &is) && !memcmp(&is, ser, sizeof(is));
}

/* A mount of all of it is as good as any, and better than one of a part. */
static const struct path *luo_bpf_fs_among(const struct path *paths,
					   const struct luo_bpf_fs_ser *ser)
{
	const struct path *part = NULL;

	for (const struct path *at = paths; at->mnt; at++) {
		if (!luo_bpf_fs_is(at->mnt->mnt_sb, ser))
			continue;
		if (at->dentry == at->mnt->mnt_sb->s_root)
			return at;
		part = part ?: at;
	}
	return part;
}

/*
 * Where the task sees the file system, wherever it is mounted now. The answer is kept
 * for the next time: things in one file system mostly come together.
 */
static int luo_bpf_fs_find(struct luo_bpf_opened *opened,
			   const struct luo_bpf_fs_ser *ser)
{
	const struct path *paths, *found;
	struct path root;

	if (!memcmp(&opened->fs_ser, ser, sizeof(*ser)))
		return opened->fs.mnt ? 0 : -ENODEV;

	get_fs_root(current->fs, &root);
	paths = collect_paths(&root, NULL, 0);
	path_put(&root);
	if (IS_ERR(paths))
		return PTR_ERR(paths) == -ENOMEM ? -ENOMEM : -ENODEV;

	path_put(&opened->fs);
	opened->fs = (struct path) {};
	opened->fs_ser = *ser;
	found = luo_bpf_fs_among(paths, ser);
	if (found) {
		opened->fs = *found;
		path_get(&opened->fs);
	}
	drop_collected_paths(paths, NULL);
	return found ? 0 : -ENODEV;
}

static int luo_bpf_below(void *data, struct dentry *dentry)
{
	const struct path *fs = data;

	return fs->dentry == fs->mnt->mnt_sb->s_root ||
	       is_subdir(dentry, fs->dentry);
}

/* It was deleted; else something has failed that may go well another time. */
static int luo_bpf_decode_err(long err)
{
	switch (err) {
	case 0:
	case -ENOENT:
	case -ENOTDIR:
	case -EINVAL:
		return -ESTALE;
	case -ERESTARTSYS:
		return -EINTR;
	default:
		return err;
	}
}

static struct dentry *luo_bpf_decode(struct path *fs,
				     struct luo_bpf_inode_ser *ser)
{
	struct dentry *dentry = NULL;
	struct inode *inode;

	/* The way there need not be the task's to read: it is asked for the inode. */
	scoped_with_kernel_creds()
		dentry = exportfs_decode_fh_raw(fs->mnt, (struct fid *)ser->handle,
						ser->handle_bytes / sizeof(u32),
						ser->handle_type, 0,
						luo_bpf_below, fs);
	if (IS_ERR_OR_NULL(dentry))
		return ERR_PTR(luo_bpf_decode_err(PTR_ERR(dentry)));

	inode = d_backing_inode(dentry);
	if (inode->i_nlink && (inode->i_mode & S_IFMT) == ser->type)
		return dentry;
	dput(dentry);
	return ERR_PTR(-ESTALE);
}

/**
 * luo_bpf_inode_find - find an inode again
 * @bf:   the file that is retrieved
 * @ser:  what luo_bpf_inode_save() wrote, a copy
 * @path: out: the inode, in a mount that the task sees; if it is no directory, it may
 *        be by no name
 *
 * What the task may do with it is to be asked.
 *
 * Return: 0, -EINVAL for what is no record, -ENODEV if its file system is not there,
 * -ESTALE if it was deleted, -EACCES if it is in no part of its file system that is
 * there, or what has failed.
 */
int luo_bpf_inode_find(struct luo_bpf_file *bf, struct luo_bpf_inode_ser *ser,
		       struct path *path)
{
	struct dentry *dentry;
	int err;

	if (!luo_bpf_inode_ok(ser))
		return -EINVAL;
	err = luo_bpf_fs_find(bf->opened, &ser->fs);
	if (err)
		return err;
	dentry = luo_bpf_decode(&bf->opened->fs, ser);
	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	path->mnt = mntget(bf->opened->fs.mnt);
	path->dentry = dentry;
	return 0;
}
