// SPDX-License-Identifier: GPL-2.0
/*
 * Memory as the previous kernel leaves it, for KUnit tests.
 *
 * What KHO knows of an area that was handed over is a mark in its first struct
 * page. Here pages of this kernel get it; then KHO's own functions claim,
 * restore and free them, as after a kexec.
 */
#include <kunit/test.h>

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "luo_kunit.h"

#define LUO_KUNIT_AREAS	1024

struct luo_kunit {
	unsigned int nr;
	phys_addr_t areas[LUO_KUNIT_AREAS];
	/* For an address that nobody handed over */
	struct page *own;
};

/* struct page.private, as kexec_handover.c has it */
union luo_kunit_page_info {
	unsigned long private;
	struct {
		unsigned int order;
		unsigned int magic;
	};
};

#define LUO_KUNIT_MAGIC	0x4b484f50U	/* "KHOP" */

int luo_kunit_init(struct kunit *test)
{
	struct luo_kunit *k;

	if (!kho_is_enabled())
		kunit_skip(test, "KHO is off: boot with kho=on");
	k = kunit_kzalloc(test, sizeof(*k), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, k);
	k->own = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, k->own);
	test->priv = k;
	return 0;
}

void luo_kunit_exit(struct kunit *test)
{
	struct luo_kunit *k = test->priv;

	if (!k)
		return;
	for (unsigned int i = 0; i < k->nr; i++) {
		if (kho_preserved_order(k->areas[i]) >= 0)
			kho_restore_free(phys_to_virt(k->areas[i]));
	}
	__free_page(k->own);
}

/* A page that was freed may come a second time. */
static void luo_kunit_remember(struct kunit *test, phys_addr_t phys)
{
	struct luo_kunit *k = test->priv;

	for (unsigned int i = 0; i < k->nr; i++) {
		if (k->areas[i] == phys)
			return;
	}
	KUNIT_ASSERT_LT(test, k->nr, LUO_KUNIT_AREAS);
	k->areas[k->nr++] = phys;
}

/* The pages are the caller's, and are KHO's from here on. */
void luo_kunit_hand_over_pages(struct kunit *test, u64 pfn, unsigned int order)
{
	union luo_kunit_page_info info = {
		.order = order,
		.magic = LUO_KUNIT_MAGIC,
	};
	struct page *page = pfn_to_page(pfn);

	luo_kunit_remember(test, PFN_PHYS(pfn));
	/* Restoring will add them. */
	adjust_managed_page_count(page, -(1L << order));
	page->private = info.private;
	KUNIT_ASSERT_EQ(test, kho_preserved_order(PFN_PHYS(pfn)), order);
}

/**
 * luo_kunit_hand_over - what this kernel preserved becomes what it got
 * @test: the test
 * @mem:  from kho_alloc_preserve(), or a folio that is preserved with KHO
 */
void luo_kunit_hand_over(struct kunit *test, void *mem)
{
	struct folio *folio = virt_to_folio(mem);

	kho_unpreserve_folio(folio);
	luo_kunit_hand_over_pages(test, folio_pfn(folio), folio_order(folio));
}

/* An area of 2^@order pages, zeroed, that was handed over. */
void *luo_kunit_alloc(struct kunit *test, unsigned int order)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);

	KUNIT_ASSERT_NOT_NULL(test, page);
	luo_kunit_hand_over_pages(test, page_to_pfn(page), order);
	return page_address(page);
}

/* How many areas that were handed over were not restored. */
unsigned int luo_kunit_preserved(struct kunit *test)
{
	struct luo_kunit *k = test->priv;
	unsigned int nr = 0;

	for (unsigned int i = 0; i < k->nr; i++)
		nr += kho_preserved_order(k->areas[i]) >= 0;
	return nr;
}

/* How many of them somebody has claimed. */
unsigned int luo_kunit_claimed(struct kunit *test)
{
	struct luo_kunit *k = test->priv;
	unsigned int nr = 0;

	for (unsigned int i = 0; i < k->nr; i++) {
		int order = kho_claim(k->areas[i]);

		if (order >= 0)
			kho_unclaim(k->areas[i]);
		nr += order == -EBUSY;
	}
	return nr;
}

/* The @n th address at which nothing was handed over; 0 behind the last. */
u64 luo_kunit_bad_address(struct kunit *test, unsigned int n)
{
	struct luo_kunit *k = test->priv;
	const u64 bad[] = {
		page_to_phys(k->own),
		k->areas[0] + 8,
		k->areas[0] + PAGE_SIZE / 2,
		k->areas[0] | 1ULL << 63,
		1,
		PAGE_SIZE - 1,
		PFN_PHYS(max_pfn),
		1ULL << 52,
		U64_MAX,
		U64_MAX & PAGE_MASK,
	};

	return n < ARRAY_SIZE(bad) ? bad[n] : 0;
}
