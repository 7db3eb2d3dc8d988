/* SPDX-License-Identifier: GPL-2.0 */
/* Writing the extents of a preserved memfd; no page cache here. */
#ifndef _MM_MEMFD_LUO_EXTENTS_H
#define _MM_MEMFD_LUO_EXTENTS_H

#include "memfd_luo_reader.h"

/*
 * A chain being written, up to index @end. The pages of @open are in no extent
 * yet and not preserved: whole runs are, because a run may be one area for KHO. If
 * it is @apart each folio is a run, and its blocks are for this kernel only.
 */
struct memfd_luo_list {
	bool apart;
	struct memfd_luo_block *first;
	struct memfd_luo_block *last;
	u32 capacity;
	struct memfd_luo_run open;
	u64 end;
	u64 nr_extents;
	u64 nr_pages;
	u64 nr_blocks;
};

/* Runs that become extents together, at most; one more stays open. */
#define MEMFD_LUO_RUNS_MAX 32

typedef void (*memfd_luo_release_t)(u64 pfn, u64 nr);

void *memfd_luo_alloc_block(bool apart);
void memfd_luo_list_init(struct memfd_luo_list *list,
			 struct memfd_luo_block *first, bool apart);
int memfd_luo_list_add(struct memfd_luo_list *list, u64 index, u64 pfn, u64 nr);
int memfd_luo_list_reopen(struct memfd_luo_list *list, struct memfd_luo_run *run);
int memfd_luo_list_add_runs(struct memfd_luo_list *list,
			    const struct memfd_luo_run *runs, int nr, int *added);
int memfd_luo_list_close(struct memfd_luo_list *list);
void memfd_luo_list_drop(struct memfd_luo_list *list,
			 memfd_luo_release_t release);

const struct memfd_luo_block *memfd_luo_block_at(u64 phys);
void memfd_luo_seal(struct memfd_luo_header *header, u64 tag);

#endif /* _MM_MEMFD_LUO_EXTENTS_H */
