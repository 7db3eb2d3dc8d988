/* SPDX-License-Identifier: GPL-2.0 */
/* Taking the record of a memfd from the previous kernel; no page cache here. */
#ifndef _MM_MEMFD_LUO_READER_H
#define _MM_MEMFD_LUO_READER_H

#include <linux/kho/abi/memfd.h>

#include "memfd_luo_format.h"

struct memfd_luo_reader;

/* kernel/liveupdate/luo_record.c: from the claims of a record to the verdict. */
extern struct mutex luo_claiming;

/* How far claiming got, so that it can be undone. */
struct memfd_luo_claims {
	u64 blocks[MEMFD_LUO_CHAINS];
	u64 units;
};

/**
 * struct memfd_luo_format - what of reading depends on the format
 * @compatible:  its name
 * @claim:       check and claim all that the record names, which is claimed itself,
 *               and begin at its start; what is wrong, NULL if nothing is
 * @unclaim:     undo that, as far as it got
 * @read:        the next area to restore; false when there are no more
 * @free_record: free what the record itself consists of, which is claimed
 * @pages:       how many pages the record says that it holds; unchecked
 */
struct memfd_luo_format {
	const char *compatible;
	const char *(*claim)(struct memfd_luo_reader *reader, u64 tag,
			     struct memfd_luo_claims *claims);
	void (*unclaim)(struct memfd_luo_reader *reader,
			struct memfd_luo_claims *claims);
	bool (*read)(struct memfd_luo_reader *reader,
		     struct memfd_luo_run *unit);
	void (*free_record)(struct memfd_luo_reader *reader);
	u64 (*pages)(const void *record);
};

extern const struct memfd_luo_format memfd_luo_extents_format;
extern const struct memfd_luo_format memfd_luo_v2_format;

/* Where in an array of folios: its chunk, the area in that, the entry in that. */
struct memfd_luo_v2_cursor {
	const struct kho_vmalloc_chunk *chunk;
	u32 area;
	u32 entry;
	u64 left;
};

/**
 * struct memfd_luo_reader - a record being read
 * @format: what it is in
 * @header: the record; memfd-extents-v1
 * @ser:    the record; memfd-v2
 * @iter:   memfd-extents-v1: which extent comes next
 * @rest:   memfd-extents-v1: of the last one, read, but not restored
 * @cursor: memfd-v2: which folio comes next
 * @zero:   what was read last has no contents yet
 */
struct memfd_luo_reader {
	const struct memfd_luo_format *format;
	union {
		struct memfd_luo_header *header;
		struct memfd_luo_ser *ser;
	};
	struct memfd_luo_iter iter;
	struct memfd_luo_run rest;
	struct memfd_luo_v2_cursor cursor;
	bool zero;
};

unsigned int memfd_luo_max_order(void);
bool memfd_luo_claim_area(u64 phys, unsigned int order);

const struct memfd_luo_format *memfd_luo_format(const char *compatible);
int memfd_luo_open(struct memfd_luo_reader *reader,
		   const struct memfd_luo_format *format, u64 data, u64 tag);
bool memfd_luo_read(struct memfd_luo_reader *reader, struct memfd_luo_run *unit);
void memfd_luo_free_record(struct memfd_luo_reader *reader);
void memfd_luo_free_all(struct memfd_luo_reader *reader);
int memfd_luo_reclaim(const char *compatible, u64 data, u64 tag);
u64 memfd_luo_record_bytes(const char *compatible, u64 data);

#endif /* _MM_MEMFD_LUO_READER_H */
