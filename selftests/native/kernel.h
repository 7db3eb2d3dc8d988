/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of a kernel as code from mm/ and kernel/liveupdate/ needs to be
 * compiled into a program: an arena for memory, and a KHO that remembers what
 * is preserved, claimed and restored. linux/ has the headers that lead here.
 */
#ifndef NATIVE_KERNEL_H
#define NATIVE_KERNEL_H

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
typedef u64 phys_addr_t;

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC		0x0020
#endif
#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define MAX_PAGE_ORDER		10
#define MAX_PAGECACHE_ORDER	9
#define MAX_LFS_FILESIZE	LLONG_MAX
#define PFN_PHYS(pfn)		((phys_addr_t)(pfn) << PAGE_SHIFT)
#define DIV_ROUND_UP_ULL(n, d)	(((u64)(n) + (d) - 1) / (d))
#define min_t(type, a, b)	((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define IS_ERR(ptr)		((uintptr_t)(ptr) >= (uintptr_t)-4095)
#define PTR_ERR(ptr)		((long)(ptr))
#define ERR_PTR(err)		((void *)(long)(err))
#define pr_warn_ratelimited(...)	((void)0)
#define guard(lock)		(void)
#define min(a, b)		((a) < (b) ? (a) : (b))
#define WARN_ON_ONCE(cond)	(cond)
#define get_num_physpages()	ARENA_PAGES
#define cond_resched()		((void)0)
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof(*(array)))
#define GFP_KERNEL		0
#define __uninitialized
#define __packed		__attribute__((packed))
#define __aligned(n)		__attribute__((aligned(n)))
#define get_zeroed_page(gfp)	((unsigned long)calloc(1, PAGE_SIZE))
#define free_page(addr)		free((void *)(addr))

typedef struct {
	u64 key[2];
} siphash_key_t;

/* Any hash does: FNV-1a. */
static inline u64 siphash(const void *data, size_t len, const siphash_key_t *key)
{
	u64 hash = 0xcbf29ce484222325 ^ key->key[0] ^ (key->key[1] * 31);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ ((const u8 *)data)[i]) * 0x100000001b3;
	return hash;
}

#define ARENA_PAGES	8192UL
#define ARENA_PFN	0x100000UL

struct page {
	bool head;		/* of a preserved area */
	bool claimed;
	u32 order;
	int restored;
	void *mem;		/* pages of files get some when they are looked at */
};

static struct page arena[ARENA_PAGES];
static int kho_fail_after = -1;	/* calls until preserving fails */

static inline struct page *pfn_to_page(u64 pfn)
{
	assert(pfn >= ARENA_PFN && pfn < ARENA_PFN + ARENA_PAGES);
	return &arena[pfn - ARENA_PFN];
}

static inline void *phys_to_virt(u64 phys)
{
	struct page *page = pfn_to_page(phys >> PAGE_SHIFT);

	assert(page->head && !(phys & (PAGE_SIZE - 1)));
	if (!page->mem) {
		page->mem = malloc(PAGE_SIZE);
		memset(page->mem, rand(), PAGE_SIZE);
	}
	return page->mem;
}

static inline u64 virt_to_phys(const void *mem)
{
	for (u64 i = 0; i < ARENA_PAGES; i++) {
		if (arena[i].mem == mem)
			return PFN_PHYS(ARENA_PFN + i);
	}
	abort();
}

static inline int kho_preserve_pages(struct page *page, unsigned long nr)
{
	assert(nr && !(nr & (nr - 1)) && !((page - arena + ARENA_PFN) % nr));
	assert(!page->head);
	if (!kho_fail_after)
		return -ENOMEM;
	if (kho_fail_after > 0)
		kho_fail_after--;
	page->head = true;
	page->order = __builtin_ctzl(nr);
	return 0;
}

static inline void kho_unpreserve_pages(struct page *page, unsigned long nr)
{
	assert(page->head && 1UL << page->order == nr);
	page->head = false;
}

struct kho_unit {
	unsigned long pfn;
	unsigned int order;
};

static inline int kho_preserve_units(const struct kho_unit *units, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		int err = kho_preserve_pages(pfn_to_page(units[i].pfn), 1UL << units[i].order);

		if (!err)
			continue;
		while (i--)
			kho_unpreserve_pages(pfn_to_page(units[i].pfn), 1UL << units[i].order);
		return err;
	}
	return 0;
}

static inline void *kho_alloc_preserve(size_t size)
{
	struct page *page = arena + ARENA_PAGES;
	int err;

	assert(size == PAGE_SIZE);
	/* From the end, away from what tests use as pages of a file. */
	do {
		assert(page-- > arena);
	} while (page->head || page->mem);

	err = kho_preserve_pages(page, 1);
	if (err)
		return ERR_PTR(err);
	page->mem = calloc(1, PAGE_SIZE);
	return page->mem;
}

static inline void kho_unpreserve_free(void *mem)
{
	struct page *page = pfn_to_page(virt_to_phys(mem) >> PAGE_SHIFT);

	kho_unpreserve_pages(page, 1);
	free(mem);
	page->mem = NULL;
}

static inline struct page *kho_head(u64 phys)
{
	u64 pfn = phys >> PAGE_SHIFT;

	if (phys & (PAGE_SIZE - 1) || pfn < ARENA_PFN || pfn >= ARENA_PFN + ARENA_PAGES)
		return NULL;
	return pfn_to_page(pfn)->head ? pfn_to_page(pfn) : NULL;
}

static inline int kho_preserved_order(u64 phys)
{
	struct page *page = kho_head(phys);

	return page ? (int)page->order : -ENOENT;
}

static inline int kho_claim(u64 phys)
{
	struct page *page = kho_head(phys);

	if (!page)
		return -ENOENT;
	if (page->claimed)
		return -EBUSY;
	page->claimed = true;
	return page->order;
}

static inline void kho_unclaim(u64 phys)
{
	assert(kho_head(phys)->claimed);
	kho_head(phys)->claimed = false;
}

struct folio;

static inline struct folio *kho_restore_folio(u64 phys)
{
	struct page *page = kho_head(phys);

	assert(page && page->claimed);
	page->head = false;
	page->claimed = false;
	page->restored++;
	free(page->mem);
	page->mem = NULL;
	return (struct folio *)page;
}

static inline void folio_put(struct folio *folio)
{
	assert(((struct page *)folio)->restored == 1);
}

static inline void kho_restore_free(void *mem)
{
	kho_restore_folio(virt_to_phys(mem));
}

static inline u64 arena_heads(bool claimed_only)
{
	u64 n = 0;

	for (u64 i = 0; i < ARENA_PAGES; i++)
		n += arena[i].head && (!claimed_only || arena[i].claimed);
	return n;
}

static inline void arena_reset(void)
{
	for (u64 i = 0; i < ARENA_PAGES; i++)
		free(arena[i].mem);
	memset(arena, 0, sizeof(arena));
	kho_fail_after = -1;
}

/* All that was preserved has been restored, once. */
static inline bool arena_freed(void)
{
	for (u64 i = 0; i < ARENA_PAGES; i++) {
		if (arena[i].head || arena[i].claimed || arena[i].mem || arena[i].restored > 1)
			return false;
	}
	return true;
}

#endif /* NATIVE_KERNEL_H */
