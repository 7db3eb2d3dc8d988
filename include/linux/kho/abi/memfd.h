/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The format in which mainline's memfds cross a kexec: memfd-v2. Names and layout
 * are mainline's; scripts/check compares them.
 *
 * The record's data is the physical address of a struct memfd_luo_ser, a page of its
 * own. From there a list of chunks leads to the pages of an array with one entry for
 * each folio, as kho_preserve_vmalloc() makes it:
 *
 *	data -> memfd_luo_ser
 *	          folios.first -> kho_vmalloc_chunk -> kho_vmalloc_chunk ...
 *	                            phys[] -> memfd_luo_folio_ser[]
 *
 * Each folio is preserved with KHO as one area of its order, each chunk as one page.
 * A part of the file that no folio covers is a hole. Mainline fills holes when it
 * preserves a memfd, and reads them as what they are.
 *
 * There is neither a name in it nor owner, mode, access mode or status flags; and no
 * sum, so that a wrong value that could be right can't be told.
 */
#ifndef _LINUX_KHO_ABI_MEMFD_H
#define _LINUX_KHO_ABI_MEMFD_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/kho/abi/kexec_handover.h>
#include <linux/stddef.h>
#include <linux/types.h>

#define MEMFD_LUO_FH_COMPATIBLE	"memfd-v2"

#define MEMFD_LUO_ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | \
			     F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)

/* Somebody wrote to it. */
#define MEMFD_LUO_FOLIO_DIRTY		BIT(0)
/* Has contents; those of another one are arbitrary, and to be zeroed. */
#define MEMFD_LUO_FOLIO_UPTODATE	BIT(1)

/**
 * struct memfd_luo_folio_ser - a folio
 * @pfn:   its page frame number
 * @flags: MEMFD_LUO_FOLIO_*
 * @index: offset in the file, in pages
 */
struct memfd_luo_folio_ser {
	u64 pfn:52;
	u64 flags:12;
	u64 index;
} __packed;

/**
 * struct memfd_luo_ser - a preserved memfd
 * @pos:       file position
 * @size:      size of the file in bytes
 * @seals:     F_SEAL_*
 * @flags:     0
 * @nr_folios: entries in @folios
 * @folios:    array of struct memfd_luo_folio_ser
 */
struct memfd_luo_ser {
	u64 pos;
	u64 size;
	u32 seals;
	u32 flags;
	u64 nr_folios;
	struct kho_vmalloc folios;
} __packed;

static_assert(sizeof(struct memfd_luo_folio_ser) == 16);
static_assert(offsetof(struct memfd_luo_folio_ser, index) == 8);
static_assert(sizeof(struct kho_vmalloc) == 16);
static_assert(sizeof(struct memfd_luo_ser) == 48);
static_assert(offsetof(struct memfd_luo_ser, nr_folios) == 24);
static_assert(offsetof(struct memfd_luo_ser, folios) == 32);

#endif /* _LINUX_KHO_ABI_MEMFD_H */
