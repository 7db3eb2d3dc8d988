/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: what a BPF handler hands over.
 */
#ifndef _LINUX_KHO_ABI_LUO_BPF_H
#define _LINUX_KHO_ABI_LUO_BPF_H

#include <linux/build_bug.h>
#include <linux/types.h>

/**
 * DOC: BPF handler ABI
 *
 * A file whose compatible string starts with %LUO_BPF_PREFIX was preserved by
 * a BPF handler of the name that follows. Its data is the physical address of a
 * page::
 *
 *   struct luo_bpf_ser
 *     state[]    the fixed-size block of the handler's own
 *     blob_pa -> block -> block ...      (struct kho_block_header_ser)
 *                  struct luo_bpf_chunk_ser[]
 *                    pa -> up to 2^order pages of the handler's own
 *
 * The record belongs to the core: it can be freed with no handler. The chunks
 * make up the blob in their order; the last one may be longer than what is left
 * of the blob. Each chunk, each block and the record itself are preserved with
 * KHO on their own.
 *
 * What is inside of state and blob is the handler's, and goes by its @version.
 * A change to any structure here needs a new %LUO_BPF_FORMAT.
 */
#define LUO_BPF_PREFIX		"bpf:"
#define LUO_BPF_MAGIC		0x424f554c	/* "LUOB" in memory */
#define LUO_BPF_FORMAT		1
#define LUO_BPF_STATE_MAX	3072

/* struct luo_bpf_ser.access: what the open file description was allowed to do */
#define LUO_BPF_READ		0x1
#define LUO_BPF_WRITE		0x2

/**
 * struct luo_bpf_ser - one file of a BPF handler
 * @magic:      %LUO_BPF_MAGIC
 * @format:     %LUO_BPF_FORMAT
 * @sum:        hash of all below up to the end of the state in use, of the
 *              chunks, of where this record is, and of session and token of the
 *              file: so that a record is not taken for another file's
 * @version:    of the handler's state
 * @state_size: bytes used of @state
 * @f_flags:    of the open file description, at freeze
 * @access:     LUO_BPF_READ and LUO_BPF_WRITE
 * @f_pos:      of the open file description, at freeze
 * @blob_size:  bytes
 * @blob_pa:    first block of the chunks; 0 if there is none
 * @nr_chunks:  how many there are in all blocks together
 * @state:      the handler's
 */
struct luo_bpf_ser {
	u32 magic;
	u32 format;
	u64 sum;
	u32 version;
	u32 state_size;
	u32 f_flags;
	u32 access;
	u64 f_pos;
	u64 blob_size;
	u64 blob_pa;
	u64 nr_chunks;
	u8 state[LUO_BPF_STATE_MAX];
} __packed __aligned(8);

/**
 * struct luo_bpf_chunk_ser - one part of a blob
 * @pa:    physical address
 * @order: it is 2^order pages
 */
struct luo_bpf_chunk_ser {
	u64 pa;
	u64 order;
} __packed;

static_assert(offsetof(struct luo_bpf_ser, state) == 64);
static_assert(sizeof(struct luo_bpf_ser) == 64 + LUO_BPF_STATE_MAX);
static_assert(sizeof(struct luo_bpf_chunk_ser) == 16);

#endif /* _LINUX_KHO_ABI_LUO_BPF_H */
