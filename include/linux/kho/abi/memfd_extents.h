/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The format in which a memfd crosses a kexec: memfd-extents-v1.
 *
 * The record's data is the physical address of a struct memfd_luo_header, which
 * fills one page. It says what the file is, and begins two chains of extents:
 * the pages that the file had when it was preserved, and those that it got
 * between then and the kexec. Each chain begins in the header and goes on in
 * further pages, each a struct memfd_luo_block followed by extents:
 *
 *	data -> header: size, seals, name, ...
 *	                chain[0]: block, extents
 *	                            `-next-> block, extents -next-> ...
 *	                chain[1]: block, extents
 *	                            `-next-> ...
 *
 * An extent is a run of pages that follow each other both in the file and in
 * memory. Within a chain extents ascend by index, and no two extents of a file
 * overlap. What no extent names is a hole.
 *
 * The header and each further block are preserved with KHO as one page. The
 * pages of an extent are preserved as areas of any order that together are the
 * extent: the next kernel asks KHO for the order of each.
 *
 * Changing anything here means a new MEMFD_LUO_EXTENTS_COMPATIBLE.
 */
#ifndef _LINUX_KHO_ABI_MEMFD_EXTENTS_H
#define _LINUX_KHO_ABI_MEMFD_EXTENTS_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

#define MEMFD_LUO_EXTENTS_COMPATIBLE	"memfd-extents-v1"

/* What the format can say; a new seal in the kernel needs a new version. */
#define MEMFD_LUO_EXTENTS_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | \
			     F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)
#define MEMFD_LUO_F_FLAGS (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | \
			   O_DSYNC | O_DIRECT | O_LARGEFILE | O_NOATIME)
#define MEMFD_LUO_MODE	07777

#define MEMFD_LUO_HEADER_SIZE	4096
#define MEMFD_LUO_NAME_SIZE	256	/* NAME_MAX less "memfd:", NUL, rounded up */
#define MEMFD_LUO_INLINE	117	/* extents in the header, for each chain */

enum memfd_luo_chain_id {
	MEMFD_LUO_CHAIN_PRESERVED,
	MEMFD_LUO_CHAIN_LATE,
	MEMFD_LUO_CHAINS,
};

/* A page frame number of 40 bits is 52 bits of physical address. */
#define MEMFD_LUO_NR_BITS	24
#define MEMFD_LUO_NR_MAX	((1ULL << MEMFD_LUO_NR_BITS) - 1)
#define MEMFD_LUO_PFN_MAX	((1ULL << (64 - MEMFD_LUO_NR_BITS)) - 1)

/**
 * struct memfd_luo_extent - pages in a row
 * @index: offset in the file of the first, in pages
 * @run:   its page frame number << MEMFD_LUO_NR_BITS | number of pages
 */
struct memfd_luo_extent {
	u64 index;
	u64 run;
};

/**
 * struct memfd_luo_block - what precedes an array of extents
 * @next:     physical address of the chain's next block, 0 at its end
 * @count:    number of extents that follow
 * @reserved: 0
 */
struct memfd_luo_block {
	u64 next;
	u32 count;
	u32 reserved;
};

/**
 * struct memfd_luo_header - a preserved memfd
 * @size:       size of the file in bytes
 * @pos:        file position
 * @nr_extents: in both chains
 * @nr_pages:   in all extents
 * @page_shift: unit of what is counted in pages
 * @seals:      F_SEAL_*
 * @f_flags:    O_ACCMODE and the status flags of the open file
 * @mode:       permission bits of the inode
 * @uid:        owner of the inode, in the initial user namespace
 * @gid:        its group
 * @sum:        hash of all of the above, of name and extents, of where the header
 *              is, and of liveupdate_file_tag()
 * @name:       as it was given to memfd_create(2), NUL-terminated
 * @chain:      the extents
 */
struct memfd_luo_header {
	u64 size;
	u64 pos;
	u64 nr_extents;
	u64 nr_pages;
	u32 page_shift;
	u32 seals;
	u32 f_flags;
	u32 mode;
	u32 uid;
	u32 gid;
	u64 sum;
	char name[MEMFD_LUO_NAME_SIZE];
	struct {
		struct memfd_luo_block block;
		struct memfd_luo_extent extents[MEMFD_LUO_INLINE];
	} chain[MEMFD_LUO_CHAINS];
};

static_assert(sizeof(struct memfd_luo_extent) == 16);
static_assert(sizeof(struct memfd_luo_block) == 16);
static_assert(sizeof(struct memfd_luo_header) == MEMFD_LUO_HEADER_SIZE);
static_assert(offsetof(struct memfd_luo_header, page_shift) == 32);
static_assert(offsetof(struct memfd_luo_header, sum) == 56);
static_assert(offsetof(struct memfd_luo_header, name) == 64);
static_assert(offsetof(struct memfd_luo_header, chain) == 320);

#endif /* _LINUX_KHO_ABI_MEMFD_EXTENTS_H */
