// SPDX-License-Identifier: GPL-2.0
/*
 * The format memfd-extents-v1, written and read.
 *
 * Built with LIVEUPDATE, without LIVEUPDATE_MEMFD too: a kernel that cannot
 * make a memfd of a record can still free what it holds.
 */
#define pr_fmt(fmt) "memfd_luo: " fmt

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/siphash.h>
#include <linux/string.h>

#include "memfd_luo_extents.h"

static_assert(MEMFD_LUO_HEADER_SIZE <= PAGE_SIZE);

static unsigned int memfd_luo_max_order(void)
{
	return min_t(unsigned int, MAX_PAGECACHE_ORDER, MAX_PAGE_ORDER);
}

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
			 struct memfd_luo_block *first)
{
	*list = (struct memfd_luo_list) {
		.first = first,
		.last = first,
		.capacity = MEMFD_LUO_INLINE,
	};
}

static int memfd_luo_list_grow(struct memfd_luo_list *list)
{
	struct memfd_luo_block *block = kho_alloc_preserve(PAGE_SIZE);

	if (IS_ERR(block))
		return PTR_ERR(block);

	list->last->next = virt_to_phys(block);
	list->last = block;
	list->capacity = memfd_luo_block_capacity(PAGE_SIZE);
	list->nr_blocks++;
	return 0;
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

	if (list->last->count == list->capacity) {
		err = memfd_luo_list_grow(list);
		if (err)
			return err;
	}

	err = memfd_luo_preserve_pages(*run);
	if (err)
		return err;

	memfd_luo_extents(list->last)[list->last->count++] = memfd_luo_pack(run);
	list->nr_extents++;
	list->nr_pages += run->nr;
	run->nr = 0;
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
	int err;

	if (WARN_ON_ONCE(index < list->end))
		return -EINVAL;
	if (nr > MEMFD_LUO_NR_MAX || pfn > MEMFD_LUO_PFN_MAX)
		return -ERANGE;

	if (!memfd_luo_run_extend(&list->open, index, pfn, nr)) {
		err = memfd_luo_list_close(list);
		if (err)
			return err;
		list->open = (struct memfd_luo_run) { index, pfn, nr };
	}
	list->end = index + nr;
	return 0;
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
			kho_unpreserve_free(block);
	}

	if (list->open.nr)
		release(list->open.pfn, list->open.nr);

	first->next = 0;
	first->count = 0;
	memfd_luo_list_init(list, first);
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

/*
 * A damaged record may name what belongs to another file, and holds it until
 * that is found out: nobody else looks meanwhile.
 */
static DEFINE_MUTEX(memfd_luo_claiming);

/* How far claiming got, so that it can be undone. */
struct memfd_luo_claims {
	u64 blocks[MEMFD_LUO_CHAINS];
	u64 units;
};

static bool memfd_luo_claim_page(u64 phys)
{
	int order = kho_claim(phys);

	if (order > 0)
		kho_unclaim(phys);
	return !order;
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
		if (!memfd_luo_claim_page(block->next))
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

static void memfd_luo_unclaim(struct memfd_luo_header *header,
			      struct memfd_luo_claims *claims)
{
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
	kho_unclaim(virt_to_phys(header));
}

static const char *memfd_luo_claim(const struct memfd_luo_header *header,
				   u64 tag, struct memfd_luo_claims *claims)
{
	const char *bad;

	bad = memfd_luo_header_bad(header, PAGE_SHIFT, MAX_LFS_FILESIZE);
	for (int i = 0; !bad && i < MEMFD_LUO_CHAINS; i++)
		bad = memfd_luo_claim_chain(&header->chain[i].block,
					    &claims->blocks[i]);
	bad = bad ?: memfd_luo_claim_extents(header, &claims->units);
	if (!bad && header->sum != memfd_luo_sum(header, tag))
		bad = "sum";
	return bad;
}

/**
 * memfd_luo_open - take a record from the previous kernel
 * @reader: to read it with
 * @data:   where it is; any value
 * @tag:    liveupdate_file_tag() of the file that it must be
 *
 * Everything the record names is checked and claimed before anything is
 * restored.
 *
 * Return: 0, or -EUCLEAN with all as it was.
 */
int memfd_luo_open(struct memfd_luo_reader *reader, u64 data, u64 tag)
{
	struct memfd_luo_claims claims = {};
	const char *bad = "address";

	guard(mutex)(&memfd_luo_claiming);

	*reader = (struct memfd_luo_reader) {};
	if (memfd_luo_claim_page(data)) {
		reader->header = phys_to_virt(data);
		bad = memfd_luo_claim(reader->header, tag, &claims);
		if (!bad) {
			memfd_luo_iter_init(&reader->iter, reader->header);
			return 0;
		}
		memfd_luo_unclaim(reader->header, &claims);
	}
	pr_warn_ratelimited("record at %#llx is damaged (%s): left as it is\n", data, bad);
	return -EUCLEAN;
}

/**
 * memfd_luo_read - the next area to restore
 * @reader: opened
 * @unit:   what KHO knows as one area
 *
 * Return: false when there are no more.
 */
bool memfd_luo_read(struct memfd_luo_reader *reader, struct memfd_luo_run *unit)
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

/* Free the record itself, once what it names has been read. */
void memfd_luo_free_record(struct memfd_luo_header *header)
{
	guard(mutex)(&memfd_luo_claiming);

	for (int i = 0; i < MEMFD_LUO_CHAINS; i++) {
		u64 phys = header->chain[i].block.next;

		while (phys) {
			void *block = phys_to_virt(phys);

			phys = memfd_luo_block_at(phys)->next;
			kho_restore_free(block);
		}
	}
	kho_restore_free(header);
}

/* Free what has not been read yet, and the record. */
void memfd_luo_free_all(struct memfd_luo_reader *reader)
{
	struct memfd_luo_run unit;
	struct folio *folio;

	while (memfd_luo_read(reader, &unit)) {
		folio = kho_restore_folio(PFN_PHYS(unit.pfn));
		if (folio)
			folio_put(folio);
		cond_resched();
	}
	memfd_luo_free_record(reader->header);
}

/**
 * memfd_luo_reclaim - free the memory of a memfd that nobody took back
 * @data: where its record is; any value
 * @tag:  liveupdate_file_tag() of the file
 *
 * Return: 0, or -EUCLEAN with all as it was.
 */
int memfd_luo_reclaim(u64 data, u64 tag)
{
	struct memfd_luo_reader reader;
	int err = memfd_luo_open(&reader, data, tag);

	if (!err)
		memfd_luo_free_all(&reader);
	return err;
}

/**
 * memfd_luo_record_bytes - how much memory a record says that it holds
 * @data: where it is; any value
 *
 * For display: what the record says has not been checked yet.
 *
 * Return: bytes, 0 if there is no record.
 */
u64 memfd_luo_record_bytes(u64 data)
{
	const struct memfd_luo_header *header;

	guard(mutex)(&memfd_luo_claiming);

	if (kho_preserved_order(data))
		return 0;

	header = phys_to_virt(data);
	return (min(header->nr_pages, get_num_physpages()) + 1) << PAGE_SHIFT;
}
