// SPDX-License-Identifier: GPL-2.0
/*
 * The format memfd-extents-v1 with the kernel's own memory and KHO. What can go
 * wrong in a record is gone through by selftests/native/memfd_format.c.
 */
#include <kunit/test.h>

#include <linux/fcntl.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "../../kernel/liveupdate/tests/luo_kunit.h"
#include "../memfd_luo_extents.h"

#define TAG	0x1234
/* More runs than the header has room for, and than one block has */
#define RUNS	(MEMFD_LUO_INLINE + 300)

static int open_record(struct memfd_luo_reader *reader, struct memfd_luo_header *header)
{
	return memfd_luo_open(reader, &memfd_luo_extents_format, virt_to_phys(header), TAG);
}

static int free_record(u64 data, u64 tag)
{
	return memfd_luo_reclaim(MEMFD_LUO_EXTENTS_COMPATIBLE, data, tag);
}

static struct memfd_luo_header *new_header(struct kunit *test)
{
	struct memfd_luo_header *header = kho_alloc_preserve(PAGE_SIZE);

	KUNIT_ASSERT_FALSE(test, IS_ERR(header));
	header->page_shift = PAGE_SHIFT;
	header->size = 10 * RUNS * PAGE_SIZE;
	return header;
}

static void free_pages_of_run(u64 pfn, u64 nr)
{
	while (nr--)
		__free_page(pfn_to_page(pfn++));
}

/* Single pages, with holes between them; what is not contiguous stays so. */
static void add_pages(struct kunit *test, struct memfd_luo_list *list, u64 nr)
{
	for (u64 n = 0; n < nr; n++) {
		struct page *page = alloc_page(GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, page);
		*(u64 *)page_address(page) = 2 * n;
		KUNIT_ASSERT_EQ(test,
				memfd_luo_list_add(list, 2 * n, page_to_pfn(page), 1), 0);
	}
	KUNIT_ASSERT_EQ(test, memfd_luo_list_close(list), 0);
}

static void seal(struct memfd_luo_header *header, const struct memfd_luo_list *list)
{
	header->nr_extents = list->nr_extents;
	header->nr_pages = list->nr_pages;
	memfd_luo_seal(header, TAG);
}

/* The areas that writing made of a run are what reading finds. */
static void hand_over_run(struct kunit *test, struct memfd_luo_run run)
{
	unsigned int max = min_t(unsigned int, MAX_PAGECACHE_ORDER, MAX_PAGE_ORDER);

	while (run.nr) {
		unsigned int order = memfd_luo_unit_order(&run, max);

		kho_unpreserve_pages(pfn_to_page(run.pfn), 1UL << order);
		luo_kunit_hand_over_pages(test, run.pfn, order);
		memfd_luo_run_advance(&run, 1ULL << order);
	}
}

static void hand_over(struct kunit *test, struct memfd_luo_header *header)
{
	struct memfd_luo_iter iter;
	struct memfd_luo_run run;

	memfd_luo_iter_init(&iter, header);
	while (memfd_luo_iter_next(&iter, &run, memfd_luo_block_at))
		hand_over_run(test, run);
	for (int i = 0; i < MEMFD_LUO_CHAINS; i++) {
		u64 phys = header->chain[i].block.next;

		for (; phys; phys = memfd_luo_block_at(phys)->next)
			luo_kunit_hand_over(test, phys_to_virt(phys));
	}
	luo_kunit_hand_over(test, header);
}

static struct memfd_luo_header *handed_over(struct kunit *test, u64 runs)
{
	struct memfd_luo_header *header = new_header(test);
	struct memfd_luo_list list;

	memfd_luo_list_init(&list, &header->chain[MEMFD_LUO_CHAIN_PRESERVED].block, false);
	add_pages(test, &list, runs);
	KUNIT_EXPECT_EQ(test, list.nr_pages, runs);
	seal(header, &list);
	hand_over(test, header);
	return header;
}

static void read_back(struct kunit *test)
{
	struct memfd_luo_header *header = handed_over(test, RUNS);
	struct memfd_luo_reader reader;
	struct memfd_luo_run unit;
	struct folio *folio;
	u64 pages = 0;

	KUNIT_ASSERT_EQ(test, open_record(&reader, header), 0);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), luo_kunit_preserved(test));
	while (memfd_luo_read(&reader, &unit)) {
		folio = kho_restore_folio(PFN_PHYS(unit.pfn));
		KUNIT_ASSERT_NOT_NULL(test, folio);
		KUNIT_EXPECT_EQ(test, *(u64 *)folio_address(folio), unit.index);
		KUNIT_EXPECT_EQ(test, unit.index, 2 * pages);
		folio_put(folio);
		pages += unit.nr;
	}
	KUNIT_EXPECT_EQ(test, pages, RUNS);
	memfd_luo_free_record(&reader);
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 0);
}

static void take_back(struct kunit *test, struct memfd_luo_header *header, u64 nr)
{
	struct memfd_luo_reader reader;
	struct memfd_luo_run unit;
	u64 pages = 0;

	KUNIT_ASSERT_EQ(test, open_record(&reader, header), 0);
	while (memfd_luo_read(&reader, &unit)) {
		struct folio *folio = kho_restore_folio(PFN_PHYS(unit.pfn));

		KUNIT_ASSERT_NOT_NULL(test, folio);
		KUNIT_EXPECT_EQ(test, folio_nr_pages(folio), unit.nr);
		folio_put(folio);
		pages += unit.nr;
	}
	KUNIT_EXPECT_EQ(test, pages, nr);
	memfd_luo_free_record(&reader);
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 0);
}

/* One run, from inside a large area: cut into areas that KHO takes and gives back. */
static void read_back_long_run(struct kunit *test)
{
	const unsigned int order = 6;
	struct memfd_luo_header *header = new_header(test);
	struct page *page = alloc_pages(GFP_KERNEL, order);
	struct memfd_luo_list list;
	u64 nr = (1 << order) - 2;

	KUNIT_ASSERT_NOT_NULL(test, page);
	split_page(page, order);
	__free_page(page);
	__free_page(page + nr + 1);
	memfd_luo_list_init(&list, &header->chain[MEMFD_LUO_CHAIN_LATE].block, false);
	for (u64 n = 0; n < nr; n++)
		KUNIT_ASSERT_EQ(test, memfd_luo_list_add(&list, n, page_to_pfn(page + 1 + n), 1),
				0);
	KUNIT_ASSERT_EQ(test, memfd_luo_list_close(&list), 0);
	KUNIT_EXPECT_EQ(test, list.nr_extents, 1);
	seal(header, &list);
	hand_over(test, header);
	/* 1, 2, 4, 8, 16, 16, 8, 4, 2, 1, and the header */
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 2 * (order - 1) + 1);

	take_back(test, header, nr);
}

/* Runs of pages, each of which begins at that page of the file and of an area */
static void add_together(struct kunit *test, struct memfd_luo_list *list,
			 struct page *area, const u64 (*at)[2], int nr)
{
	struct memfd_luo_run runs[8];
	int nr_runs = memfd_luo_list_reopen(list, runs), added;

	for (int i = 0; i < nr; i++) {
		u64 index = at[i][0], pfn = page_to_pfn(area + index);

		if (!nr_runs || !memfd_luo_run_extend(&runs[nr_runs - 1], index, pfn, at[i][1]))
			runs[nr_runs++] = (struct memfd_luo_run) { index, pfn, at[i][1] };
	}
	KUNIT_ASSERT_EQ(test, memfd_luo_list_add_runs(list, runs, nr_runs, &added), 0);
	KUNIT_EXPECT_EQ(test, added, nr_runs);
}

/* Added together or not, it is the same list; what can be no extent is refused before. */
static void runs_together(struct kunit *test)
{
	static const u64 first[][2] = { { 0, 1 }, { 2, 1 }, { 4, 3 }, { 8, 1 }, { 10, 1 } };
	static const u64 second[][2] = { { 11, 1 }, { 13, 1 }, { 15, 1 } };
	struct memfd_luo_header *header = new_header(test);
	struct page *area = alloc_pages(GFP_KERNEL, 4);
	static const int unused[] = { 3, 7, 9, 12, 14 };
	struct memfd_luo_run bad[3] = {};
	struct memfd_luo_list list;
	int added;

	KUNIT_ASSERT_NOT_NULL(test, area);
	split_page(area, 4);
	memfd_luo_list_init(&list, &header->chain[MEMFD_LUO_CHAIN_LATE].block, false);
	add_together(test, &list, area, first, ARRAY_SIZE(first));
	add_together(test, &list, area, second, ARRAY_SIZE(second));

	bad[0] = (struct memfd_luo_run) { 16, page_to_pfn(area + 1), 1 };
	bad[1] = (struct memfd_luo_run) { 18, page_to_pfn(area + 3), 1 };
	bad[2] = (struct memfd_luo_run) { 20, page_to_pfn(area + 7), 1 };
	bad[1].nr = MEMFD_LUO_NR_MAX + 1;
	KUNIT_ASSERT_EQ(test, memfd_luo_list_close(&list), 0);
	KUNIT_EXPECT_EQ(test, memfd_luo_list_reopen(&list, &bad[0]), 0);
	KUNIT_EXPECT_EQ(test, memfd_luo_list_add_runs(&list, bad, 3, &added), -ERANGE);
	KUNIT_EXPECT_EQ(test, added, 0);
	KUNIT_EXPECT_EQ(test, memfd_luo_list_add_runs(&list, bad, 1, &added), 0);
	KUNIT_EXPECT_EQ(test, added, 1);

	KUNIT_ASSERT_EQ(test, memfd_luo_list_close(&list), 0);
	KUNIT_EXPECT_EQ(test, list.nr_extents, 8);
	KUNIT_EXPECT_EQ(test, list.nr_pages, 11);
	for (int i = 0; i < ARRAY_SIZE(unused); i++)
		__free_page(area + unused[i]);

	seal(header, &list);
	hand_over(test, header);
	/* 0, 2, 4 and 5, 6, 8, 10 and 11, 13, 15, page 1 at 16, and the header */
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 10);
	take_back(test, header, 11);
}

static void reclaim(struct kunit *test)
{
	struct memfd_luo_header *header = handed_over(test, RUNS);
	u64 data = virt_to_phys(header);

	KUNIT_EXPECT_EQ(test, memfd_luo_record_bytes(MEMFD_LUO_EXTENTS_COMPATIBLE, data),
			(RUNS + 1) * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, free_record(data, TAG + 1), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), 0);
	KUNIT_EXPECT_EQ(test, free_record(data, TAG), 0);
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 0);
	KUNIT_EXPECT_EQ(test, free_record(data, TAG), -EUCLEAN);
}

static void wrong_address(struct kunit *test)
{
	struct memfd_luo_header *header = handed_over(test, 1);
	struct memfd_luo_block *block = &header->chain[0].block;
	u64 data = virt_to_phys(header), bad;

	for (unsigned int n = 0; (bad = luo_kunit_bad_address(test, n)); n++) {
		KUNIT_EXPECT_EQ(test, free_record(bad, TAG), -EUCLEAN);
		KUNIT_EXPECT_EQ(test, memfd_luo_record_bytes(MEMFD_LUO_EXTENTS_COMPATIBLE, bad), 0);
		block->next = bad;
		KUNIT_EXPECT_EQ(test, free_record(data, TAG), -EUCLEAN);
	}
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), 0);
	block->next = 0;
	KUNIT_EXPECT_EQ(test, free_record(data, TAG), 0);
}

/* Nothing stays preserved: a second list can take the same pages. */
static void drop(struct kunit *test)
{
	struct memfd_luo_header *header = new_header(test);
	struct memfd_luo_list list;

	memfd_luo_list_init(&list, &header->chain[0].block, false);
	for (int again = 0; again < 2; again++) {
		add_pages(test, &list, RUNS);
		memfd_luo_list_drop(&list, free_pages_of_run);
		KUNIT_EXPECT_EQ(test, list.nr_pages, 0);
		KUNIT_EXPECT_EQ(test, header->chain[0].block.next, 0);
	}
	kho_unpreserve_free(header);
}

static struct kunit_case memfd_luo_extents_cases[] = {
	KUNIT_CASE(read_back),
	KUNIT_CASE(read_back_long_run),
	KUNIT_CASE(runs_together),
	KUNIT_CASE(reclaim),
	KUNIT_CASE(wrong_address),
	KUNIT_CASE(drop),
	{}
};

static struct kunit_suite memfd_luo_extents_suite = {
	.name = "memfd_luo_extents",
	.init = luo_kunit_init,
	.exit = luo_kunit_exit,
	.test_cases = memfd_luo_extents_cases,
};

kunit_test_suite(memfd_luo_extents_suite);
