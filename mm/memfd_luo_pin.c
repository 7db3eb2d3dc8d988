// SPDX-License-Identifier: GPL-2.0
/*
 * Live update of memfds: finding the pages of one, and pinning them.
 *
 * A page is pinned under the i_pages lock while its folio is not locked, or under its
 * folio lock. Until then it may move, be swapped out or merged into a larger one; from
 * then on it stays what and where it is, as truncation and hole punching are refused.
 *
 * Locks: inode lock > folio lock > i_pages lock, see memfd_luo_take.c.
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

pgoff_t memfd_luo_size_pages(struct file *file)
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

/* Undo the pinning of a run of folios. */
void memfd_luo_unpin(u64 pfn, u64 nr)
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
 * Pin what needs nothing else. Whoever wants the folio out of the file or in another
 * place looks at its references under the i_pages lock. Writing it to swap does not: it
 * does with the folio locked, so the reference comes before the look at the lock.
 */
static bool memfd_luo_pin_quick(struct folio *folio)
{
	if (xa_is_value(folio) || !folio_test_dirty(folio) ||
	    !folio_test_uptodate(folio) ||
	    folio_contain_hwpoisoned_page(folio) ||
	    !folio_is_longterm_pinnable(folio) ||
	    try_grab_folio(folio, 1, FOLL_PIN))
		return false;

	/* Pairs with the lock that whoever writes to swap takes before he looks. */
	smp_mb__after_atomic();
	if (!folio_test_locked(folio))
		return true;
	unpin_folio(folio);
	return false;
}

/*
 * Pin folios from @next on as long as that is quick, and make runs of them, behind those
 * there are or by making the last one longer. Moves @next behind them. Return: 0 if there
 * is no more, or no room; -EAGAIN if it takes more to pin the one at @next.
 */
static int memfd_luo_pin_runs(struct file *file, pgoff_t *next, pgoff_t end,
			      bool apart, struct memfd_luo_run *runs, int *nr_runs)
{
	XA_STATE(xas, &file->f_mapping->i_pages, *next);
	struct memfd_luo_run *run = *nr_runs ? &runs[*nr_runs - 1] : NULL;
	struct folio *folio;
	/* Nor is the i_pages lock held for longer. */
	int budget = MEMFD_LUO_RUNS_MAX;

	guard(spinlock_irq)(&file->f_mapping->i_pages.xa_lock);
	xas_for_each(&xas, folio, end - 1) {
		if (!budget--)
			return 0;
		if (!memfd_luo_pin_quick(folio)) {
			*next = xas.xa_index;
			return -EAGAIN;
		}
		*next = folio_next_index(folio);
		/* Else it goes through the slots of a large folio one by one. */
		if (folio_test_large(folio))
			xas_advance(&xas, *next - 1);
		if (!apart && run &&
		    memfd_luo_run_extend(run, folio->index, folio_pfn(folio),
					 folio_nr_pages(folio)))
			continue;
		run = &runs[(*nr_runs)++];
		*run = (struct memfd_luo_run) {
			folio->index, folio_pfn(folio), folio_nr_pages(folio),
		};
	}
	*next = end;
	return 0;
}

/* Pin and add what can be pinned where it is, as memfd_luo_pin_runs() does. */
static int memfd_luo_collect_runs(struct file *file, pgoff_t *next, pgoff_t end,
				  struct memfd_luo_list *list)
{
	/* Not cleared: that costs as much as a page. */
	struct memfd_luo_run runs[MEMFD_LUO_RUNS_MAX + 1] __uninitialized;
	int nr = memfd_luo_list_reopen(list, &runs[0]), added, ret, err;

	ret = memfd_luo_pin_runs(file, next, end, list->apart, runs, &nr);
	err = memfd_luo_list_add_runs(list, runs, nr, &added);
	for (; added < nr; added++)
		memfd_luo_unpin(runs[added].pfn, runs[added].nr);
	return err ?: ret;
}

/*
 * Where the last folio ends that must be moved, of those that lie side by side from @start
 * on. They are looked at already or made dirty here, those between them as well. What is
 * poisoned is on no LRU list, and memfd_pin_folios() would try to move it for ever.
 */
static pgoff_t memfd_luo_movable_end(struct file *file,
				     struct folio_batch *batch,
				     const pgoff_t *indices, pgoff_t start)
{
	pgoff_t next = start, end = start;

	for (int i = 0; i < folio_batch_count(batch); i++) {
		struct folio *folio = batch->folios[i];
		bool ok;

		if (indices[i] < start)
			continue;
		if (indices[i] != next || xa_is_value(folio))
			break;

		folio_lock(folio);
		ok = folio->mapping == file->f_mapping &&
		     folio_test_uptodate(folio) && folio->index == next &&
		     !folio_contain_hwpoisoned_page(folio);
		if (ok) {
			folio_mark_dirty(folio);
			next = folio_next_index(folio);
			if (!folio_is_longterm_pinnable(folio))
				end = next;
		}
		folio_unlock(folio);
		if (!ok)
			break;
	}
	return min(end, memfd_luo_size_pages(file));
}

/*
 * Move the folio at @start, and those shortly behind it that must be, to where they can be
 * pinned. Return: where they end; @start if none could be.
 */
static pgoff_t memfd_luo_move_run(struct file *file, pgoff_t start, pgoff_t end)
{
	pgoff_t indices[FOLIO_BATCH_SIZE], from = start, move = start;
	struct folio_batch batch;

	folio_batch_init(&batch);
	if (find_get_entries(file->f_mapping, &from, end - 1, &batch, indices)) {
		move = memfd_luo_movable_end(file, &batch, indices, start);
		/* A folio can be moved only while nobody else refers to it. */
		folio_batch_remove_exceptionals(&batch);
		folio_batch_release(&batch);
	}
	if (move > start)
		memfd_luo_move(file, start, move);
	return move;
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

/**
 * memfd_luo_collect - pin and preserve pages of a memfd
 * @file:  its size is fixed
 * @start: the first page; neither it nor those behind it are preserved yet
 * @end:   the page behind the last one
 * @list:  what they are added to
 *
 * Return: 0, or an errno; what has been pinned until then is in the list.
 */
int memfd_luo_collect(struct file *file, pgoff_t start, pgoff_t end,
		      struct memfd_luo_list *list)
{
	pgoff_t next = start, moved = start;
	int err = 0;

	while (!err && next < end) {
		err = memfd_luo_collect_runs(file, &next, end, list);
		if (err == -EAGAIN && next >= moved) {
			/* Together, if that succeeds; else, or if it does not help, alone. */
			moved = memfd_luo_move_run(file, next, end);
			if (moved > next)
				err = 0;
		}
		if (err == -EAGAIN)
			err = memfd_luo_collect_one(file, &next, list);
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	return err ?: memfd_luo_list_close(list);
}
