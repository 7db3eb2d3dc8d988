// SPDX-License-Identifier: GPL-2.0
/*
 * What file handlers of the Live Update Orchestrator in BPF can call for files that
 * are found by their path.
 *
 * Before the kexec: where a file is, and what makes it that file. Behind it, that
 * file is opened, or none. It is identified by what its file system hands out to
 * file servers: the inode number, and what tells it from a later file with the same
 * number. So this is for file systems that are on a device and can do that.
 */
#include <linux/btf.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/exportfs.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/kho/abi/luo_bpf_file.h>
#include <linux/limits.h>
#include <linux/luo_lock.h>
#include <linux/magic.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/statfs.h>

#include "luo_kfuncs.h"
#include "luo_path_record.h"

/* Of a path, what a message has room for */
#define LUO_BPF_SHOWN	80

static int luo_bpf_shown(const char *path)
{
	return strnlen(path, LUO_BPF_SHOWN);
}

/*
 * Files that are there after a kexec, and have an identity that is. Those of FAT
 * get another inode number each time they are loaded, those of FUSE one of their daemon's.
 */
bool luo_bpf_fs_lasts(const struct super_block *sb)
{
	return sb->s_type->fs_flags & FS_REQUIRES_DEV && sb->s_export_op &&
	       sb->s_export_op->fh_to_dentry &&
	       sb->s_magic != MSDOS_SUPER_MAGIC &&
	       sb->s_magic != FUSE_SUPER_MAGIC &&
	       sb->s_magic != EXFAT_SUPER_MAGIC;
}

static int luo_bpf_identify_fs(const struct path *path,
			       struct luo_bpf_path_ser *ser)
{
	const struct super_block *sb = path->dentry->d_sb;
	__kernel_fsid_t fsid, dev;
	int err;

	err = vfs_get_fsid(path->dentry, &fsid);
	if (err)
		return err;
	ser->magic = sb->s_magic;
	if (!uuid_is_null(&sb->s_uuid)) {
		memcpy(ser->uuid, sb->s_uuid.b, sizeof(ser->uuid));
		ser->has |= LUO_BPF_PATH_UUID;
	}

	dev = u64_to_fsid(huge_encode_dev(sb->s_dev));
	if (ser->has & LUO_BPF_PATH_UUID &&
	    !memcmp(&fsid, &dev, sizeof(fsid)))
		return 0;
	ser->fsid = (u32)fsid.val[0] | (u64)(u32)fsid.val[1] << 32;
	ser->has |= LUO_BPF_PATH_FSID;
	return 0;
}

static int luo_bpf_identify_inode(const struct path *path,
				  struct luo_bpf_path_ser *ser)
{
	struct kstat stat;
	int err;

	err = vfs_getattr_nosec(path, &stat, STATX_INO | STATX_SIZE | STATX_BTIME,
				AT_STATX_SYNC_AS_STAT);
	if (err)
		return err;
	ser->ino = stat.ino;
	ser->generation = d_backing_inode(path->dentry)->i_generation;
	if (stat.result_mask & STATX_BTIME) {
		ser->btime_sec = stat.btime.tv_sec;
		ser->btime_nsec = stat.btime.tv_nsec;
		ser->has |= LUO_BPF_PATH_BTIME;
	}
	if (!ser->generation && !(ser->has & LUO_BPF_PATH_BTIME)) {
		ser->file_size = stat.size;
		ser->has |= LUO_BPF_PATH_SIZE;
	}
	return 0;
}

/* All of @ser but where it is. -EOPNOTSUPP if the file has no identity that lasts. */
static int luo_bpf_identify(const struct path *path,
			    struct luo_bpf_path_ser *ser)
{
	const struct inode *inode = d_backing_inode(path->dentry);
	int err;

	memset(ser, 0, sizeof(*ser));
	ser->format = LUO_BPF_PATH_FORMAT;
	ser->type = inode->i_mode & S_IFMT;
	switch (ser->type) {
	case S_IFCHR:
		ser->rdev = huge_encode_dev(inode->i_rdev);
		return 0;
	case S_IFREG:
	case S_IFDIR:
	case S_IFIFO:
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (!luo_bpf_fs_lasts(inode->i_sb))
		return -EOPNOTSUPP;
	err = luo_bpf_identify_fs(path, ser);
	return err ?: luo_bpf_identify_inode(path, ser);
}

/* Before the kexec */

/*
 * Paths are those of who preserved the file, in freeze too, where the task is the
 * one that called reboot(2) and may have another root.
 */
static const struct path *luo_bpf_root(struct luo_bpf_file *bf)
{
	if (!bf->root.mnt)
		get_fs_root(current->fs, &bf->root);
	return &bf->root;
}

/*
 * To look up a name there waits for a program for as long as that likes: one that serves the
 * file system, or that of which this one is made. Whoever has mounted it can have it so.
 */
static bool luo_bpf_is_served(const struct super_block *sb)
{
	return sb->s_user_ns != &init_user_ns ||
	       (sb->s_magic == FUSE_SUPER_MAGIC &&
		strcmp(sb->s_type->name, "virtiofs"));
}

/*
 * Whether the way to @path can be looked up without that. The freeze must not wait: it has
 * all sessions stopped. What is mounted behind its back is mounted after a lookup, or
 * between two of them; that is no time of anybody's choice.
 */
static int luo_bpf_way_ends(struct luo_bpf_file *bf, const struct path *path)
{
	const struct path *root = luo_bpf_root(bf);
	struct path at = *path;
	int err = 0;

	path_get(&at);
	do {
		if (luo_bpf_is_served(at.mnt->mnt_sb)) {
			luo_bpf_message(bf, "on the way to it a program serves %s, or a user",
					at.mnt->mnt_sb->s_type->name);
			err = -EOPNOTSUPP;
		}
	} while (!err && at.mnt != root->mnt && follow_up(&at));
	path_put(&at);
	return err;
}

/* Whether @name leads to @path: not if something is mounted over it. */
static int luo_bpf_leads_to(struct luo_bpf_file *bf, const char *name,
			    const struct path *path)
{
	const struct path *root = luo_bpf_root(bf);
	struct path at;
	int err;

	err = vfs_path_lookup(root->dentry, root->mnt, name, 0, &at);
	if (!err) {
		if (at.dentry != path->dentry)
			err = -ESTALE;
		path_put(&at);
	}
	if (err == -ESTALE)
		luo_bpf_message(bf, "'%*pE' is another file", luo_bpf_shown(name),
				name);
	else if (err)
		luo_bpf_message(bf, "'%*pE' is not found by that path",
				luo_bpf_shown(name), name);
	/* ENOENT would look as if there was no handler. */
	return err == -ENOENT ? -ESTALE : err;
}

/* Its path, somewhere in @buf, of PATH_MAX bytes */
static char *luo_bpf_name(struct luo_bpf_file *bf, const struct path *path,
			  char *buf)
{
	char *name;
	int err;

	if (d_unlinked(path->dentry) || !d_backing_inode(path->dentry)->i_nlink) {
		luo_bpf_message(bf, "the file has no name any more, or never had one");
		return ERR_PTR(-ESTALE);
	}
	name = __d_path(path, luo_bpf_root(bf), buf, PATH_MAX);
	if (!name) {
		luo_bpf_message(bf, "no path leads to it from the root of who preserves it");
		return ERR_PTR(-EXDEV);
	}
	if (IS_ERR(name))
		return name;
	err = luo_bpf_way_ends(bf, path) ?: luo_bpf_leads_to(bf, name, path);
	return err ? ERR_PTR(err) : name;
}

static int luo_bpf_path_write(struct luo_bpf_file *bf, const struct path *path,
			      void *mem, u32 size)
{
	char *buf __free(kfree) = kmalloc(PATH_MAX, GFP_KERNEL);
	struct luo_bpf_path_ser ser;
	char *name;
	int err;

	if (!buf)
		return -ENOMEM;
	if (size < sizeof(ser))
		return -EINVAL;
	err = luo_bpf_identify(path, &ser);
	if (err) {
		luo_bpf_message(bf, "type %#o in %s: no identity that lasts through a kexec",
				ser.type, path->dentry->d_sb->s_type->name);
		return err;
	}
	name = luo_bpf_name(bf, path, buf);
	if (IS_ERR(name))
		return PTR_ERR(name);

	ser.size = sizeof(ser) + strlen(name) + 1;
	if (ser.size > size) {
		luo_bpf_message(bf, "the path has %zu characters, the handler has room for %zu",
				strlen(name), size - sizeof(ser) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(mem, &ser, sizeof(ser));
	memcpy(mem + sizeof(ser), name, ser.size - sizeof(ser));
	return 0;
}

/* Behind the kexec */

/* A copy: what is checked is what is used. */
static struct luo_bpf_path_ser *luo_bpf_path_read(const void *mem, u32 size)
{
	struct luo_bpf_path_ser *ser;

	if (size < sizeof(*ser) || size > sizeof(*ser) + PATH_MAX)
		return ERR_PTR(-EINVAL);
	ser = kmemdup(mem, size, GFP_KERNEL);
	if (!ser)
		return ERR_PTR(-ENOMEM);
	if (luo_bpf_path_ok(ser, size))
		return ser;
	kfree(ser);
	return ERR_PTR(-EUCLEAN);
}

static int luo_bpf_verify(struct luo_bpf_file *bf, const struct path *path,
			  const struct luo_bpf_path_ser *was)
{
	struct luo_bpf_path_ser is;
	const char *what;
	int err;

	err = luo_bpf_identify(path, &is);
	if (err && err != -EOPNOTSUPP) {
		luo_bpf_message(bf, "'%*pE' can't be identified",
				luo_bpf_shown(was->path), was->path);
		return err;
	}
	what = luo_bpf_differs(was, &is);
	if (err && !what)
		what = "file system";
	if (!what)
		return 0;
	luo_bpf_message(bf, "'%*pE' is another file now: its %s differs",
			luo_bpf_shown(was->path), was->path, what);
	return -ESTALE;
}

/*
 * It is looked at before it is opened, for that may have effects, on a device as on
 * a FIFO; and what is opened is what was looked at.
 */
static struct file *luo_bpf_open_it(struct luo_bpf_file *bf,
				    const struct luo_bpf_path_ser *was, u32 flags)
{
	struct file *file;
	struct path path;
	int err;

	err = kern_path(was->path, LOOKUP_FOLLOW | LOOKUP_AUTOMOUNT, &path);
	if (err) {
		luo_bpf_message(bf, "'%*pE' is not found",
				luo_bpf_shown(was->path), was->path);
		return ERR_PTR(err);
	}
	/* To send packets through a FIFO is asked for by fcntl(2), never by open(2). */
	if (was->type == S_IFIFO)
		flags &= ~O_DIRECT;
	err = luo_bpf_verify(bf, &path, was);
	if (!err && was->type == S_IFIFO)
		err = luo_bpf_fifo_wait(d_backing_inode(path.dentry));
	if (err)
		file = ERR_PTR(err);
	else
		file = luo_bpf_not_own(file_open_root(&path, "",
						      luo_bpf_open_flags(flags),
						      0));
	path_put(&path);
	if (IS_ERR(file))
		luo_bpf_message(bf, "'%*pE' can't be opened",
				luo_bpf_shown(was->path), was->path);
	return file;
}

__bpf_kfunc_start_defs();

/**
 * bpf_luo_path - record where a file is, and what makes it that file
 * @ctx:     the file that is preserved
 * @file:    it, or another one
 * @mem:     out: struct luo_bpf_path_ser, for bpf_luo_open_same()
 * @mem__sz: room there
 *
 * The path is that from the root of the task that preserved the file, and must lead
 * to the file with that task's credentials: in freeze too, where it may be another
 * one than in preserve.
 *
 * Regular files, directories and FIFOs must be on a file system that is on a device
 * and that a file server could export: there, files have an identity. A character
 * device is identified by its number alone.
 *
 * Context: preserve, freeze.
 * Return: 0, or with a message that says so -ESTALE if the file was deleted, has
 * never had a name, or its path leads elsewhere, -EXDEV if no path leads to it,
 * -EOPNOTSUPP for other types and file systems, and if one on the way to it is served by
 * a program (FUSE) or mounted in a user namespace; -ENAMETOOLONG if the path does not
 * fit; or what a lookup of it says.
 */
__bpf_kfunc int bpf_luo_path(struct luo_bpf_ctx *ctx, struct file *file,
			     void *mem, u32 mem__sz)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);

	guard(luo_no_run_ctx)();

	scoped_with_creds(bf->cred ?: current_cred())
		return luo_bpf_path_write(bf, &file->f_path, mem, mem__sz);
}

/**
 * bpf_luo_sync - have a file's data written to its device
 * @ctx:  the file that is preserved
 * @file: it, or another one
 *
 * Nothing of the page cache crosses the kexec.
 *
 * Context: preserve, freeze.
 * Return: 0, -EBUSY if another task is at the file and does not end, as one that writes to
 * it from memory that a program serves; or what fsync(2) says.
 */
__bpf_kfunc int bpf_luo_sync(struct luo_bpf_ctx *ctx, struct file *file)
{
	int err;

	guard(luo_no_run_ctx)();

	if (!file->f_op->fsync)
		return 0;
	/* fsync(2) may wait for it, uninterruptibly. */
	err = luo_try_briefly(!inode_is_locked(file_inode(file)));
	if (err == -EBUSY)
		luo_bpf_message(luo_bpf_file_of(ctx),
				"another task writes to it, and does not end");
	return err ?: vfs_fsync(file, 0);
}

/**
 * bpf_luo_open_same - open a file by its path, if it is the same as it was
 * @ctx:     the file that is retrieved
 * @mem:     what bpf_luo_path() wrote
 * @mem__sz: room there
 * @flags:   as for open(2), mostly the f_flags of @ctx; those that make or change
 *           something are left out
 *
 * With the credentials and the root of the task that retrieves the file, as for
 * bpf_luo_open(). Nothing is opened but the file that it was.
 *
 * Context: retrieve.
 * Return: the file, the program's to pass on or put; or NULL, and with a message
 * bpf_luo_error() is -ESTALE if another file is there now, or what open(2) would
 * say; -EUCLEAN if @mem is damaged, -EMFILE if the program has 8 files open.
 */
__bpf_kfunc struct file *bpf_luo_open_same(struct luo_bpf_ctx *ctx,
					   const void *mem, u32 mem__sz,
					   u32 flags)
{
	struct luo_bpf_path_ser *was __free(kfree) = NULL;
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct file *file;

	guard(luo_no_run_ctx)();

	if (bf->opened->nr == LUO_BPF_MAX_OPENED)
		return luo_bpf_null(bf, -EMFILE);
	was = luo_bpf_path_read(mem, mem__sz);
	if (IS_ERR(was)) {
		luo_bpf_message(bf, "the record of its path is damaged");
		return luo_bpf_null(bf, PTR_ERR(was));
	}

	file = luo_bpf_open_it(bf, was, flags);
	if (IS_ERR(file))
		return luo_bpf_null(bf, PTR_ERR(file));
	bf->opened->files[bf->opened->nr++] = file;
	return file;
}

__bpf_kfunc_end_defs();
