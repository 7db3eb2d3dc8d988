/* SPDX-License-Identifier: GPL-2.0 */
/* Folios on their way into the page cache of a memfd. */
#ifndef _MM_MEMFD_LUO_INSERT_H
#define _MM_MEMFD_LUO_INSERT_H

#include <linux/types.h>

struct address_space;
struct folio;

/* As many as are inserted without letting go of the i_pages lock */
#define MEMFD_LUO_BATCH 32

/* Folios that are locked, and in no file yet; by ascending index. */
struct memfd_luo_batch {
	int nr;
	struct folio *folios[MEMFD_LUO_BATCH];
};

void memfd_luo_batch_add(struct memfd_luo_batch *batch, struct folio *folio,
			 pgoff_t index);
int memfd_luo_batch_insert(struct memfd_luo_batch *batch,
			   struct address_space *mapping);
void memfd_luo_batch_drop(struct memfd_luo_batch *batch);

#endif /* _MM_MEMFD_LUO_INSERT_H */
