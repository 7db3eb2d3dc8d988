/* SPDX-License-Identifier: GPL-2.0 */
/* What there is to be damaged: see luo_damage.c. */
#ifndef _LUO_DAMAGE_H
#define _LUO_DAMAGE_H

enum luo_record {
	LUO_RECORD_ROOT,
	LUO_RECORD_SESSION_BLOCK,
	LUO_RECORD_SESSION,
	/* The first file's, and the block that it is in. */
	LUO_RECORD_FILE_BLOCK,
	LUO_RECORD_FILE,
	LUO_RECORD_MEMFD,
	/* The first block of extents after those in the header. */
	LUO_RECORD_EXTENTS,
	/* memfd-v2; its first chunk, and the first folio of that. */
	LUO_RECORD_V2,
	LUO_RECORD_V2_CHUNK,
	LUO_RECORD_V2_FOLIO,
	LUO_RECORD_BPF,
	/* The first block of chunks, and the first chunk in it. */
	LUO_RECORD_CHUNKS,
	LUO_RECORD_FLB_HEADER,
	LUO_RECORD_FLB,
	LUO_RECORDS,
};

enum luo_kind {
	LUO_NUMBER,
	LUO_STRING,
	LUO_ADDRESS,
	LUO_PFN,
};

/* A field of a record, and what sort of value is in it. */
struct luo_field {
	const char *name;
	enum luo_record record;
	enum luo_kind kind;
	unsigned int offset;
	unsigned int size;
	unsigned int shift;
	unsigned int bits;
};

extern const struct luo_field luo_fields[];
extern const unsigned int luo_nr_fields;

#endif /* _LUO_DAMAGE_H */
