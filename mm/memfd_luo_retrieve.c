// SPDX-License-Identifier: GPL-2.0
/*
 * Live update of memfds: taking them back in the next kernel.
 *
 * Restoring a page cannot be undone. What a failed attempt has restored stays
 * with the file until the next attempt, which goes on from there.
 */
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/kexec_handover.h>
#include <linux/liveupdate.h>
#include <linux/memcontrol.h>
#include <linux/memfd.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <uapi/linux/memfd.h>

#include "internal.h"
#include "memfd_luo.h"
#include "memfd_luo_insert.h"
#include "memfd_luo_reader.h"

/* A memfd being retrieved. What is in @unit and @batch is restored, and in no file. */
struct memfd_luo_incoming {
	struct memfd_luo_reader reader;
	struct memfd_luo_run unit;
	struct memfd_luo_batch batch;
	struct file *file;
	bool lost;	/* a part of it; no attempt may succeed */
};

/* What was restored as single pages becomes folios as large as can be. */
static struct folio *memfd_luo_first_folio(const struct memfd_luo_run *unit,
					   unsigned int max)
{
	struct page *page = pfn_to_page(unit->pfn);
	unsigned int order = memfd_luo_folio_order(unit, max);

	if (order && !PageCompound(page)) {
		for (unsigned long i = 1; i < 1UL << order; i++)
			set_page_count(page + i, 0);
		prep_compound_page(page, order);
	}
	return page_rmappable_folio(page);
}

static bool memfd_luo_restore_unit(struct memfd_luo_incoming *in, unsigned int max)
{
	const struct memfd_luo_run *unit = &in->unit;

	if (1ULL << memfd_luo_folio_order(unit, max) == unit->nr)
		return kho_restore_folio(PFN_PHYS(unit->pfn));
	return kho_restore_pages(PFN_PHYS(unit->pfn), unit->nr);
}

static void memfd_luo_zero_unit(const struct memfd_luo_run *unit)
{
	for (u64 i = 0; i < unit->nr; i++)
		clear_highpage(pfn_to_page(unit->pfn + i));
}

/* Restore what comes next. Return: 1, 0 if there is no more, or -EIO. */
static int memfd_luo_next_unit(struct memfd_luo_incoming *in, unsigned int max)
{
	if (!memfd_luo_read(&in->reader, &in->unit))
		return 0;
	if (WARN_ON_ONCE(!memfd_luo_restore_unit(in, max))) {
		in->unit.nr = 0;
		in->lost = true;
		return -EIO;
	}
	if (in->reader.zero)
		memfd_luo_zero_unit(&in->unit);
	return 1;
}

/* Fill the batch. Return: 1, 0 if there is no more, or -EIO. */
static int memfd_luo_next_batch(struct memfd_luo_incoming *in, unsigned int max)
{
	while (in->batch.nr < MEMFD_LUO_BATCH) {
		struct folio *folio;
		int ret = in->unit.nr ? 1 : memfd_luo_next_unit(in, max);

		if (ret <= 0)
			return ret;
		folio = memfd_luo_first_folio(&in->unit, max);
		memfd_luo_batch_add(&in->batch, folio, in->unit.index);
		memfd_luo_run_advance(&in->unit, folio_nr_pages(folio));
	}
	return 1;
}

static int memfd_luo_fill(struct memfd_luo_incoming *in)
{
	struct address_space *mapping = in->file->f_mapping;
	const unsigned int max = mapping_max_folio_order(mapping);
	int more, err;

	do {
		more = in->lost ? -EIO : memfd_luo_next_batch(in, max);
		if (more < 0)
			return more;
		err = memfd_luo_batch_insert(&in->batch, mapping);
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	} while (!err && more);
	return err;
}

static struct file *memfd_luo_alloc(const char *name, umode_t mode, loff_t size)
{
	struct file *file = memfd_alloc_file(name, MFD_ALLOW_SEALING);
	struct inode *inode;

	if (IS_ERR(file))
		return file;

	inode = file_inode(file);
	inode->i_mode = (inode->i_mode & S_IFMT) | mode;
	i_size_write(inode, size);
	return file;
}

/* Sealing looks for pinned pages: cheap while there are none at all. */
static struct file *memfd_luo_add_seals(struct file *file, u32 seals)
{
	int err = seals ? memfd_add_seals(file, seals) : 0;

	if (!err)
		return file;
	fput(file);
	return ERR_PTR(err);
}

static struct file *memfd_luo_reopen(struct file *file, u32 f_flags)
{
	struct file *reopened;

	if (file->f_flags == f_flags)
		return file;

	/* What it lacks O_LARGEFILE for is nobody's concern here. */
	reopened = dentry_open(&file->f_path, f_flags | O_LARGEFILE, current_cred());
	fput(file);
	if (!IS_ERR(reopened) && !(f_flags & O_LARGEFILE))
		reopened->f_flags &= ~O_LARGEFILE;
	return reopened;
}

/* An empty memfd that is what the record says. */
static struct file *memfd_luo_extents_create(const struct memfd_luo_header *header)
{
	char name[MEMFD_LUO_PREFIX_LEN + MEMFD_LUO_NAME_SIZE];
	struct file *file;

	snprintf(name, sizeof(name), MEMFD_LUO_PREFIX "%s", header->name);
	file = memfd_luo_alloc(name, header->mode, header->size);
	if (IS_ERR(file))
		return file;

	file_inode(file)->i_uid = make_kuid(&init_user_ns, header->uid);
	file_inode(file)->i_gid = make_kgid(&init_user_ns, header->gid);
	file = memfd_luo_add_seals(file, header->seals);
	if (IS_ERR(file))
		return file;
	file = memfd_luo_reopen(file, header->f_flags);
	if (!IS_ERR(file))
		file->f_pos = header->pos;
	return file;
}

/*
 * The record has no mode. A file whose mode is sealed with execute bits in it is
 * sealed against writing, see memfd_add_seals(): another one has none.
 */
static umode_t memfd_luo_v2_mode(u32 seals)
{
	const u32 write = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
			  F_SEAL_FUTURE_WRITE;

	return seals & F_SEAL_EXEC && (seals & write) != write ? 0666 : 0777;
}

/* What the record has not is as in a memfd that is new. */
static struct file *memfd_luo_v2_create(const struct memfd_luo_ser *ser)
{
	struct file *file = memfd_luo_alloc(MEMFD_LUO_PREFIX,
					    memfd_luo_v2_mode(ser->seals),
					    ser->size);

	if (IS_ERR(file))
		return file;
	file = memfd_luo_add_seals(file, ser->seals);
	if (!IS_ERR(file))
		file->f_pos = ser->pos;
	return file;
}

static struct file *memfd_luo_create(const struct memfd_luo_reader *reader)
{
	return reader->format == &memfd_luo_v2_format ?
		memfd_luo_v2_create(reader->ser) :
		memfd_luo_extents_create(reader->header);
}

static struct memfd_luo_incoming *
memfd_luo_start(struct liveupdate_file_op_args *args)
{
	struct memfd_luo_incoming *in = kzalloc_obj(*in);
	int err;

	if (!in)
		return ERR_PTR(-ENOMEM);

	err = memfd_luo_open(&in->reader,
			     memfd_luo_format(args->handler->compatible),
			     args->serialized_data, liveupdate_file_tag(args));
	if (err) {
		kfree(in);
		return ERR_PTR(err);
	}
	return in;
}

int memfd_luo_retrieve(struct liveupdate_file_op_args *args)
{
	struct memfd_luo_incoming *in = args->private_data;
	int err;

	if (!in) {
		in = memfd_luo_start(args);
		if (IS_ERR(in))
			return PTR_ERR(in);
		args->private_data = in;
	}

	if (!in->file) {
		struct file *file = memfd_luo_create(&in->reader);

		if (IS_ERR(file))
			return PTR_ERR(file);
		in->file = file;
	}

	err = memfd_luo_fill(in);
	if (err)
		return err;

	memfd_luo_free_record(&in->reader);
	args->file = in->file;
	args->private_data = NULL;
	kfree(in);
	return 0;
}

void memfd_luo_finish(struct liveupdate_file_op_args *args)
{
	struct memfd_luo_incoming *in = args->private_data;

	if (args->retrieve_status > 0)
		return;

	if (!in) {
		memfd_luo_reclaim(args->handler->compatible,
				  args->serialized_data,
				  liveupdate_file_tag(args));
		return;
	}

	memfd_luo_batch_drop(&in->batch);
	while (in->unit.nr) {
		struct folio *folio = pfn_folio(in->unit.pfn);

		memfd_luo_run_advance(&in->unit, folio_nr_pages(folio));
		folio_put(folio);
	}
	memfd_luo_free_all(&in->reader);
	if (in->file)
		fput(in->file);
	args->private_data = NULL;
	kfree(in);
}
