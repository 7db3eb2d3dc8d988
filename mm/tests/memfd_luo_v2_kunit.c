// SPDX-License-Identifier: GPL-2.0
/*
 * The format memfd-v2 with the kernel's own memory and KHO. What can go wrong in a
 * record is gone through by selftests/native/memfd_v2_format.c.
 */
#include <kunit/test.h>

#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>

#include "../../kernel/liveupdate/tests/luo_kunit.h"
#include "../memfd_luo_reader.h"

#define FOLIOS		600	/* more than a page has entries */
#define ARRAY_ORDER	2
#define INDEX(n)	((n) * 8)
#define ORDER(n)	((n) % 16 ? 0 : 3)
#define FLAGS(n)	(MEMFD_LUO_FOLIO_DIRTY | ((n) % 5 ? MEMFD_LUO_FOLIO_UPTODATE : 0))

static struct memfd_luo_ser *handed_over(struct kunit *test)
{
	struct memfd_luo_folio_ser *folio = luo_kunit_alloc(test, ARRAY_ORDER);
	struct kho_vmalloc_chunk *chunk = luo_kunit_alloc(test, 0);
	struct memfd_luo_ser *ser = luo_kunit_alloc(test, 0);

	chunk->phys[0] = virt_to_phys(folio);
	ser->folios.first.phys = virt_to_phys(chunk);
	ser->folios.order = ARRAY_ORDER;
	ser->folios.total_pages = 1 << ARRAY_ORDER;
	ser->nr_folios = FOLIOS;
	ser->size = (loff_t)INDEX(FOLIOS) * PAGE_SIZE;
	for (u64 n = 0; n < FOLIOS; n++, folio++) {
		u64 *mem = luo_kunit_alloc(test, ORDER(n));

		*mem = n;
		folio->pfn = PHYS_PFN(virt_to_phys(mem));
		folio->index = INDEX(n);
		folio->flags = FLAGS(n);
	}
	return ser;
}

static int open_record(struct memfd_luo_reader *reader, struct memfd_luo_ser *ser)
{
	return memfd_luo_open(reader, &memfd_luo_v2_format, virt_to_phys(ser), 0);
}

static int free_record(u64 data)
{
	return memfd_luo_reclaim(MEMFD_LUO_FH_COMPATIBLE, data, 0);
}

static void read_back(struct kunit *test)
{
	struct memfd_luo_ser *ser = handed_over(test);
	struct memfd_luo_reader reader;
	struct memfd_luo_run unit;
	u64 n = 0;

	KUNIT_ASSERT_EQ(test, open_record(&reader, ser), 0);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), luo_kunit_preserved(test));
	for (; memfd_luo_read(&reader, &unit); n++) {
		struct folio *folio = kho_restore_folio(PFN_PHYS(unit.pfn));

		KUNIT_ASSERT_NOT_NULL(test, folio);
		KUNIT_EXPECT_EQ(test, *(u64 *)folio_address(folio), n);
		KUNIT_EXPECT_EQ(test, unit.index, INDEX(n));
		KUNIT_EXPECT_EQ(test, unit.nr, 1 << ORDER(n));
		KUNIT_EXPECT_EQ(test, folio_order(folio), ORDER(n));
		KUNIT_EXPECT_EQ(test, reader.zero, !(n % 5));
		folio_put(folio);
	}
	KUNIT_EXPECT_EQ(test, n, FOLIOS);
	memfd_luo_free_record(&reader);
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 0);
}

static void reclaim(struct kunit *test)
{
	struct memfd_luo_ser *ser = handed_over(test);
	struct memfd_luo_reader reader;
	u64 data = virt_to_phys(ser);

	KUNIT_ASSERT_EQ(test, open_record(&reader, ser), 0);
	KUNIT_EXPECT_EQ(test, free_record(data), -EUCLEAN);
	memfd_luo_free_all(&reader);
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 0);
	KUNIT_EXPECT_EQ(test, free_record(data), -EUCLEAN);
}

static void wrong_address(struct kunit *test)
{
	struct memfd_luo_ser *ser = handed_over(test);
	u64 data = virt_to_phys(ser), first = ser->folios.first.phys, bad, array;
	struct kho_vmalloc_chunk *chunk = phys_to_virt(first);

	array = chunk->phys[0];
	for (unsigned int n = 0; (bad = luo_kunit_bad_address(test, n)); n++) {
		KUNIT_EXPECT_EQ(test, free_record(bad), -EUCLEAN);
		ser->folios.first.phys = bad;
		KUNIT_EXPECT_EQ(test, free_record(data), -EUCLEAN);
		ser->folios.first.phys = first;
		chunk->phys[0] = bad;
		KUNIT_EXPECT_EQ(test, free_record(data), -EUCLEAN);
		chunk->phys[0] = array;
	}
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), 0);
	KUNIT_EXPECT_EQ(test, free_record(data), 0);
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 0);
}

static struct kunit_case memfd_luo_v2_cases[] = {
	KUNIT_CASE(read_back),
	KUNIT_CASE(reclaim),
	KUNIT_CASE(wrong_address),
	{}
};

static struct kunit_suite memfd_luo_v2_suite = {
	.name = "memfd_luo_v2",
	.init = luo_kunit_init,
	.exit = luo_kunit_exit,
	.test_cases = memfd_luo_v2_cases,
};

kunit_test_suite(memfd_luo_v2_suite);
