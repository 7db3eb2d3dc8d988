// SPDX-License-Identifier: GPL-2.0
/*
 * Live update of memfds.
 *
 * What survives: contents, size, holes, position, seals, name, access mode and
 * status flags, owner and permission bits; large folios stay large. Pages that
 * lie side by side in file and memory come back as large folios too. What does
 * not: timestamps, extended attributes, memory policy, leases and locks, and
 * whatever concerns a mapping of the file. memfds on hugetlb are refused.
 *
 * PRESERVE_FD fixes the file's size and pins and preserves the pages it has;
 * the file may be read and written on, holes included. Freezing preserves the
 * pages that came since, and keeps more from coming: user space runs on until
 * the machine is stopped, but whoever needs a new page waits.
 *
 * memfds of mainline's format, which says less, are read; and written in place of
 * ours where the command line asks for it, see memfd_luo_v2.c.
 */
#define pr_fmt(fmt) "memfd_luo: " fmt

#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/io.h>
#include <linux/liveupdate.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "memfd_luo.h"

static_assert(NAME_MAX - MEMFD_LUO_PREFIX_LEN < MEMFD_LUO_NAME_SIZE);

/* -EOPNOTSUPP: nothing that the next kernel would accept. */
static int memfd_luo_fill_header(struct file *file,
				 struct memfd_luo_outgoing *out)
{
	struct memfd_luo_header *header = out->header;
	struct inode *inode = file_inode(file);

	header->page_shift = PAGE_SHIFT;
	header->size = i_size_read(inode);
	header->pos = READ_ONCE(file->f_pos);
	header->seals = READ_ONCE(SHMEM_I(inode)->seals);
	header->f_flags = READ_ONCE(file->f_flags) & MEMFD_LUO_F_FLAGS;
	header->mode = READ_ONCE(inode->i_mode) & MEMFD_LUO_MODE;
	header->uid = from_kuid_munged(&init_user_ns, inode->i_uid);
	header->gid = from_kgid_munged(&init_user_ns, inode->i_gid);
	header->nr_extents = memfd_luo_nr_extents(out);
	header->nr_pages = memfd_luo_nr_pages(out);
	strscpy(header->name,
		file->f_path.dentry->d_name.name + MEMFD_LUO_PREFIX_LEN);

	return memfd_luo_header_bad(header, PAGE_SHIFT, MAX_LFS_FILESIZE) ?
		-EOPNOTSUPP : 0;
}

bool memfd_luo_is_memfd(struct file *file)
{
	struct inode *inode = file_inode(file);

	/* hugetlb is ours to refuse, with an errno that tells why. */
	if (!shmem_file(file) && !is_file_hugepages(file))
		return false;

	return !inode->i_nlink && inode->i_sb->s_flags & SB_KERNMOUNT &&
	       !IS_PRIVATE(inode) &&
	       str_has_prefix(file->f_path.dentry->d_name.name, MEMFD_LUO_PREFIX);
}

/* Several open files of one inode would preserve its pages twice. */
unsigned long memfd_luo_get_id(struct file *file)
{
	return (unsigned long)file_inode(file);
}

static bool memfd_luo_can_preserve(struct liveupdate_file_handler *handler,
				   struct file *file)
{
	return !liveupdate_abi_mainline() && memfd_luo_is_memfd(file);
}

static int memfd_luo_preserve(struct liveupdate_file_op_args *args)
{
	struct file *file = args->file;
	struct memfd_luo_outgoing *out;
	int err;

	if (is_file_hugepages(file) ||
	    SHMEM_I(file_inode(file))->seals & ~MEMFD_LUO_EXTENTS_SEALS)
		return -EOPNOTSUPP;

	out = memfd_luo_take(file, false);
	if (IS_ERR(out))
		return PTR_ERR(out);

	err = memfd_luo_fill_header(file, out);
	if (err) {
		memfd_luo_untake(file, out);
		return err;
	}
	args->private_data = out;
	args->serialized_data = virt_to_phys(out->header);
	return 0;
}

static void memfd_luo_unpreserve(struct liveupdate_file_op_args *args)
{
	memfd_luo_untake(args->file, args->private_data);
	args->private_data = NULL;
}

static void memfd_luo_unfreeze(struct liveupdate_file_op_args *args)
{
	memfd_luo_untake_late(args->file, args->private_data);
}

static int memfd_luo_freeze(struct liveupdate_file_op_args *args)
{
	struct memfd_luo_outgoing *out = args->private_data;
	int err = memfd_luo_take_late(args->file, out);

	if (err)
		return err;

	err = memfd_luo_fill_header(args->file, out);
	if (err) {
		memfd_luo_unfreeze(args);
		return err;
	}

	memfd_luo_seal(out->header, liveupdate_file_tag(args));
	return 0;
}

static u64 memfd_luo_preserved_bytes(struct liveupdate_file_op_args *args)
{
	const struct memfd_luo_outgoing *out = args->private_data;
	u64 pages = 1;

	if (!out)
		return memfd_luo_record_bytes(args->handler->compatible,
					      args->serialized_data);

	pages += memfd_luo_nr_pages(out);
	for (int i = 0; i < MEMFD_LUO_CHAINS; i++)
		pages += out->chain[i].nr_blocks;
	return pages << PAGE_SHIFT;
}

static const struct liveupdate_file_ops memfd_luo_ops = {
	.can_preserve = memfd_luo_can_preserve,
	.preserve = memfd_luo_preserve,
	.unpreserve = memfd_luo_unpreserve,
	.freeze = memfd_luo_freeze,
	.unfreeze = memfd_luo_unfreeze,
	.retrieve = memfd_luo_retrieve,
	.finish = memfd_luo_finish,
	.get_id = memfd_luo_get_id,
	.preserved_bytes = memfd_luo_preserved_bytes,
	.retrieve_retryable = true,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler memfd_luo_handler = {
	.ops = &memfd_luo_ops,
	.compatible = MEMFD_LUO_EXTENTS_COMPATIBLE,
};

static int __init memfd_luo_register(struct liveupdate_file_handler *handler)
{
	int err = liveupdate_register_file_handler(handler);

	/* Live update was not asked for on the command line. */
	if (err == -EOPNOTSUPP)
		return 0;
	if (err)
		pr_err("registering '%s' failed: %pe\n", handler->compatible,
		       ERR_PTR(err));
	return err;
}

static int __init memfd_luo_init(void)
{
	return memfd_luo_register(&memfd_luo_handler) ?:
	       memfd_luo_register(&memfd_luo_v2_handler);
}
late_initcall(memfd_luo_init);
