// SPDX-License-Identifier: GPL-2.0
/*
 * The format memfd-v2: mm/memfd_luo_v2_format.c, as it is, against a KHO that checks how
 * it is used. Each field of a record is damaged in turn.
 */
#include "kernel.h"
#include "mm/memfd_luo_extents.c"
#include "mm/memfd_luo_reader.c"
#include "mm/memfd_luo_v2_format.c"

#include "kselftest.h"

#define TAG		0	/* the format has none */
#define PER_PAGE	(PAGE_SIZE / sizeof(struct memfd_luo_folio_ser))
/* More than a page of entries; and, with @chunk_pages, more than a chunk of pages. */
#define FOLIOS		600
#define ENTRIES		(DIV_ROUND_UP_ULL(FOLIOS, PER_PAGE))

static struct kho_vmalloc_chunk *chunk_add(struct memfd_luo_ser *ser,
					   struct kho_vmalloc_chunk *last)
{
	struct kho_vmalloc_chunk *chunk = kho_alloc_preserve(PAGE_SIZE);

	if (last)
		last->hdr.next.phys = virt_to_phys(chunk);
	else
		ser->folios.first.phys = virt_to_phys(chunk);
	return chunk;
}

/* A record of @nr folios, of 1, 2 or 4 pages, a hole after each; @pages for entries. */
static struct memfd_luo_ser *record(u64 pfn, u64 nr, u64 pages)
{
	struct memfd_luo_ser *ser = kho_alloc_preserve(PAGE_SIZE);
	struct kho_vmalloc_chunk *chunk = chunk_add(ser, NULL);
	struct memfd_luo_folio_ser *entry = NULL;
	u64 done = 0;

	for (u64 page = 0; page < pages; page++) {
		u64 in_chunk = page % KHO_VMALLOC_SIZE;

		if (page && !in_chunk)
			chunk = chunk_add(ser, chunk);
		entry = kho_alloc_preserve(PAGE_SIZE);
		chunk->phys[in_chunk] = virt_to_phys(entry);
		for (u64 i = 0; i < PER_PAGE && done < nr; i++, done++) {
			unsigned int order = done % 3;

			assert(!kho_preserve_pages(pfn_to_page(pfn + 4 * done), 1UL << order));
			entry[i].pfn = pfn + 4 * done;
			entry[i].index = 8 * done;
			entry[i].flags = MEMFD_LUO_FOLIO_DIRTY |
					 (done % 5 ? MEMFD_LUO_FOLIO_UPTODATE : 0);
		}
	}
	assert(done == nr);
	ser->size = 8 * nr * PAGE_SIZE;
	ser->nr_folios = nr;
	ser->folios.total_pages = pages;
	return ser;
}

static int open_record(struct memfd_luo_reader *reader, u64 data)
{
	return memfd_luo_open(reader, &memfd_luo_v2_format, data, TAG);
}

static int reclaim(u64 data)
{
	return memfd_luo_reclaim(MEMFD_LUO_FH_COMPATIBLE, data, TAG);
}

static bool test_read(u64 nr, u64 pages)
{
	struct memfd_luo_reader reader;
	struct memfd_luo_run unit;
	u64 n = 0;

	arena_reset();
	if (open_record(&reader, virt_to_phys(record(ARENA_PFN, nr, pages))) ||
	    arena_heads(false) != arena_heads(true))
		return false;
	for (; memfd_luo_read(&reader, &unit); n++) {
		if (unit.nr != 1U << n % 3 || unit.index != 8 * n ||
		    unit.pfn != ARENA_PFN + 4 * n || reader.zero != !(n % 5))
			return false;
		kho_restore_folio(PFN_PHYS(unit.pfn));
	}
	memfd_luo_free_record(&reader);
	return n == nr && arena_freed();
}

/* Read in part, as by a retrieve that fails, then freed. */
static bool test_free_rest(void)
{
	struct memfd_luo_reader reader;
	struct memfd_luo_run unit;

	arena_reset();
	if (open_record(&reader, virt_to_phys(record(ARENA_PFN, FOLIOS, ENTRIES))))
		return false;
	for (int i = 0; i < 300; i++) {
		memfd_luo_read(&reader, &unit);
		kho_restore_folio(PFN_PHYS(unit.pfn));
	}
	memfd_luo_free_all(&reader);
	return arena_freed();
}

static bool test_reclaim(void)
{
	u64 data;

	arena_reset();
	data = virt_to_phys(record(ARENA_PFN, FOLIOS, ENTRIES));
	return memfd_luo_reclaim("memfd-v3", data, TAG) == -EUNATCH && !reclaim(data) &&
	       arena_freed() && reclaim(data) == -EUCLEAN;
}

static bool test_owned_twice(void)
{
	struct memfd_luo_reader first, second;
	u64 data;

	arena_reset();
	data = virt_to_phys(record(ARENA_PFN, FOLIOS, ENTRIES));
	if (open_record(&first, data) || !open_record(&second, data))
		return false;
	memfd_luo_free_all(&first);
	return arena_freed();
}

static bool test_bytes(void)
{
	u64 data;

	arena_reset();
	data = virt_to_phys(record(ARENA_PFN, 3, 1));
	return memfd_luo_record_bytes(MEMFD_LUO_FH_COMPATIBLE, data) == 25 * PAGE_SIZE &&
	       !memfd_luo_record_bytes(MEMFD_LUO_FH_COMPATIBLE, data + 8);
}

/* What a damaged record may be: refused and untouched, or freed without a slip. */
static bool survives(u64 data)
{
	const u64 heads = arena_heads(false);
	struct memfd_luo_reader reader;

	if (open_record(&reader, data))
		return arena_heads(false) == heads && !arena_heads(true);
	memfd_luo_free_all(&reader);
	return !arena_heads(true);
}

enum { WHERE_SER, WHERE_CHUNK, WHERE_CHUNK_2, WHERE_ENTRIES, WHERE_ENTRIES_2, WHERES };

static void *place(struct memfd_luo_ser *ser, int where)
{
	struct kho_vmalloc_chunk *chunk = phys_to_virt(ser->folios.first.phys);

	switch (where) {
	case WHERE_SER:
		return ser;
	case WHERE_CHUNK:
		return chunk;
	case WHERE_CHUNK_2:
		return phys_to_virt(chunk->hdr.next.phys);
	default:
		return phys_to_virt(chunk->phys[where - WHERE_ENTRIES]);
	}
}

#define KINDS 10

static bool damage(int where, size_t offset, int size, int kind)
{
	const u64 pages = where == WHERE_CHUNK_2 ? KHO_VMALLOC_SIZE + 5 : ENTRIES;
	struct memfd_luo_ser *ser, *other;
	u64 values[KINDS], old = 0;
	void *base;

	arena_reset();
	ser = record(ARENA_PFN, FOLIOS, pages);
	other = record(ARENA_PFN + 3000, FOLIOS, ENTRIES);
	base = place(ser, where);
	memcpy(&old, base + offset, size);
	values[0] = 0;
	values[1] = old + 1;
	values[2] = old - 1;
	values[3] = ~0ULL;
	values[4] = old | 1ULL << (8 * size - 1);
	values[5] = PFN_PHYS(ARENA_PFN + 3);			/* not preserved */
	values[6] = ser->folios.first.phys;			/* a cycle */
	values[7] = other->folios.first.phys;			/* another file's */
	values[8] = virt_to_phys(place(other, WHERE_ENTRIES));	/* the same */
	values[9] = (ARENA_PFN + 3000) | 3ULL << 52;		/* a folio of another file */
	memcpy(base + offset, &values[kind], size);
	return survives(virt_to_phys(ser));
}

static bool test_damage(int where)
{
	for (size_t offset = 0; offset < (where ? PAGE_SIZE : sizeof(struct memfd_luo_ser));
	     offset += 2) {
		/* All entries are alike; some do. */
		if (offset >= 64 && offset % 1024 >= 16 && offset < PAGE_SIZE - 16)
			continue;
		for (int kind = 0; kind < KINDS; kind++) {
			if (!damage(where, offset, 2, kind) ||
			    (!(offset % 4) && !damage(where, offset, 4, kind)) ||
			    (!(offset % 8) && !damage(where, offset, 8, kind))) {
				ksft_print_msg("in %d at %zu, way %d\n", where, offset, kind);
				return false;
			}
		}
	}
	return true;
}

/* Each of these must be refused, not only survived. */
static bool refused(int where, size_t offset, u64 value, int size)
{
	struct memfd_luo_reader reader;
	struct memfd_luo_ser *ser;

	arena_reset();
	ser = record(ARENA_PFN, FOLIOS, ENTRIES);
	memcpy(place(ser, where) + offset, &value, size);
	return open_record(&reader, virt_to_phys(ser)) == -EUCLEAN && !arena_heads(true);
}

static bool test_refused(void)
{
#define SER(member, value)							\
	refused(WHERE_SER, offsetof(struct memfd_luo_ser, member), value,	\
		sizeof(((struct memfd_luo_ser *)0)->member))
#define ENTRY(n, word, value)							\
	refused(WHERE_ENTRIES, 16 * (n) + 8 * (word), value, 8)
	const u64 pfn = ARENA_PFN + 4 * 2, flags = 3ULL << 52;

	return SER(size, ~0ULL) && SER(pos, ~0ULL) && SER(seals, 1U << 31) && SER(flags, 1) &&
	       SER(size, 8 * PAGE_SIZE) && SER(nr_folios, ENTRIES * PER_PAGE + 1) &&
	       SER(folios.first.phys, 0) && SER(folios.total_pages, ENTRIES + 1) &&
	       SER(folios.total_pages, ENTRIES - 1) && SER(folios.order, 1) &&
	       SER(folios.order, 63) &&
	       /* Entry 2 has four pages, at page 16 of the file. */
	       ENTRY(2, 1, 18) && ENTRY(2, 1, 8) && ENTRY(2, 1, 4) && ENTRY(2, 1, 24) &&
	       ENTRY(2, 1, 1ULL << 62) && ENTRY(2, 0, pfn | 4ULL << 52) &&
	       ENTRY(2, 0, (pfn + 1) | flags) && ENTRY(2, 0, (pfn - 4) | flags) &&
	       ENTRY(2, 0, flags);
}

static bool test_addresses(void)
{
	const u64 bad[] = { 0, 1, 4095, PAGE_SIZE, PFN_PHYS(ARENA_PFN) + 8, ~0ULL,
			    PFN_PHYS(ARENA_PFN + 3), PFN_PHYS(ARENA_PFN + ARENA_PAGES),
			    PFN_PHYS(ARENA_PFN + 4) /* two pages */ };

	arena_reset();
	record(ARENA_PFN, 10, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (reclaim(bad[i]) != -EUCLEAN || arena_heads(true))
			return false;
	}
	return true;
}

/* An empty file has no array at all. */
static bool test_empty(void)
{
	struct memfd_luo_reader reader;
	struct memfd_luo_run unit;
	struct memfd_luo_ser *ser;

	arena_reset();
	ser = kho_alloc_preserve(PAGE_SIZE);
	if (open_record(&reader, virt_to_phys(ser)) || memfd_luo_read(&reader, &unit))
		return false;
	memfd_luo_free_record(&reader);
	return arena_freed();
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(16);
	ksft_test_result(test_read(FOLIOS, ENTRIES), "folios are read in order\n");
	ksft_test_result(test_read(PER_PAGE, 1), "as many as one page has\n");
	ksft_test_result(test_read(10, KHO_VMALLOC_SIZE), "from an array of one chunk\n");
	ksft_test_result(test_read(10, 2 * KHO_VMALLOC_SIZE + 1), "from one of three\n");
	ksft_test_result(test_empty(), "a file without pages\n");
	ksft_test_result(test_free_rest(), "what was not read is freed\n");
	ksft_test_result(test_reclaim(), "a record is freed whole\n");
	ksft_test_result(test_owned_twice(), "a record has one owner\n");
	ksft_test_result(test_bytes(), "what it holds at most can be told\n");
	ksft_test_result(test_addresses(), "a wrong address is refused\n");
	ksft_test_result(test_refused(), "so is each value that can't be\n");
	ksft_test_result(test_damage(WHERE_SER), "damage to the record does no harm\n");
	ksft_test_result(test_damage(WHERE_CHUNK), "damage to a chunk neither\n");
	ksft_test_result(test_damage(WHERE_CHUNK_2), "nor to the chunk after it\n");
	ksft_test_result(test_damage(WHERE_ENTRIES), "nor to entries\n");
	ksft_test_result(test_damage(WHERE_ENTRIES_2), "nor to those of the next page\n");
	arena_reset();
	ksft_finished();
}
