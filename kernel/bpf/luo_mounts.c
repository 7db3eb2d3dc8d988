// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: the file systems that a task sees, and where.
 *
 * A table of them is made once for a file that is retrieved, so that what is looked for
 * then costs the same however many mounts there are: a file system is found by what it
 * is known by, and a mount that leads to a dentry by the dentries above that.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/bsearch.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/kdev_t.h>
#include <linux/mount.h>
#include <linux/rcupdate.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/statfs.h>

#include "luo_kfuncs.h"
#include "luo_mounts.h"

/**
 * struct luo_bpf_mounts - the file systems that a task sees
 * @paths:    where they are mounted: by super block, dentry and idmap; references
 * @fs:       which they are, by what they are known by
 * @nr_paths: how many
 * @nr_fs:    likewise
 */
struct luo_bpf_mounts {
	struct path *paths;
	struct luo_bpf_fs *fs;
	unsigned int nr_paths;
	unsigned int nr_fs;
};

/**
 * luo_bpf_fs_save - record what a file system is found again by
 * @sb:  the file system, which lasts
 * @ser: out
 *
 * Return: 0, -ENODEV if there is nothing that it is known by, or what statfs(2) says.
 */
int luo_bpf_fs_save(struct super_block *sb, struct luo_bpf_fs_ser *ser)
{
	__kernel_fsid_t fsid, dev = u64_to_fsid(huge_encode_dev(sb->s_dev));
	int err;

	memset(ser, 0, sizeof(*ser));
	ser->magic = sb->s_magic;
	/* By something that is cheap to ask for where there is such a thing */
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

/* Who may read a file through a mount depends on the idmap, and on nothing else of it. */
static int luo_bpf_path_cmp(const void *a, const void *b)
{
	const struct path *x = a, *y = b;

	return cmp_int(x->mnt->mnt_sb, y->mnt->mnt_sb) ?:
	       cmp_int(x->dentry, y->dentry) ?:
	       cmp_int(mnt_idmap(x->mnt), mnt_idmap(y->mnt));
}

static int luo_bpf_dentry_cmp(const void *key, const void *elt)
{
	const struct path *path = elt;

	return cmp_int((const struct dentry *)key, path->dentry);
}

static int luo_bpf_fs_cmp(const void *a, const void *b)
{
	const struct luo_bpf_fs *x = a, *y = b;

	return memcmp(&x->ser, &y->ser, sizeof(x->ser));
}

/* Those of file systems whose inodes are found again. Other mounts are let go at once. */
static int luo_bpf_mounts_collect(struct luo_bpf_mounts *mounts)
{
	const struct path *all, *at;
	struct path root;

	get_fs_root(current->fs, &root);
	all = collect_paths(&root, NULL, 0);
	path_put(&root);
	/* Else the root is in no namespace, and nothing below it is seen. */
	if (IS_ERR(all))
		return PTR_ERR(all) == -ENOMEM ? -ENOMEM : 0;

	for (at = all; at->mnt; at++)
		;
	mounts->paths = kvmalloc_objs(*mounts->paths, at - all);
	for (at = all; at->mnt && mounts->paths; at++) {
		if (!luo_bpf_fs_lasts(at->mnt->mnt_sb))
			continue;
		path_get(at);
		mounts->paths[mounts->nr_paths++] = *at;
	}
	drop_collected_paths(all, NULL);
	return mounts->paths ? 0 : -ENOMEM;
}

static void luo_bpf_mounts_sort(struct luo_bpf_mounts *mounts)
{
	struct path *paths = mounts->paths;
	unsigned int nr = 0;

	sort(paths, mounts->nr_paths, sizeof(*paths), luo_bpf_path_cmp, NULL);
	for (unsigned int i = 0; i < mounts->nr_paths; i++) {
		if (nr && !luo_bpf_path_cmp(&paths[nr - 1], &paths[i]))
			path_put(&paths[i]);
		else
			paths[nr++] = paths[i];
	}
	mounts->nr_paths = nr;
}

static void luo_bpf_fs_init(struct luo_bpf_fs *fs, const struct path *parts,
			    const struct path *end)
{
	fs->sb = parts->mnt->mnt_sb;
	fs->parts = parts;
	fs->any = parts;
	for (const struct path *at = parts;
	     at < end && at->mnt->mnt_sb == fs->sb; at++) {
		fs->nr_parts++;
		if (is_idmapped_mnt(fs->any->mnt))
			fs->any = at;
	}
}

static int luo_bpf_mounts_index(struct luo_bpf_mounts *mounts)
{
	const struct path *at = mounts->paths, *end = at + mounts->nr_paths;

	mounts->fs = kvzalloc_objs(*mounts->fs, mounts->nr_paths);
	if (!mounts->fs)
		return -ENOMEM;
	while (at < end) {
		struct luo_bpf_fs *fs = &mounts->fs[mounts->nr_fs];

		luo_bpf_fs_init(fs, at, end);
		at += fs->nr_parts;
		if (luo_bpf_fs_save(at[-1].mnt->mnt_sb, &fs->ser))
			memset(fs, 0, sizeof(*fs));
		else
			mounts->nr_fs++;
	}
	sort(mounts->fs, mounts->nr_fs, sizeof(*mounts->fs), luo_bpf_fs_cmp, NULL);
	return 0;
}

/**
 * luo_bpf_mounts_free - let go of the mounts that were looked at
 * @mounts: what luo_bpf_fs_find() made, or NULL
 */
void luo_bpf_mounts_free(struct luo_bpf_mounts *mounts)
{
	if (!mounts)
		return;
	for (unsigned int i = 0; i < mounts->nr_paths; i++)
		path_put(&mounts->paths[i]);
	kvfree(mounts->paths);
	kvfree(mounts->fs);
	kfree(mounts);
}

static struct luo_bpf_mounts *luo_bpf_mounts_get(void)
{
	struct luo_bpf_mounts *mounts = kzalloc_obj(*mounts);
	int err;

	if (!mounts)
		return ERR_PTR(-ENOMEM);
	err = luo_bpf_mounts_collect(mounts);
	if (!err) {
		luo_bpf_mounts_sort(mounts);
		err = luo_bpf_mounts_index(mounts);
	}
	if (!err)
		return mounts;
	luo_bpf_mounts_free(mounts);
	return ERR_PTR(err);
}

/* Another file system that is known by the same, as a copy of it is */
static const struct luo_bpf_fs *luo_bpf_fs_twin(const struct luo_bpf_mounts *mounts,
						const struct luo_bpf_fs *fs)
{
	if (fs > mounts->fs && !luo_bpf_fs_cmp(fs, fs - 1))
		return fs - 1;
	if (fs + 1 < mounts->fs + mounts->nr_fs && !luo_bpf_fs_cmp(fs, fs + 1))
		return fs + 1;
	return NULL;
}

/**
 * luo_bpf_fs_find - find a file system that the task sees
 * @bf:  the file that is retrieved
 * @ser: what luo_bpf_fs_save() wrote
 *
 * Return: it, there until retrieve ends; or -ENODEV if it is not there, or if there are
 * several, which the log says; -ENOMEM.
 */
struct luo_bpf_fs *luo_bpf_fs_find(struct luo_bpf_file *bf,
				   const struct luo_bpf_fs_ser *ser)
{
	const struct luo_bpf_fs key = { .ser = *ser }, *twin;
	struct luo_bpf_mounts *mounts = bf->opened->mounts;
	struct luo_bpf_fs *fs;

	if (!mounts)
		mounts = luo_bpf_mounts_get();
	if (IS_ERR(mounts))
		return ERR_CAST(mounts);
	bf->opened->mounts = mounts;

	fs = bsearch(&key, mounts->fs, mounts->nr_fs, sizeof(*fs), luo_bpf_fs_cmp);
	if (!fs)
		return ERR_PTR(-ENODEV);
	twin = luo_bpf_fs_twin(mounts, fs);
	if (!twin)
		return fs;
	if (!fs->said)
		pr_notice("'%s': file %#llx of session '%s': %s and %s are mounted with one UUID, so nothing is found there: unmount the copy before the file is retrieved, or give it a new UUID\n",
			  bf->handler->fh.compatible, bf->ctx.token, bf->ctx.session,
			  fs->sb->s_id, twin->sb->s_id);
	fs->said = true;
	return ERR_PTR(-ENODEV);
}

/* The first one there */
static const struct path *luo_bpf_fs_part_at(const struct luo_bpf_fs *fs,
					     const struct dentry *dentry)
{
	const struct path *part;

	part = bsearch(dentry, fs->parts, fs->nr_parts, sizeof(*part),
		       luo_bpf_dentry_cmp);
	while (part && part > fs->parts && part[-1].dentry == dentry)
		part--;
	return part;
}

/* What has no way to the root yet, or never had, is below it for all that. */
static const struct path *luo_bpf_fs_part_above(const struct luo_bpf_fs *fs,
						const struct dentry *dentry)
{
	const struct path *part;

	for (;;) {
		part = luo_bpf_fs_part_at(fs, dentry);
		if (part || dentry == fs->sb->s_root)
			return part;
		dentry = IS_ROOT(dentry) ? fs->sb->s_root : dentry->d_parent;
	}
}

/**
 * luo_bpf_fs_part - find a mount that leads to a file
 * @fs:     its file system
 * @dentry: the file
 *
 * Return: the one nearest to it, or NULL.
 */
const struct path *luo_bpf_fs_part(const struct luo_bpf_fs *fs,
				   const struct dentry *dentry)
{
	const struct path *part = NULL;

	guard(rcu)();
	scoped_seqlock_read(&rename_lock, ss_lock)
		part = luo_bpf_fs_part_above(fs, dentry);
	return part;
}

/**
 * luo_bpf_fs_next_part - find another mount that leads to a file
 * @fs:   its file system
 * @part: the one that was found before
 *
 * Return: another one at the same place or above it, or NULL.
 */
const struct path *luo_bpf_fs_next_part(const struct luo_bpf_fs *fs,
					const struct path *part)
{
	const struct dentry *dentry = part->dentry;

	if (part + 1 < fs->parts + fs->nr_parts && part[1].dentry == dentry)
		return part + 1;
	if (dentry == fs->sb->s_root)
		return NULL;
	guard(rcu)();
	return luo_bpf_fs_part(fs, IS_ROOT(dentry) ? fs->sb->s_root :
				   READ_ONCE(dentry->d_parent));
}
