/* SPDX-License-Identifier: GPL-2.0 */
/* Writing and reading the extents of a preserved memfd; no page cache here. */
#ifndef _MM_MEMFD_LUO_EXTENTS_H
#define _MM_MEMFD_LUO_EXTENTS_H

#include "memfd_luo_format.h"

/*
 * A chain being written, up to index @end. The pages of @open are in no extent
 * yet and not preserved: whole runs are, because a run may be one area for KHO.
 */
struct memfd_luo_list {
	struct memfd_luo_block *first;
	struct memfd_luo_block *last;
	u32 capacity;
	struct memfd_luo_run open;
	u64 end;
	u64 nr_extents;
	u64 nr_pages;
	u64 nr_blocks;
};

typedef void (*memfd_luo_release_t)(u64 pfn, u64 nr);

void memfd_luo_list_init(struct memfd_luo_list *list,
			 struct memfd_luo_block *first);
int memfd_luo_list_add(struct memfd_luo_list *list, u64 index, u64 pfn, u64 nr);
int memfd_luo_list_close(struct memfd_luo_list *list);
void memfd_luo_list_drop(struct memfd_luo_list *list,
			 memfd_luo_release_t release);

/* A record from the previous kernel; @rest has been read, but not restored. */
struct memfd_luo_reader {
	struct memfd_luo_header *header;
	struct memfd_luo_iter iter;
	struct memfd_luo_run rest;
};

const struct memfd_luo_block *memfd_luo_block_at(u64 phys);
void memfd_luo_seal(struct memfd_luo_header *header, u64 tag);
int memfd_luo_open(struct memfd_luo_reader *reader, u64 data, u64 tag);
bool memfd_luo_read(struct memfd_luo_reader *reader, struct memfd_luo_run *unit);
void memfd_luo_free_record(struct memfd_luo_header *header);
void memfd_luo_free_all(struct memfd_luo_reader *reader);
int memfd_luo_reclaim(u64 data, u64 tag);
u64 memfd_luo_record_bytes(u64 data);

#endif /* _MM_MEMFD_LUO_EXTENTS_H */
