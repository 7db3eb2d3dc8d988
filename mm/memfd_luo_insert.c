// SPDX-License-Identifier: GPL-2.0
/*
 * Live update of memfds: putting folios into the page cache of a file that nobody
 * else has yet, many at a time.
 *
 * What is the same for all of them is done once: accounting to the inode, the
 * i_pages lock, the way down the tree, statistics.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include <trace/events/pagemap.h>

#include "internal.h"
#include "memfd_luo_insert.h"

/**
 * memfd_luo_batch_add - take a folio into a batch
 * @batch: not full
 * @folio: refers to it, once; nobody else does
 * @index: where in the file it belongs: behind all that were added before
 */
void memfd_luo_batch_add(struct memfd_luo_batch *batch, struct folio *folio,
			 pgoff_t index)
{
	__folio_set_locked(folio);
	__folio_set_swapbacked(folio);
	__folio_mark_uptodate(folio);
	folio_set_dirty(folio);
	folio->index = index;
	batch->folios[batch->nr++] = folio;
}

/* How many of them are charged: all, or those before the one that gives @err. */
static int memfd_luo_batch_charge(struct memfd_luo_batch *batch, gfp_t gfp,
				  int *err)
{
	int i;

	for (i = 0; i < batch->nr; i++) {
		*err = mem_cgroup_charge(batch->folios[i], NULL, gfp);
		if (*err)
			break;
	}
	return i;
}

/*
 * What xas_store() would do with a single page in a slot that is free, beside the one in
 * which @xas has just stored another: nearly all pages, at a tenth of the price. Nobody is
 * to be told of a change of the node: shmem has no xa_update.
 */
static bool memfd_luo_store_beside(struct xa_state *xas, struct folio *folio)
{
	struct xa_node *node = xas->xa_node;
	const unsigned char offset = xas->xa_offset + 1;

	if (xas_invalid(xas) || !node || node->shift ||
	    folio->index != xas->xa_index + 1 || offset == XA_CHUNK_SIZE ||
	    folio_test_large(folio) || xa_entry_locked(xas->xa, node, offset))
		return false;

	xas->xa_index++;
	xas->xa_offset = offset;
	rcu_assign_pointer(node->slots[offset], folio);
	node->count++;
	return true;
}

static bool memfd_luo_store(struct xa_state *xas, struct folio *folio,
			    struct address_space *mapping)
{
	const long pages = folio_nr_pages(folio);

	folio_ref_add(folio, pages);
	folio->mapping = mapping;
	if (!memfd_luo_store_beside(xas, folio)) {
		xas_set_order(xas, folio->index, folio_order(folio));
		WARN_ON_ONCE(xas_store(xas, folio));
	}
	if (!xas_error(xas)) {
		mapping->nrpages += pages;
		return true;
	}
	folio->mapping = NULL;
	folio_ref_sub(folio, pages);
	return false;
}

/*
 * Store folios from the one at @first up to @nr, with one lock. Return: how many of
 * the batch are stored; fewer than @nr where xas_nomem() is to help.
 */
static int memfd_luo_batch_store_some(struct memfd_luo_batch *batch, int first,
				      int nr, struct xa_state *xas,
				      struct address_space *mapping)
{
	int i;

	guard(spinlock_irq)(&mapping->i_pages.xa_lock);
	for (i = first; i < nr; i++) {
		if (!memfd_luo_store(xas, batch->folios[i], mapping))
			break;
	}
	return i;
}

static int memfd_luo_batch_store(struct memfd_luo_batch *batch, int nr,
				 struct address_space *mapping, gfp_t gfp,
				 int *err)
{
	XA_STATE(xas, &mapping->i_pages, 0);
	int stored = 0;

	if (!nr)
		return 0;
	do {
		stored = memfd_luo_batch_store_some(batch, stored, nr, &xas,
						    mapping);
	} while (xas_nomem(&xas, gfp & GFP_RECLAIM_MASK));

	if (stored < nr)
		*err = xas_error(&xas);
	return stored;
}

/* Folios that are counted together: those of one lruvec in one zone. */
struct memfd_luo_lru {
	struct lruvec *lruvec;	/* is locked */
	enum zone_type zid;
	long pages, huge;	/* as shmem_add_to_page_cache() counts them */
	long listed;		/* as lruvec_add_folio() does, but for CONFIG_LRU_GEN */
};

static void memfd_luo_lru_count(struct memfd_luo_lru *lru)
{
	if (lru->pages) {
		mod_lruvec_state(lru->lruvec, NR_FILE_PAGES, lru->pages);
		mod_lruvec_state(lru->lruvec, NR_SHMEM, lru->pages);
	}
	if (lru->huge)
		mod_lruvec_state(lru->lruvec, NR_SHMEM_THPS, lru->huge);
	if (lru->listed)
		update_lru_size(lru->lruvec, LRU_INACTIVE_ANON, lru->zid,
				lru->listed);
	lru->pages = 0;
	lru->huge = 0;
	lru->listed = 0;
}

static void memfd_luo_lru_add(struct memfd_luo_lru *lru, struct folio *folio)
{
	const long pages = folio_nr_pages(folio);

	/* New, and of a file that is not locked in memory */
	VM_WARN_ON_ONCE_FOLIO(folio_test_lru(folio), folio);
	VM_WARN_ON_ONCE_FOLIO(folio_lru_list(folio) != LRU_INACTIVE_ANON, folio);

	if (!lru->lruvec || lru->zid != folio_zonenum(folio) ||
	    !folio_matches_lruvec(folio, lru->lruvec)) {
		memfd_luo_lru_count(lru);
		lru->lruvec = folio_lruvec_relock_irq(folio, lru->lruvec);
		lru->zid = folio_zonenum(folio);
	}

	lru->pages += pages;
	if (folio_test_pmd_mappable(folio))
		lru->huge += pages;
	if (!lru_gen_add_folio(lru->lruvec, folio, false)) {
		list_add(&folio->lru, &lru->lruvec->lists[LRU_INACTIVE_ANON]);
		lru->listed += pages;
	}
	trace_mm_lru_insertion(folio);
	folio_set_lru(folio);
}

/*
 * As folio_add_lru() does with its batches of folios that are new. It counts each by itself,
 * which was two fifths of what it costs to take a page back; here all are counted at once.
 */
static void memfd_luo_batch_add_lru(struct memfd_luo_batch *batch, int nr)
{
	struct memfd_luo_lru lru = {};

	for (int i = 0; i < nr; i++)
		memfd_luo_lru_add(&lru, batch->folios[i]);
	if (lru.lruvec) {
		memfd_luo_lru_count(&lru);
		lruvec_unlock_irq(lru.lruvec);
	}
}

/**
 * memfd_luo_batch_insert - put the folios of a batch into the page cache
 * @batch:   empty afterwards; what could not be inserted is still in it
 * @mapping: of a memfd that is in nobody else's hands
 *
 * Return: 0, or -ENOMEM: rather fail, and be tried again, than have somebody killed.
 */
int memfd_luo_batch_insert(struct memfd_luo_batch *batch,
			   struct address_space *mapping)
{
	const gfp_t gfp = mapping_gfp_mask(mapping) | __GFP_RETRY_MAYFAIL |
			  __GFP_NOWARN;
	int charged, stored, err = 0;
	long pages = 0;

	for (int i = 0; i < batch->nr; i++)
		pages += folio_nr_pages(batch->folios[i]);
	if (!pages)
		return 0;
	if (shmem_inode_acct_blocks(mapping->host, pages))
		return -ENOMEM;

	charged = memfd_luo_batch_charge(batch, gfp, &err);
	stored = memfd_luo_batch_store(batch, charged, mapping, gfp, &err);
	for (int i = stored; i < charged; i++)
		mem_cgroup_uncharge(batch->folios[i]);

	memfd_luo_batch_add_lru(batch, stored);
	for (int i = 0; i < stored; i++) {
		folio_unlock(batch->folios[i]);
		folio_put(batch->folios[i]);
	}
	batch->nr -= stored;
	memmove(batch->folios, batch->folios + stored,
		batch->nr * sizeof(*batch->folios));

	/* Takes what was accounted and not inserted off the account again. */
	shmem_recalc_inode(mapping->host, pages, 0);
	return err;
}

/* Free the folios that are in a batch. */
void memfd_luo_batch_drop(struct memfd_luo_batch *batch)
{
	while (batch->nr) {
		struct folio *folio = batch->folios[--batch->nr];

		folio_unlock(folio);
		folio_put(folio);
	}
}
