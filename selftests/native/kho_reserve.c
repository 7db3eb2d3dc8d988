// SPDX-License-Identifier: GPL-2.0
/*
 * kernel/liveupdate/kho_reserve.c, as it is, against a memblock that counts: whatever order it
 * is told of memory in, all of it is reserved, nothing else, and in as few parts as there are.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t phys_addr_t;
#define __init
#define __initdata
#define SMP_CACHE_BYTES	64
#define max(a, b)	((a) > (b) ? (a) : (b))
#define sort(base, num, size, cmp, swap)	qsort(base, num, size, cmp)

#define PAGES	(1UL << 18)
static unsigned char marks[PAGES];	/* how often each page has been reserved */
static unsigned long nr_reserved, nr_noinit, allocated;
static long allocs_left;

static void memblock_reserve(phys_addr_t base, phys_addr_t size)
{
	nr_reserved++;
	for (phys_addr_t page = base >> 12; page < (base + size) >> 12; page++) {
		assert(page < PAGES);
		marks[page]++;
	}
}

static void memblock_reserved_mark_noinit(phys_addr_t base, phys_addr_t size)
{
	for (phys_addr_t page = base >> 12; page < (base + size) >> 12; page++)
		assert(marks[page]);
	nr_noinit++;
}

static void *memblock_alloc(phys_addr_t size, phys_addr_t align)
{
	(void)align;
	if (!allocs_left)
		return NULL;
	allocs_left--;
	allocated += size;
	return malloc(size);
}

static void memblock_free(void *ptr, size_t size)
{
	allocated -= size;
	free(ptr);
}

#include "kernel/liveupdate/kho_reserve.c"

#include "kselftest.h"

static unsigned char wanted[PAGES];

/* Areas of all orders at random, told of as the tree does: by order, ascending. */
static void tell(unsigned int seed, unsigned int percent)
{
	unsigned char orders[PAGES / 16] = { };

	srand(seed);
	memset(wanted, 0, sizeof(wanted));
	for (unsigned long chunk = 0; chunk < PAGES / 16; chunk++)
		orders[chunk] = (unsigned int)rand() % 100 < percent ? 1 + rand() % 5 : 0;
	for (int order = 4; order >= 0; order--) {
		for (unsigned long chunk = 0; chunk < PAGES / 16; chunk++) {
			if (orders[chunk] != order + 1)
				continue;
			/* The chunk's units of that order, but sometimes one */
			for (unsigned int n = 0; n < 16U >> order; n++) {
				unsigned long page = chunk * 16 + ((unsigned long)n << order);

				if (!(rand() % 7))
					continue;
				memset(wanted + page, 1, 1UL << order);
				kho_reserve_later((phys_addr_t)page << 12, 4096UL << order);
			}
		}
	}
	kho_reserve_now();
}

static unsigned long parts(void)
{
	unsigned long n = 0;

	for (unsigned long page = 0; page < PAGES; page++)
		n += wanted[page] && (!page || !wanted[page - 1]);
	return n;
}

static void reset(long allocs)
{
	memset(marks, 0, sizeof(marks));
	nr_reserved = 0;
	nr_noinit = 0;
	allocs_left = allocs;
}

static void check_all(const char *what, bool as_few)
{
	bool same = !memcmp(marks, wanted, PAGES);

	ksft_test_result(same && nr_noinit == nr_reserved && !allocated &&
			 (as_few ? nr_reserved == parts() : nr_reserved >= parts()),
			 "%s: %lu parts are reserved in %lu\n", what, parts(), nr_reserved);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(7);

	reset(-1);
	kho_reserve_now();
	memset(wanted, 0, sizeof(wanted));
	check_all("nothing", true);

	reset(-1);
	tell(1, 10);
	check_all("few areas", true);
	reset(-1);
	tell(2, 90);
	check_all("many areas", true);
	reset(-1);
	tell(3, 100);
	check_all("all chunks", true);

	reset(1);
	tell(4, 90);
	check_all("memory for the first of them", false);
	reset(0);
	tell(5, 50);
	check_all("memory for none", false);

	reset(-1);
	tell(6, 50);
	check_all("again", true);
	ksft_finished();
}
