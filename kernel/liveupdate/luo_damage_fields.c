// SPDX-License-Identifier: GPL-2.0
/* Live Update Orchestrator: the fields of all records, for luo_damage.c. */
#include <linux/array_size.h>
#include <linux/fcntl.h>
#include <linux/kho/abi/luo.h>
#include <linux/kho/abi/luo_bpf.h>
#include <linux/kho/abi/memfd.h>
#include <linux/kho/abi/memfd_extents.h>
#include <linux/stddef.h>

#include "luo_damage.h"

#define LUO_FIELD(_name, _record, _kind, _type, _member) {		\
	.name = _name, .record = LUO_RECORD_##_record,			\
	.kind = LUO_##_kind, .offset = offsetof(struct _type, _member),	\
	.size = sizeof_field(struct _type, _member),			\
	.bits = 8 * sizeof_field(struct _type, _member),		\
}

#define LUO_BITS(_name, _record, _kind, _offset, _shift, _bits) {	\
	.name = _name, .record = LUO_RECORD_##_record,			\
	.kind = LUO_##_kind, .offset = _offset,				\
	.size = sizeof(u64), .shift = _shift, .bits = _bits,		\
}

/* The first extent in the header, and in a block. */
#define LUO_MEMFD_INDEX	offsetof(struct memfd_luo_header, \
				 chain[0].extents[0].index)
#define LUO_MEMFD_RUN	offsetof(struct memfd_luo_header, \
				 chain[0].extents[0].run)
#define LUO_BLOCK_INDEX	(sizeof(struct memfd_luo_block) + \
			 offsetof(struct memfd_luo_extent, index))
#define LUO_BLOCK_RUN	(sizeof(struct memfd_luo_block) + \
			 offsetof(struct memfd_luo_extent, run))
#define LUO_PFN_BITS	(64 - MEMFD_LUO_NR_BITS)

const struct luo_field luo_fields[] = {
	LUO_FIELD("luo_ser.compatible", ROOT, STRING, luo_ser, compatible),
	LUO_FIELD("luo_ser.liveupdate_num", ROOT, NUMBER, luo_ser,
		  liveupdate_num),
	LUO_FIELD("luo_ser.sessions_pa", ROOT, ADDRESS, luo_ser, sessions_pa),
	LUO_FIELD("luo_ser.flbs_pa", ROOT, ADDRESS, luo_ser, flbs_pa),

	LUO_FIELD("session_block.next", SESSION_BLOCK, ADDRESS,
		  kho_block_header_ser, next),
	LUO_FIELD("session_block.count", SESSION_BLOCK, NUMBER,
		  kho_block_header_ser, count),
	LUO_FIELD("session.name", SESSION, STRING, luo_session_ser, name),
	LUO_FIELD("session.files", SESSION, ADDRESS, luo_session_ser,
		  file_set_ser.files),
	LUO_FIELD("session.count", SESSION, NUMBER, luo_session_ser,
		  file_set_ser.count),

	LUO_FIELD("file_block.next", FILE_BLOCK, ADDRESS, kho_block_header_ser,
		  next),
	LUO_FIELD("file_block.count", FILE_BLOCK, NUMBER, kho_block_header_ser,
		  count),
	LUO_FIELD("file.compatible", FILE, STRING, luo_file_ser, compatible),
	LUO_FIELD("file.data", FILE, ADDRESS, luo_file_ser, data),
	LUO_FIELD("file.token", FILE, NUMBER, luo_file_ser, token),

	LUO_FIELD("memfd.size", MEMFD, NUMBER, memfd_luo_header, size),
	LUO_FIELD("memfd.pos", MEMFD, NUMBER, memfd_luo_header, pos),
	LUO_FIELD("memfd.nr_extents", MEMFD, NUMBER, memfd_luo_header,
		  nr_extents),
	LUO_FIELD("memfd.nr_pages", MEMFD, NUMBER, memfd_luo_header, nr_pages),
	LUO_FIELD("memfd.page_shift", MEMFD, NUMBER, memfd_luo_header,
		  page_shift),
	LUO_FIELD("memfd.seals", MEMFD, NUMBER, memfd_luo_header, seals),
	LUO_FIELD("memfd.f_flags", MEMFD, NUMBER, memfd_luo_header, f_flags),
	LUO_FIELD("memfd.mode", MEMFD, NUMBER, memfd_luo_header, mode),
	LUO_FIELD("memfd.uid", MEMFD, NUMBER, memfd_luo_header, uid),
	LUO_FIELD("memfd.gid", MEMFD, NUMBER, memfd_luo_header, gid),
	LUO_FIELD("memfd.sum", MEMFD, NUMBER, memfd_luo_header, sum),
	LUO_FIELD("memfd.name", MEMFD, STRING, memfd_luo_header, name),
	LUO_FIELD("memfd.block.next", MEMFD, ADDRESS, memfd_luo_header,
		  chain[0].block.next),
	LUO_FIELD("memfd.block.count", MEMFD, NUMBER, memfd_luo_header,
		  chain[0].block.count),
	LUO_FIELD("memfd.block.reserved", MEMFD, NUMBER, memfd_luo_header,
		  chain[0].block.reserved),
	LUO_BITS("memfd.extent.index", MEMFD, NUMBER, LUO_MEMFD_INDEX, 0, 64),
	LUO_BITS("memfd.extent.nr", MEMFD, NUMBER, LUO_MEMFD_RUN, 0,
		 MEMFD_LUO_NR_BITS),
	LUO_BITS("memfd.extent.pfn", MEMFD, PFN, LUO_MEMFD_RUN,
		 MEMFD_LUO_NR_BITS, LUO_PFN_BITS),

	LUO_FIELD("extents.next", EXTENTS, ADDRESS, memfd_luo_block, next),
	LUO_FIELD("extents.count", EXTENTS, NUMBER, memfd_luo_block, count),
	LUO_FIELD("extents.reserved", EXTENTS, NUMBER, memfd_luo_block,
		  reserved),
	LUO_BITS("extents.extent.index", EXTENTS, NUMBER, LUO_BLOCK_INDEX, 0,
		 64),
	LUO_BITS("extents.extent.nr", EXTENTS, NUMBER, LUO_BLOCK_RUN, 0,
		 MEMFD_LUO_NR_BITS),
	LUO_BITS("extents.extent.pfn", EXTENTS, PFN, LUO_BLOCK_RUN,
		 MEMFD_LUO_NR_BITS, LUO_PFN_BITS),

	LUO_FIELD("v2.pos", V2, NUMBER, memfd_luo_ser, pos),
	LUO_FIELD("v2.size", V2, NUMBER, memfd_luo_ser, size),
	LUO_FIELD("v2.seals", V2, NUMBER, memfd_luo_ser, seals),
	LUO_FIELD("v2.flags", V2, NUMBER, memfd_luo_ser, flags),
	LUO_FIELD("v2.nr_folios", V2, NUMBER, memfd_luo_ser, nr_folios),
	LUO_FIELD("v2.folios.first", V2, ADDRESS, memfd_luo_ser,
		  folios.first.phys),
	LUO_FIELD("v2.folios.total_pages", V2, NUMBER, memfd_luo_ser,
		  folios.total_pages),
	LUO_FIELD("v2.folios.flags", V2, NUMBER, memfd_luo_ser, folios.flags),
	LUO_FIELD("v2.folios.order", V2, NUMBER, memfd_luo_ser, folios.order),
	LUO_FIELD("v2.chunk.next", V2_CHUNK, ADDRESS, kho_vmalloc_chunk,
		  hdr.next.phys),
	LUO_FIELD("v2.chunk.phys", V2_CHUNK, ADDRESS, kho_vmalloc_chunk,
		  phys[0]),
	LUO_BITS("v2.folio.pfn", V2_FOLIO, PFN, 0, 0, 52),
	LUO_BITS("v2.folio.flags", V2_FOLIO, NUMBER, 0, 52, 12),
	LUO_FIELD("v2.folio.index", V2_FOLIO, NUMBER, memfd_luo_folio_ser,
		  index),

	LUO_FIELD("bpf.magic", BPF, NUMBER, luo_bpf_ser, magic),
	LUO_FIELD("bpf.format", BPF, NUMBER, luo_bpf_ser, format),
	LUO_FIELD("bpf.version", BPF, NUMBER, luo_bpf_ser, version),
	LUO_FIELD("bpf.state_size", BPF, NUMBER, luo_bpf_ser, state_size),
	LUO_FIELD("bpf.f_flags", BPF, NUMBER, luo_bpf_ser, f_flags),
	LUO_FIELD("bpf.access", BPF, NUMBER, luo_bpf_ser, access),
	LUO_FIELD("bpf.f_pos", BPF, NUMBER, luo_bpf_ser, f_pos),
	LUO_FIELD("bpf.blob_size", BPF, NUMBER, luo_bpf_ser, blob_size),
	LUO_FIELD("bpf.blob_pa", BPF, ADDRESS, luo_bpf_ser, blob_pa),
	LUO_FIELD("bpf.nr_chunks", BPF, NUMBER, luo_bpf_ser, nr_chunks),
	LUO_FIELD("bpf.sum", BPF, NUMBER, luo_bpf_ser, sum),
	LUO_FIELD("bpf.state", BPF, NUMBER, luo_bpf_ser, state[0]),
	LUO_FIELD("bpf.chunks.next", CHUNKS, ADDRESS, kho_block_header_ser,
		  next),
	LUO_FIELD("bpf.chunks.count", CHUNKS, NUMBER, kho_block_header_ser,
		  count),
	LUO_BITS("bpf.chunk.pa", CHUNKS, ADDRESS,
		 sizeof(struct kho_block_header_ser) +
		 offsetof(struct luo_bpf_chunk_ser, pa), 0, 64),
	LUO_BITS("bpf.chunk.order", CHUNKS, NUMBER,
		 sizeof(struct kho_block_header_ser) +
		 offsetof(struct luo_bpf_chunk_ser, order), 0, 64),

	LUO_FIELD("flb_header.pgcnt", FLB_HEADER, NUMBER, luo_flb_header_ser,
		  pgcnt),
	LUO_FIELD("flb_header.count", FLB_HEADER, NUMBER, luo_flb_header_ser,
		  count),
	LUO_FIELD("flb.name", FLB, STRING, luo_flb_ser, name),
	LUO_FIELD("flb.data", FLB, ADDRESS, luo_flb_ser, data),
	LUO_FIELD("flb.count", FLB, NUMBER, luo_flb_ser, count),
};

const unsigned int luo_nr_fields = ARRAY_SIZE(luo_fields);
