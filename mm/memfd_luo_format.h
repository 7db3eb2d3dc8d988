/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arithmetic on the format memfd-extents-v1: no memory is allocated, restored
 * or freed here, so that selftests/native can compile it for user space.
 */
#ifndef _MM_MEMFD_LUO_FORMAT_H
#define _MM_MEMFD_LUO_FORMAT_H

#include <linux/kho/abi/memfd_extents.h>

/* An extent, unpacked; or what is left of one. */
struct memfd_luo_run {
	u64 index;
	u64 pfn;
	u64 nr;
};

struct memfd_luo_cursor {
	const struct memfd_luo_block *block;
	u32 pos;
};

/* Goes through the extents of both chains together, by ascending index. */
struct memfd_luo_iter {
	struct memfd_luo_cursor chain[MEMFD_LUO_CHAINS];
};

static inline struct memfd_luo_extent *
memfd_luo_extents(const struct memfd_luo_block *block)
{
	return (struct memfd_luo_extent *)(block + 1);
}

static inline u32 memfd_luo_block_capacity(size_t page_size)
{
	return (page_size - sizeof(struct memfd_luo_block)) /
	       sizeof(struct memfd_luo_extent);
}

static inline struct memfd_luo_extent
memfd_luo_pack(const struct memfd_luo_run *run)
{
	return (struct memfd_luo_extent) {
		.index = run->index,
		.run = run->pfn << MEMFD_LUO_NR_BITS | run->nr,
	};
}

static inline struct memfd_luo_run
memfd_luo_unpack(const struct memfd_luo_extent *extent)
{
	return (struct memfd_luo_run) {
		.index = extent->index,
		.pfn = extent->run >> MEMFD_LUO_NR_BITS,
		.nr = extent->run & MEMFD_LUO_NR_MAX,
	};
}

/* Make @run longer by @nr pages if these follow it in file and in memory. */
static inline bool memfd_luo_run_extend(struct memfd_luo_run *run, u64 index,
					u64 pfn, u64 nr)
{
	if (!run->nr || run->index + run->nr != index ||
	    run->pfn + run->nr != pfn || run->nr + nr > MEMFD_LUO_NR_MAX)
		return false;

	run->nr += nr;
	return true;
}

static inline void memfd_luo_run_advance(struct memfd_luo_run *run, u64 nr)
{
	run->index += nr;
	run->pfn += nr;
	run->nr -= nr;
}

/* The largest order up to @max that @pos is a multiple of and @nr is enough for. */
static inline unsigned int memfd_luo_order(u64 pos, u64 nr, unsigned int max)
{
	unsigned int order = __builtin_ctzll(pos | 1ULL << max);

	while (1ULL << order > nr)
		order--;
	return order;
}

/* Order of the area for KHO that @run begins with. */
static inline unsigned int memfd_luo_unit_order(const struct memfd_luo_run *run,
						unsigned int max)
{
	return memfd_luo_order(run->pfn, run->nr, max);
}

/*
 * Order of the folio that it is to begin with: aligned in the file as well. One of two pages
 * takes longer to be put there than two of one, and is mapped no better.
 */
static inline unsigned int memfd_luo_folio_order(const struct memfd_luo_run *run,
						 unsigned int max)
{
	unsigned int order = memfd_luo_order(run->pfn | run->index, run->nr, max);

	return order > 1 ? order : 0;
}

/*
 * What is wrong in @header by itself, as a field's name; NULL if nothing is.
 * It comes from another kernel, and nothing in it has been looked at.
 */
static inline const char *
memfd_luo_header_bad(const struct memfd_luo_header *header, u32 page_shift,
		     u64 max_size)
{
	if (header->size > max_size)
		return "size";
	if (header->pos > max_size)
		return "pos";
	if (header->page_shift != page_shift)
		return "page_shift";
	if (header->seals & ~MEMFD_LUO_EXTENTS_SEALS)
		return "seals";
	if (header->f_flags & ~MEMFD_LUO_F_FLAGS ||
	    (header->f_flags & O_ACCMODE) == O_ACCMODE)
		return "f_flags";
	if (header->mode & ~MEMFD_LUO_MODE)
		return "mode";
	if (header->uid == (u32)-1 || header->gid == (u32)-1)
		return "owner";
	if (!memchr(header->name, 0, sizeof(header->name)))
		return "name";
	return NULL;
}

static inline const char *
memfd_luo_block_bad(const struct memfd_luo_block *block, u32 capacity)
{
	if (block->count > capacity)
		return "count";
	if (block->reserved)
		return "reserved in a block";
	return NULL;
}

/* @run comes from another kernel: can it be the extent after @end? */
static inline bool memfd_luo_run_ok(const struct memfd_luo_run *run, u64 end,
				    u64 size_pages, u64 max_pages)
{
	return run->nr && run->pfn && run->index >= end &&
	       run->index < size_pages && run->index + run->nr <= max_pages;
}

static inline bool
memfd_luo_cursor_peek(struct memfd_luo_cursor *cursor, struct memfd_luo_run *run,
		      const struct memfd_luo_block *(*at)(u64 phys))
{
	while (cursor->block && cursor->pos == cursor->block->count) {
		u64 next = cursor->block->next;

		cursor->block = next ? at(next) : NULL;
		cursor->pos = 0;
	}
	if (!cursor->block)
		return false;

	*run = memfd_luo_unpack(memfd_luo_extents(cursor->block) + cursor->pos);
	return true;
}

static inline void memfd_luo_iter_init(struct memfd_luo_iter *iter,
				       const struct memfd_luo_header *header)
{
	for (int i = 0; i < MEMFD_LUO_CHAINS; i++) {
		iter->chain[i].block = &header->chain[i].block;
		iter->chain[i].pos = 0;
	}
}

/*
 * The next extent. Where a chain does not ascend, neither does what this
 * returns, so that a caller who checks the order needs no check by chain.
 */
static inline bool memfd_luo_iter_next(struct memfd_luo_iter *iter,
				       struct memfd_luo_run *run,
				       const struct memfd_luo_block *(*at)(u64))
{
	struct memfd_luo_run late;
	bool have = memfd_luo_cursor_peek(&iter->chain[MEMFD_LUO_CHAIN_PRESERVED],
					  run, at);
	bool have_late = memfd_luo_cursor_peek(&iter->chain[MEMFD_LUO_CHAIN_LATE],
					       &late, at);

	if (have_late && (!have || late.index < run->index)) {
		*run = late;
		iter->chain[MEMFD_LUO_CHAIN_LATE].pos++;
		return true;
	}
	if (have)
		iter->chain[MEMFD_LUO_CHAIN_PRESERVED].pos++;
	return have;
}

#endif /* _MM_MEMFD_LUO_FORMAT_H */
