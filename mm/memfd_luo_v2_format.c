// SPDX-License-Identifier: GPL-2.0
/*
 * The format memfd-v2, read.
 *
 * The array of folios is read where its pages lie. kho_restore_vmalloc() would
 * take memory by a count that nobody has checked, and can't be undone half way.
 */
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "memfd_luo_reader.h"

#define MEMFD_LUO_V2_PER_PAGE	(PAGE_SIZE / sizeof(struct memfd_luo_folio_ser))

static const char *memfd_luo_v2_bad(const struct memfd_luo_ser *ser)
{
	if (ser->size > MAX_LFS_FILESIZE)
		return "size";
	if (ser->pos > MAX_LFS_FILESIZE)
		return "pos";
	if (ser->seals & ~MEMFD_LUO_ALL_SEALS)
		return "seals";
	if (ser->flags)
		return "flags";
	if (ser->folios.order > MAX_PAGE_ORDER)
		return "order of the array";
	return NULL;
}

static const struct kho_vmalloc_chunk *memfd_luo_v2_chunk_at(u64 phys)
{
	return phys ? phys_to_virt(phys) : NULL;
}

static void memfd_luo_v2_start(struct memfd_luo_reader *reader)
{
	const struct memfd_luo_ser *ser = reader->ser;

	reader->cursor = (struct memfd_luo_v2_cursor) {
		.chunk = memfd_luo_v2_chunk_at(ser->folios.first.phys),
		.left = ser->nr_folios,
	};
}

/* The array is claimed, and has room for as many as there are. */
static const struct memfd_luo_folio_ser *
memfd_luo_v2_next(struct memfd_luo_reader *reader)
{
	struct memfd_luo_v2_cursor *cursor = &reader->cursor;
	const struct memfd_luo_folio_ser *area;

	if (!cursor->left)
		return NULL;
	cursor->left--;

	if (cursor->entry == MEMFD_LUO_V2_PER_PAGE << reader->ser->folios.order) {
		cursor->entry = 0;
		cursor->area++;
	}
	if (cursor->area == KHO_VMALLOC_SIZE) {
		cursor->area = 0;
		cursor->chunk = memfd_luo_v2_chunk_at(cursor->chunk->hdr.next.phys);
	}
	area = phys_to_virt(cursor->chunk->phys[cursor->area]);
	return area + cursor->entry++;
}

/* Only the last chunk may have room left; zero ends it. */
static const char *memfd_luo_v2_claim_chunk(const struct kho_vmalloc_chunk *chunk,
					    unsigned int order, u64 *areas)
{
	for (u32 i = 0; i < KHO_VMALLOC_SIZE; i++) {
		if (!chunk->phys[i])
			return chunk->hdr.next.phys ? "next" : NULL;
		if (!memfd_luo_claim_area(chunk->phys[i], order))
			return "page of the array";
		(*areas)++;
	}
	return NULL;
}

static const char *memfd_luo_v2_claim_array(const struct memfd_luo_ser *ser,
					    u64 *chunks, u64 *areas)
{
	const unsigned int order = ser->folios.order;
	u64 phys = ser->folios.first.phys;

	while (phys) {
		const struct kho_vmalloc_chunk *chunk;
		const char *bad;

		/* A cycle ends here: its first chunk has been claimed. */
		if (!memfd_luo_claim_area(phys, 0))
			return "chunk";
		(*chunks)++;
		chunk = memfd_luo_v2_chunk_at(phys);
		bad = memfd_luo_v2_claim_chunk(chunk, order, areas);
		if (bad)
			return bad;
		phys = chunk->hdr.next.phys;
		cond_resched();
	}

	if (*areas << order != ser->folios.total_pages)
		return "total_pages";
	if (ser->nr_folios > ser->folios.total_pages * (u64)MEMFD_LUO_V2_PER_PAGE)
		return "nr_folios";
	return NULL;
}

static const char *memfd_luo_v2_claim_folios(struct memfd_luo_reader *reader,
					     u64 *claimed)
{
	const u64 max_pages = ((u64)MAX_LFS_FILESIZE >> PAGE_SHIFT) + 1;
	const u64 size_pages = DIV_ROUND_UP_ULL(reader->ser->size, PAGE_SIZE);
	const struct memfd_luo_folio_ser *entry;
	u64 end = 0;

	memfd_luo_v2_start(reader);
	while ((entry = memfd_luo_v2_next(reader))) {
		struct memfd_luo_run run = { .index = entry->index, .pfn = entry->pfn };
		int order = kho_claim(PFN_PHYS(run.pfn));

		if (order < 0)
			return "folio";
		(*claimed)++;
		if (order > (int)memfd_luo_max_order())
			return "order of a folio";
		run.nr = 1ULL << order;
		if (run.index & (run.nr - 1) ||
		    !memfd_luo_run_ok(&run, end, size_pages, max_pages))
			return "index of a folio";
		if (entry->flags & ~(MEMFD_LUO_FOLIO_DIRTY | MEMFD_LUO_FOLIO_UPTODATE))
			return "flags of a folio";
		end = run.index + run.nr;
		cond_resched();
	}
	return NULL;
}

static const char *memfd_luo_v2_claim(struct memfd_luo_reader *reader, u64 tag,
				      struct memfd_luo_claims *claims)
{
	const char *bad;

	bad = memfd_luo_v2_bad(reader->ser);
	bad = bad ?: memfd_luo_v2_claim_array(reader->ser, &claims->blocks[0],
					      &claims->blocks[1]);
	bad = bad ?: memfd_luo_v2_claim_folios(reader, &claims->units);
	if (!bad)
		memfd_luo_v2_start(reader);
	return bad;
}

static void memfd_luo_v2_unclaim(struct memfd_luo_reader *reader,
				 struct memfd_luo_claims *claims)
{
	u64 phys = reader->ser->folios.first.phys;

	if (claims->units)
		memfd_luo_v2_start(reader);
	for (; claims->units; claims->units--)
		kho_unclaim(PFN_PHYS(memfd_luo_v2_next(reader)->pfn));

	for (; claims->blocks[0]; claims->blocks[0]--) {
		const struct kho_vmalloc_chunk *chunk = memfd_luo_v2_chunk_at(phys);

		for (u32 i = 0; i < KHO_VMALLOC_SIZE && claims->blocks[1]; i++) {
			kho_unclaim(chunk->phys[i]);
			claims->blocks[1]--;
		}
		kho_unclaim(phys);
		phys = chunk->hdr.next.phys;
	}
}

static bool memfd_luo_v2_read(struct memfd_luo_reader *reader,
			      struct memfd_luo_run *unit)
{
	const struct memfd_luo_folio_ser *entry = memfd_luo_v2_next(reader);

	if (!entry)
		return false;

	unit->index = entry->index;
	unit->pfn = entry->pfn;
	unit->nr = 1ULL << kho_preserved_order(PFN_PHYS(unit->pfn));
	reader->zero = !(entry->flags & MEMFD_LUO_FOLIO_UPTODATE);
	return true;
}

static void memfd_luo_v2_free_record(struct memfd_luo_reader *reader)
{
	u64 phys = reader->ser->folios.first.phys;

	while (phys) {
		struct kho_vmalloc_chunk *chunk = phys_to_virt(phys);

		for (u32 i = 0; i < KHO_VMALLOC_SIZE && chunk->phys[i]; i++)
			kho_restore_free(phys_to_virt(chunk->phys[i]));
		phys = chunk->hdr.next.phys;
		kho_restore_free(chunk);
		cond_resched();
	}
	kho_restore_free(reader->ser);
}

/* How large the folios are is not in it. */
static u64 memfd_luo_v2_pages(const void *record)
{
	const struct memfd_luo_ser *ser = record;
	const u64 size_pages = DIV_ROUND_UP_ULL(ser->size, PAGE_SIZE);
	const unsigned int order = memfd_luo_max_order();

	return ser->nr_folios < size_pages >> order ? ser->nr_folios << order :
						      size_pages;
}

const struct memfd_luo_format memfd_luo_v2_format = {
	.compatible = MEMFD_LUO_FH_COMPATIBLE,
	.claim = memfd_luo_v2_claim,
	.unclaim = memfd_luo_v2_unclaim,
	.read = memfd_luo_v2_read,
	.free_record = memfd_luo_v2_free_record,
	.pages = memfd_luo_v2_pages,
};
