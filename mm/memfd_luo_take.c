// SPDX-License-Identifier: GPL-2.0
/*
 * Live update of memfds: what is done to one when it is preserved and frozen, in
 * whichever format.
 *
 * Locks: session mutex (taken by the core) > inode lock > folio lock > i_pages
 * lock. Freezing takes no inode lock: a writer that waits for a page holds it.
 */
#include <linux/fs.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include "memfd_luo.h"

/*
 * Whether a held file has no other pages than those preserved: the rule, and
 * worth to be found out quickly, as nothing but the kexec is going on.
 *
 * A page is accounted under its folio lock: until then it is not swapped out,
 * so that it is counted in nrpages; from then on it is counted in alloced.
 */
static bool memfd_luo_unchanged(struct file *file, u64 nr_preserved)
{
	struct shmem_inode_info *info = SHMEM_I(file_inode(file));

	if (READ_ONCE(file->f_mapping->nrpages) != nr_preserved)
		return false;

	guard(spinlock)(&info->lock);
	return info->alloced == nr_preserved;
}

/* The pages that came into the file since it was preserved. */
static int memfd_luo_collect_late(struct file *file,
				  struct memfd_luo_outgoing *out)
{
	struct memfd_luo_list *late = &out->chain[MEMFD_LUO_CHAIN_LATE];
	const pgoff_t size = memfd_luo_size_pages(file);
	struct memfd_luo_cursor cursor = {
		.block = out->chain[MEMFD_LUO_CHAIN_PRESERVED].first,
	};
	struct memfd_luo_run run;
	pgoff_t start = 0;
	int err;

	if (memfd_luo_unchanged(file, out->chain[MEMFD_LUO_CHAIN_PRESERVED].nr_pages))
		return 0;

	while (memfd_luo_cursor_peek(&cursor, &run, memfd_luo_block_at)) {
		if (start < run.index) {
			err = memfd_luo_collect(file, start, run.index, late);
			if (err)
				return err;
		}
		start = run.index + run.nr;
		cursor.pos++;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return memfd_luo_collect(file, start, size, late);
}

/* Killable: a writer that holds the lock may wait for user space. */
static int memfd_luo_fix_size(struct inode *inode)
{
	int err = inode_lock_killable(inode);

	if (err)
		return err;
	shmem_freeze(inode, true);
	inode_unlock(inode);
	return 0;
}

/*
 * With no lock, for a release cannot be killed: the flag of a memfd is ours
 * alone, and a writer that still sees it is refused, as a moment ago.
 */
static void memfd_luo_free_size(struct inode *inode)
{
	shmem_freeze(inode, false);
}

/*
 * Pages that come while the file is preserved are not to lie where the freeze
 * would have to move them from: what anybody refers to can't be moved.
 */
static void memfd_luo_set_movable(struct inode *inode,
				  struct memfd_luo_outgoing *out, bool movable)
{
	struct address_space *mapping = inode->i_mapping;
	const gfp_t gfp = mapping_gfp_mask(mapping);

	if (!movable)
		out->movable = gfp & __GFP_MOVABLE;
	mapping_set_gfp_mask(mapping, movable ? gfp | out->movable :
						gfp & ~__GFP_MOVABLE);
}

static void memfd_luo_free_outgoing(struct memfd_luo_outgoing *out)
{
	memfd_luo_list_drop(&out->chain[MEMFD_LUO_CHAIN_PRESERVED],
			    memfd_luo_unpin);
	if (out->apart)
		free_page((unsigned long)out->header);
	else
		kho_unpreserve_free(out->header);
	kfree(out);
}

static struct memfd_luo_outgoing *memfd_luo_alloc_outgoing(bool apart)
{
	struct memfd_luo_outgoing *out = kzalloc_obj(*out);
	struct memfd_luo_header *header;

	if (!out)
		return ERR_PTR(-ENOMEM);

	header = memfd_luo_alloc_block(apart);
	if (IS_ERR(header)) {
		kfree(out);
		return ERR_CAST(header);
	}

	out->header = header;
	out->apart = apart;
	for (int i = 0; i < MEMFD_LUO_CHAINS; i++)
		memfd_luo_list_init(&out->chain[i], &header->chain[i].block, apart);
	return out;
}

/**
 * memfd_luo_take - fix a memfd's size, pin and preserve the pages that it has
 * @file:  the memfd
 * @apart: each folio is a run of its own, and the next kernel is not to find the
 *         extents: they are for another format to be made of
 *
 * Return: what is preserved, or an ERR_PTR() with all as it was.
 */
struct memfd_luo_outgoing *memfd_luo_take(struct file *file, bool apart)
{
	struct inode *inode = file_inode(file);
	struct memfd_luo_outgoing *out;
	unsigned int flags;
	int err;

	out = memfd_luo_alloc_outgoing(apart);
	if (IS_ERR(out))
		return out;

	err = memfd_luo_fix_size(inode);
	if (err)
		goto free;
	memfd_luo_set_movable(inode, out, false);

	/* What is swapped in here need not be moved. */
	flags = memalloc_pin_save();
	err = memfd_luo_collect(file, 0, memfd_luo_size_pages(file),
				&out->chain[MEMFD_LUO_CHAIN_PRESERVED]);
	memalloc_pin_restore(flags);
	if (err)
		goto undo;
	return out;

undo:
	memfd_luo_set_movable(inode, out, true);
	memfd_luo_free_size(inode);
free:
	memfd_luo_free_outgoing(out);
	return ERR_PTR(err);
}

/* Undo memfd_luo_take(). */
void memfd_luo_untake(struct file *file, struct memfd_luo_outgoing *out)
{
	struct inode *inode = file_inode(file);

	memfd_luo_set_movable(inode, out, true);
	memfd_luo_free_outgoing(out);
	memfd_luo_free_size(inode);
}

/**
 * memfd_luo_take_late - preserve the pages that came since, and keep others out
 * @file: the memfd
 * @out:  what memfd_luo_take() returned
 *
 * Return: 0, or an errno with all as it was.
 */
int memfd_luo_take_late(struct file *file, struct memfd_luo_outgoing *out)
{
	unsigned int flags;
	int err;

	shmem_hold(file_inode(file), true);

	flags = memalloc_pin_save();
	err = memfd_luo_collect_late(file, out);
	memalloc_pin_restore(flags);
	if (err)
		memfd_luo_untake_late(file, out);
	return err;
}

/* Undo memfd_luo_take_late(). */
void memfd_luo_untake_late(struct file *file, struct memfd_luo_outgoing *out)
{
	memfd_luo_list_drop(&out->chain[MEMFD_LUO_CHAIN_LATE], memfd_luo_unpin);
	shmem_hold(file_inode(file), false);
}

u64 memfd_luo_nr_extents(const struct memfd_luo_outgoing *out)
{
	return out->chain[MEMFD_LUO_CHAIN_PRESERVED].nr_extents +
	       out->chain[MEMFD_LUO_CHAIN_LATE].nr_extents;
}

u64 memfd_luo_nr_pages(const struct memfd_luo_outgoing *out)
{
	return out->chain[MEMFD_LUO_CHAIN_PRESERVED].nr_pages +
	       out->chain[MEMFD_LUO_CHAIN_LATE].nr_pages;
}
