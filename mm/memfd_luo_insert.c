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
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

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

/* Pages that are counted together: those of one node and one cgroup, which @of has. */
struct memfd_luo_count {
	struct folio *of;
	long pages;
	long huge;
};

/* As shmem_add_to_page_cache() counts them. */
static void memfd_luo_count_flush(struct memfd_luo_count *count)
{
	if (count->pages) {
		lruvec_stat_mod_folio(count->of, NR_FILE_PAGES, count->pages);
		lruvec_stat_mod_folio(count->of, NR_SHMEM, count->pages);
	}
	if (count->huge)
		lruvec_stat_mod_folio(count->of, NR_SHMEM_THPS, count->huge);
}

static void memfd_luo_count_folio(struct memfd_luo_count *count,
				  struct folio *folio)
{
	const long pages = folio_nr_pages(folio);

	if (count->of && (folio_nid(folio) != folio_nid(count->of) ||
			  folio_memcg(folio) != folio_memcg(count->of))) {
		memfd_luo_count_flush(count);
		*count = (struct memfd_luo_count) {};
	}
	if (!count->of)
		count->of = folio;
	count->pages += pages;
	if (folio_test_pmd_mappable(folio))
		count->huge += pages;
}

static bool memfd_luo_store(struct xa_state *xas, struct folio *folio,
			    struct address_space *mapping)
{
	const long pages = folio_nr_pages(folio);

	folio_ref_add(folio, pages);
	folio->mapping = mapping;
	WARN_ON_ONCE(xas_store(xas, folio));
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
	struct memfd_luo_count count = {};
	int i;

	guard(rcu)();
	guard(spinlock_irq)(&mapping->i_pages.xa_lock);
	for (i = first; i < nr; i++) {
		struct folio *folio = batch->folios[i];

		/* From one slot to the next there is a shorter way. */
		if (i > first && !folio_test_large(folio) &&
		    !folio_test_large(batch->folios[i - 1]) &&
		    folio->index == batch->folios[i - 1]->index + 1)
			xas_next(xas);
		else
			xas_set_order(xas, folio->index, folio_order(folio));
		if (!memfd_luo_store(xas, folio, mapping))
			break;
		memfd_luo_count_folio(&count, folio);
	}
	memfd_luo_count_flush(&count);
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

	for (int i = 0; i < stored; i++) {
		folio_add_lru(batch->folios[i]);
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
