// SPDX-License-Identifier: GPL-2.0
/*
 * Live update of memfds in mainline's format, memfd-v2: read always, written with
 * liveupdate.abi=mainline.
 *
 * Pages are preserved as by memfd_luo.c, but each folio as an area of its own. The
 * array that names them is made in preserve. If pages came since, freeze makes
 * another one: it can't grow.
 */
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/liveupdate.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "memfd_luo.h"

/**
 * struct memfd_luo_v2_outgoing - a memfd of this kernel, preserved for mainline
 * @pages:  its pages
 * @ser:    the record
 * @folios: the array; NULL if there are none
 */
struct memfd_luo_v2_outgoing {
	struct memfd_luo_outgoing *pages;
	struct memfd_luo_ser *ser;
	struct memfd_luo_folio_ser *folios;
};

static bool memfd_luo_v2_can_preserve(struct liveupdate_file_handler *handler,
				      struct file *file)
{
	return liveupdate_abi_mainline() && memfd_luo_is_memfd(file);
}

/* Why it can't be said of a file what it is; NULL if it can. */
static const char *memfd_luo_v2_refusal(struct file *file)
{
	if (is_file_hugepages(file))
		return "the format has no hugetlbfs";
	if (SHMEM_I(file_inode(file))->seals & ~MEMFD_LUO_ALL_SEALS)
		return "the format has not all of its seals";
	/* Less than all rights would come back as all. */
	if ((file->f_flags & O_ACCMODE) != O_RDWR)
		return "the format has only files that are open to read and write";
	return NULL;
}

static void memfd_luo_v2_drop_folios(struct memfd_luo_v2_outgoing *out)
{
	struct kho_vmalloc folios = out->ser->folios;

	if (out->folios)
		kho_unpreserve_vmalloc(&folios);
	vfree(out->folios);
}

static void memfd_luo_v2_list_folios(const struct memfd_luo_outgoing *pages,
				     struct memfd_luo_folio_ser *folio)
{
	struct memfd_luo_iter iter;
	struct memfd_luo_run run;

	memfd_luo_iter_init(&iter, pages->header);
	while (memfd_luo_iter_next(&iter, &run, memfd_luo_block_at)) {
		/* All that is pinned has contents, and was made dirty. */
		*folio++ = (struct memfd_luo_folio_ser) {
			.pfn = run.pfn,
			.flags = MEMFD_LUO_FOLIO_DIRTY | MEMFD_LUO_FOLIO_UPTODATE,
			.index = run.index,
		};
		cond_resched();
	}
}

/* Put an array of all folios in the place of the one that there is. */
static int memfd_luo_v2_write_folios(struct memfd_luo_v2_outgoing *out)
{
	const u64 nr = memfd_luo_nr_extents(out->pages);
	struct memfd_luo_folio_ser *folios = NULL;
	struct kho_vmalloc preserved = {};
	int err;

	if (nr) {
		folios = __vcalloc(nr, sizeof(*folios),
				   GFP_KERNEL | __GFP_NOWARN);
		if (!folios)
			return -ENOMEM;
		memfd_luo_v2_list_folios(out->pages, folios);
		err = kho_preserve_vmalloc(folios, &preserved);
		if (err) {
			vfree(folios);
			return err;
		}
	}

	memfd_luo_v2_drop_folios(out);
	out->folios = folios;
	out->ser->folios = preserved;
	out->ser->nr_folios = nr;
	return 0;
}

static void memfd_luo_v2_free(struct memfd_luo_v2_outgoing *out)
{
	if (out->ser) {
		memfd_luo_v2_drop_folios(out);
		kho_unpreserve_free(out->ser);
	}
	kfree(out);
}

static struct memfd_luo_v2_outgoing *memfd_luo_v2_alloc(void)
{
	struct memfd_luo_v2_outgoing *out = kzalloc_obj(*out);
	struct memfd_luo_ser *ser;

	if (!out)
		return ERR_PTR(-ENOMEM);

	ser = kho_alloc_preserve(sizeof(*ser));
	if (IS_ERR(ser)) {
		kfree(out);
		return ERR_CAST(ser);
	}
	out->ser = ser;
	return out;
}

static int memfd_luo_v2_preserve(struct liveupdate_file_op_args *args)
{
	const char *refusal = memfd_luo_v2_refusal(args->file);
	struct memfd_luo_v2_outgoing *out;
	int err;

	if (refusal) {
		args->message = kstrdup(refusal, GFP_KERNEL);
		return -EOPNOTSUPP;
	}

	out = memfd_luo_v2_alloc();
	if (IS_ERR(out))
		return PTR_ERR(out);

	out->pages = memfd_luo_take(args->file, true);
	if (IS_ERR(out->pages)) {
		err = PTR_ERR(out->pages);
		goto free;
	}
	err = memfd_luo_v2_write_folios(out);
	if (err)
		goto untake;

	args->private_data = out;
	args->serialized_data = virt_to_phys(out->ser);
	return 0;

untake:
	memfd_luo_untake(args->file, out->pages);
free:
	memfd_luo_v2_free(out);
	return err;
}

static void memfd_luo_v2_unpreserve(struct liveupdate_file_op_args *args)
{
	struct memfd_luo_v2_outgoing *out = args->private_data;

	memfd_luo_untake(args->file, out->pages);
	memfd_luo_v2_free(out);
	args->private_data = NULL;
}

/* The array may name pages of a freeze before this one. */
static bool memfd_luo_v2_changed(const struct memfd_luo_v2_outgoing *out)
{
	return out->pages->chain[MEMFD_LUO_CHAIN_LATE].nr_extents ||
	       out->ser->nr_folios != memfd_luo_nr_extents(out->pages);
}

static int memfd_luo_v2_write(struct file *file, struct memfd_luo_v2_outgoing *out)
{
	struct inode *inode = file_inode(file);
	struct memfd_luo_ser *ser = out->ser;

	ser->size = i_size_read(inode);
	ser->pos = READ_ONCE(file->f_pos);
	ser->seals = READ_ONCE(SHMEM_I(inode)->seals);
	if (ser->seals & ~MEMFD_LUO_ALL_SEALS)
		return -EOPNOTSUPP;

	return memfd_luo_v2_changed(out) ? memfd_luo_v2_write_folios(out) : 0;
}

static void memfd_luo_v2_unfreeze(struct liveupdate_file_op_args *args)
{
	struct memfd_luo_v2_outgoing *out = args->private_data;

	memfd_luo_untake_late(args->file, out->pages);
}

static int memfd_luo_v2_freeze(struct liveupdate_file_op_args *args)
{
	struct memfd_luo_v2_outgoing *out = args->private_data;
	int err = memfd_luo_take_late(args->file, out->pages);

	if (err)
		return err;
	err = memfd_luo_v2_write(args->file, out);
	if (err)
		memfd_luo_v2_unfreeze(args);
	return err;
}

static u64 memfd_luo_v2_preserved_bytes(struct liveupdate_file_op_args *args)
{
	const struct memfd_luo_v2_outgoing *out = args->private_data;
	u64 pages = 1;

	if (!out)
		return memfd_luo_record_bytes(args->handler->compatible,
					      args->serialized_data);

	/* The array, and a chunk for each KHO_VMALLOC_SIZE pages begun. */
	if (out->folios)
		pages += out->ser->folios.total_pages +
			 out->ser->folios.total_pages / KHO_VMALLOC_SIZE + 1;
	pages += memfd_luo_nr_pages(out->pages);
	return pages << PAGE_SHIFT;
}

static const struct liveupdate_file_ops memfd_luo_v2_ops = {
	.can_preserve = memfd_luo_v2_can_preserve,
	.preserve = memfd_luo_v2_preserve,
	.unpreserve = memfd_luo_v2_unpreserve,
	.freeze = memfd_luo_v2_freeze,
	.unfreeze = memfd_luo_v2_unfreeze,
	.retrieve = memfd_luo_retrieve,
	.finish = memfd_luo_finish,
	.get_id = memfd_luo_get_id,
	.preserved_bytes = memfd_luo_v2_preserved_bytes,
	.retrieve_retryable = true,
	.owner = THIS_MODULE,
};

struct liveupdate_file_handler memfd_luo_v2_handler = {
	.ops = &memfd_luo_v2_ops,
	.compatible = MEMFD_LUO_FH_COMPATIBLE,
};
