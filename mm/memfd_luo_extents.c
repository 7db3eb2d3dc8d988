// SPDX-License-Identifier: GPL-2.0
/*
 * The format memfd-extents-v1, written and read.
 *
 * Built with LIVEUPDATE, without LIVEUPDATE_MEMFD too: a kernel that cannot
 * make a memfd of a record can still free what it holds.
 */
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/siphash.h>
#include <linux/string.h>

#include "memfd_luo_extents.h"

static_assert(MEMFD_LUO_HEADER_SIZE <= PAGE_SIZE);
static_assert(MEMFD_LUO_RUNS_MAX <= 32); /* memfd_luo_list_put_runs() has a bit for each */

/* Writing */

static void memfd_luo_unpreserve_pages(struct memfd_luo_run run, u64 nr)
{
	while (nr) {
		u64 unit = 1ULL << memfd_luo_unit_order(&run, memfd_luo_max_order());

		kho_unpreserve_pages(pfn_to_page(run.pfn), unit);
		memfd_luo_run_advance(&run, unit);
		nr -= unit;
	}
}

static int memfd_luo_preserve_pages(struct memfd_luo_run run)
{
	const struct memfd_luo_run whole = run;

	while (run.nr) {
		u64 unit = 1ULL << memfd_luo_unit_order(&run, memfd_luo_max_order());
		int err = kho_preserve_pages(pfn_to_page(run.pfn), unit);

		if (err) {
			memfd_luo_unpreserve_pages(whole, whole.nr - run.nr);
			return err;
		}
		memfd_luo_run_advance(&run, unit);
	}
	return 0;
}

void memfd_luo_list_init(struct memfd_luo_list *list,
			 struct memfd_luo_block *first, bool apart)
{
	*list = (struct memfd_luo_list) {
		.apart = apart,
		.first = first,
		.last = first,
		.capacity = MEMFD_LUO_INLINE,
	};
}

/* A page for extents; @apart: the next kernel is not to have it. */
void *memfd_luo_alloc_block(bool apart)
{
	void *block;

	if (!apart)
		return kho_alloc_preserve(PAGE_SIZE);
	block = (void *)get_zeroed_page(GFP_KERNEL);
	return block ?: ERR_PTR(-ENOMEM);
}

static void memfd_luo_free_block(struct memfd_luo_block *block, bool apart)
{
	if (apart)
		free_page((unsigned long)block);
	else
		kho_unpreserve_free(block);
}

static int memfd_luo_list_grow(struct memfd_luo_list *list)
{
	struct memfd_luo_block *block = memfd_luo_alloc_block(list->apart);

	if (IS_ERR(block))
		return PTR_ERR(block);

	list->last->next = virt_to_phys(block);
	list->last = block;
	list->capacity = memfd_luo_block_capacity(PAGE_SIZE);
	list->nr_blocks++;
	return 0;
}

static inline int memfd_luo_list_room(struct memfd_luo_list *list)
{
	return list->last->count < list->capacity ? 0 : memfd_luo_list_grow(list);
}

/* There is room for it, and its pages are preserved. */
static inline void memfd_luo_list_append(struct memfd_luo_list *list,
					 const struct memfd_luo_run *run)
{
	memfd_luo_extents(list->last)[list->last->count++] = memfd_luo_pack(run);
	list->nr_extents++;
	list->nr_pages += run->nr;
}

/**
 * memfd_luo_list_close - preserve the open run and make it an extent
 * @list: the list; may have no open run
 *
 * Return: 0, or an errno with the run still open.
 */
int memfd_luo_list_close(struct memfd_luo_list *list)
{
	struct memfd_luo_run *run = &list->open;
	int err;

	if (!run->nr)
		return 0;

	err = memfd_luo_list_room(list) ?: memfd_luo_preserve_pages(*run);
	if (err)
		return err;

	memfd_luo_list_append(list, run);
	run->nr = 0;
	return 0;
}

/* Can @run be an extent behind what ends at @end? */
static inline int memfd_luo_run_check(const struct memfd_luo_run *run, u64 end)
{
	if (WARN_ON_ONCE(run->index < end))
		return -EINVAL;
	if (run->nr > MEMFD_LUO_NR_MAX || run->pfn > MEMFD_LUO_PFN_MAX)
		return -ERANGE;
	return 0;
}

/**
 * memfd_luo_list_add - add pages at the end of a list
 * @list:  the list
 * @index: where they are in the file: after all that is in the list
 * @pfn:   the first of them
 * @nr:    how many: whole folios
 *
 * Return: 0, or an errno with the list as it was.
 */
int memfd_luo_list_add(struct memfd_luo_list *list, u64 index, u64 pfn, u64 nr)
{
	const struct memfd_luo_run run = { index, pfn, nr };
	int err = memfd_luo_run_check(&run, list->end);

	if (err)
		return err;

	if (list->apart || !memfd_luo_run_extend(&list->open, index, pfn, nr)) {
		err = memfd_luo_list_close(list);
		if (err)
			return err;
		list->open = run;
	}
	list->end = index + nr;
	return 0;
}

/* Is @run one unit for KHO? Then @unit is that. */
static inline bool memfd_luo_run_is_unit(const struct memfd_luo_run *run,
					 struct kho_unit *unit)
{
	unit->pfn = run->pfn;
	unit->order = 0;
	if (run->nr > 1)
		unit->order = memfd_luo_unit_order(run, memfd_luo_max_order());
	return run->nr == 1ULL << unit->order;
}

/*
 * Make extents of runs that none extends. Those that are a unit each are preserved all at
 * once.
 */
static int memfd_luo_list_put_runs(struct memfd_luo_list *list,
				   const struct memfd_luo_run *runs, int nr,
				   int *added)
{
	/* Clearing all of them would cost as much as preserving one. */
	struct kho_unit units[MEMFD_LUO_RUNS_MAX] __uninitialized, *unit = units;
	u32 is_unit = 0;
	int i, err;

	for (i = 0; i < nr; i++) {
		err = memfd_luo_run_check(&runs[i], list->end);
		if (err)
			return err;
		if (memfd_luo_run_is_unit(&runs[i], unit)) {
			is_unit |= 1U << i;
			unit++;
		}
	}
	err = kho_preserve_units(units, unit - units);
	if (err)
		return err;

	for (i = 0; i < nr; i++) {
		err = memfd_luo_list_room(list);
		if (!err && !(is_unit & 1U << i))
			err = memfd_luo_preserve_pages(runs[i]);
		if (err)
			break;
		memfd_luo_list_append(list, &runs[i]);
	}
	*added = i;
	for (; i < nr; i++) {
		if (is_unit & 1U << i)
			kho_unpreserve_pages(pfn_to_page(runs[i].pfn), runs[i].nr);
	}
	return err;
}

/**
 * memfd_luo_list_reopen - take the open run off a list, to add it again with others
 * @list: the list
 * @run:  set to it; its pages are the caller's now
 *
 * Return: how many that are: 1 or 0.
 */
int memfd_luo_list_reopen(struct memfd_luo_list *list, struct memfd_luo_run *run)
{
	if (!list->open.nr)
		return 0;

	*run = list->open;
	list->open.nr = 0;
	list->end = run->index;
	return 1;
}

/**
 * memfd_luo_list_add_runs - add runs of pages at the end of a list
 * @list:  the list, without an open run
 * @runs:  as memfd_luo_list_add() takes them, none of which extends the one before it;
 *         the last one is open then
 * @nr:    how many, up to MEMFD_LUO_RUNS_MAX + 1
 * @added: set to how many of them are in the list
 *
 * Return: 0, or the errno for which the others are not.
 */
int memfd_luo_list_add_runs(struct memfd_luo_list *list,
			    const struct memfd_luo_run *runs, int nr, int *added)
{
	int err;

	*added = 0;
	if (!nr)
		return 0;
	err = memfd_luo_run_check(&runs[nr - 1], list->end) ?:
	      memfd_luo_list_put_runs(list, runs, nr - 1, added);
	if (!err) {
		list->open = runs[nr - 1];
		(*added)++;
	}
	if (*added)
		list->end = runs[*added - 1].index + runs[*added - 1].nr;
	return err;
}

/**
 * memfd_luo_list_drop - undo all that was done to a list since its init
 * @list:    the list
 * @release: called for each run of pages once it is not preserved any more
 */
void memfd_luo_list_drop(struct memfd_luo_list *list,
			 memfd_luo_release_t release)
{
	struct memfd_luo_block *first = list->first, *block = first, *next;

	for (; block; block = next) {
		next = block->next ? phys_to_virt(block->next) : NULL;

		for (u32 i = 0; i < block->count; i++) {
			struct memfd_luo_run run =
				memfd_luo_unpack(memfd_luo_extents(block) + i);

			memfd_luo_unpreserve_pages(run, run.nr);
			release(run.pfn, run.nr);
			cond_resched();
		}
		if (block != first)
			memfd_luo_free_block(block, list->apart);
	}

	if (list->open.nr)
		release(list->open.pfn, list->open.nr);

	first->next = 0;
	first->count = 0;
	memfd_luo_list_init(list, first, list->apart);
}

static u64 memfd_luo_sum(const struct memfd_luo_header *header, u64 tag)
{
	siphash_key_t key = { { tag, virt_to_phys((void *)header) } };
	const struct memfd_luo_block *block;

	key.key[0] = siphash(header, offsetof(struct memfd_luo_header, sum), &key);
	key.key[0] = siphash(header->name, strlen(header->name), &key);

	for (int i = 0; i < MEMFD_LUO_CHAINS; i++) {
		block = &header->chain[i].block;
		while (block) {
			key.key[0] = siphash(memfd_luo_extents(block),
					     block->count * sizeof(struct memfd_luo_extent),
					     &key);
			block = block->next ? phys_to_virt(block->next) : NULL;
		}
	}
	return key.key[0];
}

/**
 * memfd_luo_seal - make a record complete
 * @header: the record; anything that changes later makes it invalid
 * @tag:    liveupdate_file_tag() of the file
 */
void memfd_luo_seal(struct memfd_luo_header *header, u64 tag)
{
	header->sum = memfd_luo_sum(header, tag);
}

/* Reading */

const struct memfd_luo_block *memfd_luo_block_at(u64 phys)
{
	return phys_to_virt(phys);
}

static const char *memfd_luo_claim_chain(const struct memfd_luo_block *block,
					 u64 *claimed)
{
	u32 capacity = MEMFD_LUO_INLINE;
	const char *bad;

	while (true) {
		bad = memfd_luo_block_bad(block, capacity);
		if (bad || !block->next)
			return bad;
		/* A cycle ends here: its first block has been claimed. */
		if (!memfd_luo_claim_area(block->next, 0))
			return "next";
		(*claimed)++;
		block = memfd_luo_block_at(block->next);
		capacity = memfd_luo_block_capacity(PAGE_SIZE);
		cond_resched();
	}
}

static bool memfd_luo_claim_run(struct memfd_luo_run run, u64 *claimed)
{
	while (run.nr) {
		int order = kho_claim(PFN_PHYS(run.pfn));

		if (order < 0)
			return false;
		if (order > MAX_PAGE_ORDER || 1ULL << order > run.nr) {
			kho_unclaim(PFN_PHYS(run.pfn));
			return false;
		}
		(*claimed)++;
		memfd_luo_run_advance(&run, 1ULL << order);
	}
	return true;
}

static const char *
memfd_luo_claim_extents(const struct memfd_luo_header *header, u64 *claimed)
{
	const u64 max_pages = ((u64)MAX_LFS_FILESIZE >> PAGE_SHIFT) + 1;
	const u64 size_pages = DIV_ROUND_UP_ULL(header->size, PAGE_SIZE);
	u64 end = 0, nr_extents = 0, nr_pages = 0;
	struct memfd_luo_iter iter;
	struct memfd_luo_run run;

	memfd_luo_iter_init(&iter, header);
	while (memfd_luo_iter_next(&iter, &run, memfd_luo_block_at)) {
		if (!memfd_luo_run_ok(&run, end, size_pages, max_pages))
			return "extent";
		if (!memfd_luo_claim_run(run, claimed))
			return "pages of an extent";
		end = run.index + run.nr;
		nr_pages += run.nr;
		nr_extents++;
		cond_resched();
	}

	if (nr_extents != header->nr_extents)
		return "nr_extents";
	if (nr_pages != header->nr_pages)
		return "nr_pages";
	return NULL;
}

static void memfd_luo_extents_unclaim(struct memfd_luo_reader *reader,
				      struct memfd_luo_claims *claims)
{
	struct memfd_luo_header *header = reader->header;
	struct memfd_luo_iter iter;
	struct memfd_luo_run run = {};

	memfd_luo_iter_init(&iter, header);
	for (; claims->units; claims->units--) {
		int order;

		if (!run.nr && !memfd_luo_iter_next(&iter, &run, memfd_luo_block_at))
			break;
		order = kho_preserved_order(PFN_PHYS(run.pfn));
		kho_unclaim(PFN_PHYS(run.pfn));
		memfd_luo_run_advance(&run, 1ULL << order);
	}

	for (int i = 0; i < MEMFD_LUO_CHAINS; i++) {
		u64 phys = header->chain[i].block.next;

		for (; claims->blocks[i]; claims->blocks[i]--) {
			kho_unclaim(phys);
			phys = memfd_luo_block_at(phys)->next;
		}
	}
}

static const char *memfd_luo_extents_claim(struct memfd_luo_reader *reader,
					   u64 tag,
					   struct memfd_luo_claims *claims)
{
	const struct memfd_luo_header *header = reader->header;
	const char *bad;

	bad = memfd_luo_header_bad(header, PAGE_SHIFT, MAX_LFS_FILESIZE);
	for (int i = 0; !bad && i < MEMFD_LUO_CHAINS; i++)
		bad = memfd_luo_claim_chain(&header->chain[i].block,
					    &claims->blocks[i]);
	bad = bad ?: memfd_luo_claim_extents(header, &claims->units);
	if (!bad && header->sum != memfd_luo_sum(header, tag))
		bad = "sum";
	if (!bad)
		memfd_luo_iter_init(&reader->iter, header);
	return bad;
}

static bool memfd_luo_extents_read(struct memfd_luo_reader *reader,
				   struct memfd_luo_run *unit)
{
	if (!reader->rest.nr &&
	    !memfd_luo_iter_next(&reader->iter, &reader->rest, memfd_luo_block_at))
		return false;

	*unit = reader->rest;
	if (unit->nr > 1)
		unit->nr = 1ULL << kho_preserved_order(PFN_PHYS(unit->pfn));
	memfd_luo_run_advance(&reader->rest, unit->nr);
	return true;
}

static void memfd_luo_extents_free_record(struct memfd_luo_reader *reader)
{
	for (int i = 0; i < MEMFD_LUO_CHAINS; i++) {
		u64 phys = reader->header->chain[i].block.next;

		while (phys) {
			void *block = phys_to_virt(phys);

			phys = memfd_luo_block_at(phys)->next;
			kho_restore_free(block);
		}
	}
	kho_restore_free(reader->header);
}

static u64 memfd_luo_extents_pages(const void *record)
{
	const struct memfd_luo_header *header = record;

	return header->nr_pages;
}

const struct memfd_luo_format memfd_luo_extents_format = {
	.compatible = MEMFD_LUO_EXTENTS_COMPATIBLE,
	.claim = memfd_luo_extents_claim,
	.unclaim = memfd_luo_extents_unclaim,
	.read = memfd_luo_extents_read,
	.free_record = memfd_luo_extents_free_record,
	.pages = memfd_luo_extents_pages,
};
