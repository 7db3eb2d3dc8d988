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
#include <linux/kho/abi/luo_bpf_inode.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/stat.h>

#include "luo_inode.h"
#include "luo_kfuncs.h"
#include "luo_mounts.h"

/* Before the kexec */

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

static int luo_bpf_seen(void *data, struct dentry *dentry)
{
	return !!luo_bpf_fs_part(data, dentry);
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

static struct dentry *
luo_bpf_decode_if(struct luo_bpf_fs *fs, struct luo_bpf_inode_ser *ser,
		  int (*acceptable)(void *, struct dentry *))
{
	struct dentry *dentry = NULL;
	struct inode *inode;

	/* The way there need not be the task's to read: it is asked for the inode. */
	scoped_with_kernel_creds()
		dentry = exportfs_decode_fh_raw(fs->any->mnt,
						(struct fid *)ser->handle,
						ser->handle_bytes / sizeof(u32),
						ser->handle_type, 0,
						acceptable, fs);
	if (IS_ERR_OR_NULL(dentry))
		return ERR_PTR(luo_bpf_decode_err(PTR_ERR(dentry)));

	inode = d_backing_inode(dentry);
	if (inode->i_nlink && (inode->i_mode & S_IFMT) == ser->type)
		return dentry;
	dput(dentry);
	return ERR_PTR(-ESTALE);
}

static struct dentry *luo_bpf_decode(struct luo_bpf_fs *fs,
				     struct luo_bpf_inode_ser *ser)
{
	struct dentry *dentry = luo_bpf_decode_if(fs, ser, luo_bpf_seen);

	if (dentry != ERR_PTR(-ESTALE))
		return dentry;

	/*
	 * One whose directory the handle does not have, or that is in another one by
	 * now, is no more to be seen than one that was deleted; but it is there.
	 */
	dentry = luo_bpf_decode_if(fs, ser, NULL);
	if (IS_ERR(dentry))
		return dentry;
	dput(dentry);
	return ERR_PTR(-EACCES);
}

/* Through one of the mounts that lead there: idmapped ones differ in who may what. */
static int luo_bpf_inode_allowed(const struct luo_bpf_fs *fs,
				 struct dentry *dentry,
				 luo_bpf_allowed_fn allowed, u32 mask)
{
	const struct path *part = luo_bpf_fs_part(fs, dentry);
	int err = -EACCES;

	while (part && err) {
		struct path path = { .mnt = part->mnt, .dentry = dentry };

		err = allowed(&path, mask);
		part = luo_bpf_fs_next_part(fs, part);
	}
	return err;
}

/**
 * luo_bpf_inode_find - find an inode again
 * @bf:      the file that is retrieved
 * @ser:     what luo_bpf_inode_save() wrote, a copy
 * @allowed: whether the task may have it, asked with a path in a mount that it sees
 * @mask:    passed on to that
 *
 * Return: a dentry of it, which need not have a name if it is no directory; or -EINVAL
 * for what is no record, -ENODEV if its file system is not there, -ESTALE if it was
 * deleted, -EACCES if it is in no part of its file system that is there, what @allowed
 * says, or what has failed.
 */
struct dentry *luo_bpf_inode_find(struct luo_bpf_file *bf,
				  struct luo_bpf_inode_ser *ser,
				  luo_bpf_allowed_fn allowed, u32 mask)
{
	struct dentry *dentry;
	struct luo_bpf_fs *fs;
	int err;

	if (!luo_bpf_inode_ok(ser))
		return ERR_PTR(-EINVAL);
	fs = luo_bpf_fs_find(bf, &ser->fs);
	if (IS_ERR(fs))
		return ERR_CAST(fs);
	dentry = luo_bpf_decode(fs, ser);
	if (IS_ERR(dentry))
		return dentry;
	err = luo_bpf_inode_allowed(fs, dentry, allowed, mask);
	if (!err)
		return dentry;
	dput(dentry);
	return ERR_PTR(err);
}
