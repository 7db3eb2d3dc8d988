// SPDX-License-Identifier: GPL-2.0
/*
 * The format memfd-extents-v1: mm/memfd_luo_extents.c, as it is, against a KHO
 * that checks how it is used. Each field of a record is damaged in turn.
 */
#include "kernel.h"
#include "mm/memfd_luo_extents.c"
#include "mm/memfd_luo_reader.c"
#include "mm/memfd_luo_v2_format.c"

#include "kselftest.h"

static u64 pages_of(const struct memfd_luo_list *list)
{
	return list->nr_pages + list->open.nr;
}

#define TAG	0x1234

static int open_record(struct memfd_luo_reader *reader, u64 data)
{
	return memfd_luo_open(reader, &memfd_luo_extents_format, data, TAG);
}

static int reclaim(u64 data)
{
	return memfd_luo_reclaim(MEMFD_LUO_EXTENTS_COMPATIBLE, data, TAG);
}

static u64 released;

static void count_release(u64 pfn, u64 nr)
{
	(void)pfn;
	released += nr;
}

static void reset(void)
{
	arena_reset();
	released = 0;
}

/* A record of @nr pages for each chain, every other page of the file. */
static struct memfd_luo_header *scattered(u64 first_pfn, u64 nr)
{
	struct memfd_luo_header *header = kho_alloc_preserve(PAGE_SIZE);
	struct memfd_luo_list list;

	header->page_shift = PAGE_SHIFT;
	header->size = 4 * nr * PAGE_SIZE;
	strcpy(header->name, "scattered");
	for (int i = 0; i < MEMFD_LUO_CHAINS; i++) {
		memfd_luo_list_init(&list, &header->chain[i].block, false);
		for (u64 n = 0; n < nr; n++)
			assert(!memfd_luo_list_add(&list, 4 * n + 2 * i,
						   first_pfn + (2 * n + i), 1));
		assert(!memfd_luo_list_close(&list));
		header->nr_extents += list.nr_extents;
		header->nr_pages += list.nr_pages;
	}
	memfd_luo_seal(header, TAG);
	return header;
}

/* Cut random runs into areas for KHO, or into folios. */
static bool test_cut(bool folios)
{
	srand(1);
	for (int i = 0; i < 200000; i++) {
		struct memfd_luo_run run = {
			.index = rand() % 5000, .pfn = rand() % 5000, .nr = rand() % 3000 + 1,
		};
		const struct memfd_luo_run whole = run;
		unsigned int max = rand() % 11;

		while (run.nr) {
			unsigned int order = folios ? memfd_luo_folio_order(&run, max) :
						      memfd_luo_unit_order(&run, max);
			u64 pos = run.pfn | (folios ? run.index : 0);
			u64 nr = 1ULL << order;

			if (order > max || nr > run.nr || pos % nr)
				return false;
			/* As large as it can be; but of two pages are no folios. */
			if (folios && order == 1)
				return false;
			if (folios && !order)
				order = 1;
			if (order < max && 2ULL << order <= run.nr && !(pos % (2ULL << order)))
				return false;
			memfd_luo_run_advance(&run, nr);
		}
		if (run.index != whole.index + whole.nr || run.pfn != whole.pfn + whole.nr)
			return false;
	}
	return true;
}

static bool test_pack(void)
{
	const struct memfd_luo_run run = {
		.index = ULLONG_MAX, .pfn = MEMFD_LUO_PFN_MAX, .nr = MEMFD_LUO_NR_MAX,
	};
	struct memfd_luo_extent extent = memfd_luo_pack(&run);
	struct memfd_luo_run back = memfd_luo_unpack(&extent);

	return !memcmp(&run, &back, sizeof(run));
}

static bool test_merge(void)
{
	struct memfd_luo_run run = { .index = 5, .pfn = 100, .nr = MEMFD_LUO_NR_MAX - 1 };
	struct memfd_luo_run none = {};

	return !memfd_luo_run_extend(&none, 0, 0, 1) &&
	       !memfd_luo_run_extend(&run, 5 + run.nr, 100 + run.nr, 2) &&
	       !memfd_luo_run_extend(&run, 6 + run.nr, 100 + run.nr, 1) &&
	       !memfd_luo_run_extend(&run, 5 + run.nr, 101 + run.nr, 1) &&
	       memfd_luo_run_extend(&run, 5 + run.nr, 100 + run.nr, 1) &&
	       run.nr == MEMFD_LUO_NR_MAX;
}

/* Dropped at any length, a list leaves nothing behind, and can be used again. */
static bool test_drop(void)
{
	struct memfd_luo_header *header;
	struct memfd_luo_list list;

	for (u64 nr = 0; nr < 900; nr += 37) {
		reset();
		header = kho_alloc_preserve(PAGE_SIZE);
		memfd_luo_list_init(&list, &header->chain[1].block, false);
		for (int again = 0; again < 2; again++) {
			for (u64 n = 0; n < nr; n++)
				assert(!memfd_luo_list_add(&list, 3 * n, ARENA_PFN + 3 * n, 1));
			released = 0;
			memfd_luo_list_drop(&list, count_release);
			if (released != nr || arena_heads(false) != 1 || pages_of(&list))
				return false;
		}
		kho_unpreserve_free(header);
		if (arena_heads(false))
			return false;
	}
	return true;
}

/* Preserving fails at any point: what was added is released, once. */
static bool test_preserve_fails(void)
{
	for (int fail = 0; fail < 300; fail++) {
		struct memfd_luo_header *header;
		struct memfd_luo_list list;
		int err = 0;
		u64 n, added = 0;

		reset();
		header = kho_alloc_preserve(PAGE_SIZE);
		memfd_luo_list_init(&list, &header->chain[0].block, false);
		kho_fail_after = fail;
		/* Odd runs, of several areas each. */
		for (n = 0; !err && n < 140; n++) {
			err = memfd_luo_list_add(&list, 32 * n + 1, ARENA_PFN + 32 * n + 1, 21);
			added += err ? 0 : 21;
		}
		if (!err)
			err = memfd_luo_list_close(&list);
		if (err != -ENOMEM)
			return false;
		memfd_luo_list_drop(&list, count_release);
		if (released != added || arena_heads(false) != 1)
			return false;
		kho_unpreserve_free(header);
	}
	return true;
}

/* The same of runs that are added together, most of which are a single page. */
static bool test_together_fails(void)
{
	for (int fail = 0; fail < 400; fail++) {
		struct memfd_luo_run runs[MEMFD_LUO_RUNS_MAX + 1];
		struct memfd_luo_header *header;
		struct memfd_luo_list list;
		int err = 0, nr = 1, added;
		u64 pages = 0, pfn = 0;

		reset();
		header = kho_alloc_preserve(PAGE_SIZE);
		memfd_luo_list_init(&list, &header->chain[0].block, false);
		kho_fail_after = fail;
		while (!err && pfn < 2000) {
			int nr_runs = memfd_luo_list_reopen(&list, runs);

			pages -= nr_runs ? runs[0].nr : 0;
			for (int i = 0; i < nr; i++) {
				u64 length;

				/* A neighbour of the open one, every other time */
				pfn += i || nr % 2;
				length = pfn % 5 ? 1 : 3;
				if (!nr_runs || !memfd_luo_run_extend(&runs[nr_runs - 1], pfn,
								      ARENA_PFN + pfn, length))
					runs[nr_runs++] = (struct memfd_luo_run) {
						pfn, ARENA_PFN + pfn, length,
					};
				pfn += length;
			}
			err = memfd_luo_list_add_runs(&list, runs, nr_runs, &added);
			if (!err && added != nr_runs)
				return false;
			while (added--)
				pages += runs[added].nr;
			nr = nr % MEMFD_LUO_RUNS_MAX + 1;
		}
		if (err != -ENOMEM)
			return false;
		memfd_luo_list_drop(&list, count_release);
		if (released != pages || arena_heads(false) != 1)
			return false;
		kho_unpreserve_free(header);
	}
	return true;
}

static bool test_read(void)
{
	struct memfd_luo_reader reader;
	struct memfd_luo_run unit;
	u64 last = 0, n = 0;

	reset();
	if (open_record(&reader, virt_to_phys(scattered(ARENA_PFN, 700))))
		return false;
	while (memfd_luo_read(&reader, &unit)) {
		if (unit.nr != 1 || (n && unit.index <= last) || unit.index % 2)
			return false;
		last = unit.index;
		n++;
		kho_restore_folio(PFN_PHYS(unit.pfn));
	}
	memfd_luo_free_all(&reader);
	return n == 1400 && arena_freed();
}

static bool test_reclaim(void)
{
	struct memfd_luo_header *header;
	struct memfd_luo_list list;

	reset();
	if (reclaim(virt_to_phys(scattered(ARENA_PFN, 300))) || !arena_freed())
		return false;

	reset();
	header = kho_alloc_preserve(PAGE_SIZE);
	header->page_shift = PAGE_SHIFT;
	header->size = 5000 * PAGE_SIZE;
	memfd_luo_list_init(&list, &header->chain[1].block, false);
	assert(!memfd_luo_list_add(&list, 7, ARENA_PFN + 7, 4000));
	assert(!memfd_luo_list_close(&list));
	header->nr_extents = 1;
	header->nr_pages = 4000;
	memfd_luo_seal(header, TAG);
	return !reclaim(virt_to_phys(header)) && arena_freed();
}

static bool test_owned_twice(void)
{
	struct memfd_luo_reader first, second;
	u64 data;

	reset();
	data = virt_to_phys(scattered(ARENA_PFN, 200));
	if (open_record(&first, data) || !open_record(&second, data))
		return false;
	memfd_luo_free_all(&first);
	return arena_freed() && reclaim(data) == -EUCLEAN;
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

static struct memfd_luo_block *nth_block(struct memfd_luo_header *header, int chain, int n)
{
	struct memfd_luo_block *block = &header->chain[chain].block;

	while (n--)
		block = phys_to_virt(block->next);
	return block;
}

enum { WHERE_HEADER, WHERE_BLOCK, WHERE_BLOCK_2, WHERES };

static bool damage(int where, size_t offset, int size, int kind)
{
	struct memfd_luo_header *header, *other;
	u64 values[9], old = 0;
	void *base;

	reset();
	header = scattered(ARENA_PFN, 400);
	other = scattered(ARENA_PFN + 2000, 400);
	base = where == WHERE_HEADER ? (void *)header : nth_block(header, 1, where);
	memcpy(&old, base + offset, size);
	values[0] = 0;
	values[1] = old + 1;
	values[2] = old - 1;
	values[3] = ~0ULL;
	values[4] = old | 1ULL << (8 * size - 1);
	values[5] = PFN_PHYS(ARENA_PFN + 4000);			/* not preserved */
	values[6] = virt_to_phys(nth_block(header, 1, 1));	/* a cycle */
	values[7] = virt_to_phys(nth_block(other, 1, 1));	/* another file's */
	values[8] = (ARENA_PFN + 2000) << MEMFD_LUO_NR_BITS | 1;
	memcpy(base + offset, &values[kind], size);
	return survives(virt_to_phys(header));
}

static bool test_damage(int where)
{
	for (size_t offset = 0; offset < 4096; offset += 4) {
		/* All extents are alike; some do. */
		if (offset >= 400 && offset % 64 >= 16 &&
		    !(where == WHERE_HEADER && offset >= 2192 && offset < 2240))
			continue;
		for (int kind = 0; kind < 9; kind++) {
			if (!damage(where, offset, 4, kind) ||
			    (!(offset % 8) && !damage(where, offset, 8, kind))) {
				ksft_print_msg("in %d at %zu, way %d\n", where, offset, kind);
				return false;
			}
		}
	}
	return true;
}

static bool test_addresses(void)
{
	const u64 bad[] = { 0, 1, 4095, PAGE_SIZE, PFN_PHYS(ARENA_PFN) + 8, ~0ULL,
			    PFN_PHYS(ARENA_PFN + 4000), PFN_PHYS(ARENA_PFN + ARENA_PAGES) };

	reset();
	scattered(ARENA_PFN, 10);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (reclaim(bad[i]) != -EUCLEAN || arena_heads(true))
			return false;
	}
	return true;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(14);
	ksft_test_result(test_cut(false), "areas are aligned and as large as they can be\n");
	ksft_test_result(test_cut(true), "so are folios, in the file too\n");
	ksft_test_result(test_pack(), "an extent holds the largest values\n");
	ksft_test_result(test_merge(), "runs grow only in file and memory at once\n");
	ksft_test_result(test_drop(), "a dropped list leaves nothing\n");
	ksft_test_result(test_preserve_fails(), "neither does one that could not be preserved\n");
	ksft_test_result(test_together_fails(), "nor one of runs that are added together\n");
	ksft_test_result(test_read(), "both chains are read in order\n");
	ksft_test_result(test_reclaim(), "a record is freed whole\n");
	ksft_test_result(test_owned_twice(), "a record has one owner\n");
	ksft_test_result(test_addresses(), "a wrong address is refused\n");
	ksft_test_result(test_damage(WHERE_HEADER), "damage to the header does no harm\n");
	ksft_test_result(test_damage(WHERE_BLOCK), "damage to a block does no harm\n");
	ksft_test_result(test_damage(WHERE_BLOCK_2), "damage to the block after it neither\n");
	reset();
	ksft_finished();
}
