/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _MM_MEMFD_LUO_H
#define _MM_MEMFD_LUO_H

#include "memfd_luo_extents.h"

struct file;
struct liveupdate_file_handler;
struct liveupdate_file_op_args;

/* What memfd_create() puts before the name that it is given. */
#define MEMFD_LUO_PREFIX	"memfd:"
#define MEMFD_LUO_PREFIX_LEN	(sizeof(MEMFD_LUO_PREFIX) - 1)

/**
 * struct memfd_luo_outgoing - a memfd of this kernel, preserved for the next
 * @header:  has the beginning of both chains
 * @apart:   as for memfd_luo_take()
 * @movable: what was taken off the gfp mask of the file
 * @chain:   the pages
 */
struct memfd_luo_outgoing {
	struct memfd_luo_header *header;
	bool apart;
	gfp_t movable;
	struct memfd_luo_list chain[MEMFD_LUO_CHAINS];
};

/* memfd_luo_pin.c */
pgoff_t memfd_luo_size_pages(struct file *file);
int memfd_luo_collect(struct file *file, pgoff_t start, pgoff_t end,
		      struct memfd_luo_list *list);
void memfd_luo_unpin(u64 pfn, u64 nr);

/* memfd_luo_take.c */
struct memfd_luo_outgoing *memfd_luo_take(struct file *file, bool apart);
void memfd_luo_untake(struct file *file, struct memfd_luo_outgoing *out);
int memfd_luo_take_late(struct file *file, struct memfd_luo_outgoing *out);
void memfd_luo_untake_late(struct file *file, struct memfd_luo_outgoing *out);
u64 memfd_luo_nr_extents(const struct memfd_luo_outgoing *out);
u64 memfd_luo_nr_pages(const struct memfd_luo_outgoing *out);

/* memfd_luo_retrieve.c: for each format */
int memfd_luo_retrieve(struct liveupdate_file_op_args *args);
void memfd_luo_finish(struct liveupdate_file_op_args *args);

/* memfd_luo.c */
bool memfd_luo_is_memfd(struct file *file);
unsigned long memfd_luo_get_id(struct file *file);

/* memfd_luo_v2.c */
extern struct liveupdate_file_handler memfd_luo_v2_handler;

#endif /* _MM_MEMFD_LUO_H */
