// SPDX-License-Identifier: GPL-2.0
/*
 * Live update of memfds: the pages of a preserved one, in whichever format.
 *
 * A page is found and pinned under its folio lock. Until then it may move, be
 * swapped out or merged into a larger one; from then on it stays what and where
 * it is, as truncation and hole punching are refused.
 *
 * Locks: session mutex (taken by the core) > inode lock > folio lock > i_pages
 * lock. Freezing takes no inode lock: a writer that waits for a page holds it.
 */
#include <linux/folio_batch.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include "internal.h"
#include "memfd_luo.h"

#define MEMFD_LUO_MOVE_TRIES	10

static pgoff_t memfd_luo_size_pages(struct file *file)
{
	return DIV_ROUND_UP_ULL(i_size_read(file_inode(file)), PAGE_SIZE);
}

/* -EAGAIN: not where it is. */
static int memfd_luo_pin_locked(struct folio *folio)
{
	if (folio_contain_hwpoisoned_page(folio))
		return -EHWPOISON;

	/* As clean as a hole that was only read it could be dropped. */
	if (!folio_test_dirty(folio))
		folio_mark_dirty(folio);

	if (!folio_is_longterm_pinnable(folio))
		return -EAGAIN;
	return try_grab_folio(folio, 1, FOLL_PIN);
}

/* Pin what was found in the page cache a moment ago. */
static int memfd_luo_pin_found(struct file *file, struct folio *folio)
{
	int err = -EAGAIN;

	if (xa_is_value(folio))
		return err;

	folio_lock(folio);
	if (folio->mapping == file->f_mapping && folio_test_uptodate(folio))
		err = memfd_luo_pin_locked(folio);
	folio_unlock(folio);
	return err;
}

/*
 * Move the folios from @start up to @end, dirty and without a hole between them,
 * out of CMA, which KHO's scratch areas are part of.
 */
static int memfd_luo_move(struct file *file, pgoff_t start, pgoff_t end)
{
	struct folio *folios[FOLIO_BATCH_SIZE];
	pgoff_t offset;
	long nr;

	/* To the first byte of the last page: the file may end behind it. */
	nr = memfd_pin_folios(file, (loff_t)start << PAGE_SHIFT,
			      (loff_t)(end - 1) << PAGE_SHIFT, folios,
			      ARRAY_SIZE(folios), &offset);
	if (nr < 0)
		return nr;

	/* Pinned without their locks: they may have left the file meanwhile. */
	unpin_folios(folios, nr);
	return 0;
}

/*
 * Find what is at @index, in memory or swap, and pin it for good. Return: the
 * folio; NULL if there is none; or an error.
 */
static struct folio *memfd_luo_pin(struct file *file, pgoff_t index)
{
	struct folio *folio;
	int err;

	for (int i = 0; i < MEMFD_LUO_MOVE_TRIES; i++) {
		/* Zeroes what fallocate() left uninitialized, too. */
		err = shmem_get_folio(file_inode(file), index, 0, &folio,
				      SGP_NOALLOC);
		if (err)
			return err == -ENOENT ? NULL : ERR_PTR(err);

		err = memfd_luo_pin_locked(folio);
		folio_unlock(folio);
		folio_put(folio);
		if (!err)
			return folio;
		if (err != -EAGAIN)
			return ERR_PTR(err);

		err = memfd_luo_move(file, index, index + 1);
		if (err && err != -ENOMEM)
			return ERR_PTR(err);
		if (fatal_signal_pending(current))
			return ERR_PTR(-EINTR);
		/* -ENOMEM also if somebody refers to it, as khugepaged may. */
		if (err)
			schedule_timeout_killable(msecs_to_jiffies(1 << i));
	}
	return ERR_PTR(err ?: -EBUSY);
}

static void memfd_luo_unpin(u64 pfn, u64 nr)
{
	const u64 end = pfn + nr;

	while (pfn < end) {
		struct folio *folio = pfn_folio(pfn);

		pfn += folio_nr_pages(folio);
		unpin_folio(folio);
		cond_resched();
	}
}

static int memfd_luo_add_pinned(struct memfd_luo_list *list,
				struct folio *folio, pgoff_t *next)
{
	int err = memfd_luo_list_add(list, folio->index, folio_pfn(folio),
				     folio_nr_pages(folio));

	if (err) {
		unpin_folio(folio);
		return err;
	}
	*next = folio_next_index(folio);
	return 0;
}

/*
 * Pin what of @batch can be pinned where it is. Moves @next behind that; with
 * -EAGAIN to what can not.
 */
static int memfd_luo_collect_batch(struct file *file, struct folio_batch *batch,
				   const pgoff_t *indices, pgoff_t *next,
				   struct memfd_luo_list *list)
{
	int err = 0;

	for (int i = 0; !err && i < folio_batch_count(batch); i++) {
		struct folio *folio = batch->folios[i];

		err = memfd_luo_pin_found(file, folio);
		if (err == -EAGAIN)
			*next = indices[i];
		else if (!err)
			err = memfd_luo_add_pinned(list, folio, next);
	}
	return err;
}

/*
 * Where the run ends that begins at @start and must be moved: folios side by
 * side, looked at already or made dirty here.
 */
static pgoff_t memfd_luo_movable_end(struct file *file,
				     struct folio_batch *batch,
				     const pgoff_t *indices, pgoff_t start)
{
	pgoff_t end = start;

	for (int i = 0; i < folio_batch_count(batch); i++) {
		struct folio *folio = batch->folios[i];
		bool ok;

		if (indices[i] < start)
			continue;
		if (indices[i] != end || xa_is_value(folio))
			break;

		folio_lock(folio);
		ok = folio->mapping == file->f_mapping &&
		     folio_test_uptodate(folio) && folio->index == end &&
		     !folio_is_longterm_pinnable(folio);
		if (ok) {
			folio_mark_dirty(folio);
			end = folio_next_index(folio);
		}
		folio_unlock(folio);
		if (!ok)
			break;
	}
	return min(end, memfd_luo_size_pages(file));
}

static int memfd_luo_collect_one(struct file *file, pgoff_t *next,
				 struct memfd_luo_list *list)
{
	struct folio *folio = memfd_luo_pin(file, *next);

	if (IS_ERR(folio))
		return PTR_ERR(folio);
	if (folio)
		return memfd_luo_add_pinned(list, folio, next);
	(*next)++;
	return 0;
}

/* Pin and preserve all pages from @start up to @end, which are not yet. */
static int memfd_luo_collect(struct file *file, pgoff_t start, pgoff_t end,
			     struct memfd_luo_list *list)
{
	pgoff_t indices[FOLIO_BATCH_SIZE];
	struct folio_batch batch;
	pgoff_t next = start, moved = start, move;
	int err = 0;

	folio_batch_init(&batch);
	while (!err && start < end &&
	       find_get_entries(file->f_mapping, &start, end - 1, &batch, indices)) {
		err = memfd_luo_collect_batch(file, &batch, indices, &next, list);
		move = next;
		if (err == -EAGAIN && next >= moved)
			move = memfd_luo_movable_end(file, &batch, indices, next);
		if (err)
			folio_batch_remove_exceptionals(&batch);
		/* A folio can be moved only while nobody else refers to it. */
		folio_batch_release(&batch);

		/* Together, if that succeeds; else, or if it does not help, alone. */
		if (err == -EAGAIN && move > next) {
			memfd_luo_move(file, next, move);
			moved = move;
			err = 0;
		} else if (err == -EAGAIN) {
			err = memfd_luo_collect_one(file, &next, list);
		}
		/*
		 * Not where find_get_entries() left off: a large folio that
		 * was swapped out may have come in by single pages.
		 */
		start = next;
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	return err ?: memfd_luo_list_close(list);
}

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
