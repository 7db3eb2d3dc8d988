// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: the record of a file with a BPF handler.
 *
 * Before the kexec a record is made and changed; behind it the same structure
 * is filled from what was handed over, which stays as it is until it is freed:
 * a file can be retrieved again after a failure. Built without LIVEUPDATE_BPF
 * too: a kernel with no BPF handlers can still free what one left.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <kunit/visibility.h>

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/xxhash.h>

#include "luo_bpf.h"

static_assert(sizeof(struct luo_bpf_ser) <= PAGE_SIZE);
static_assert(LUO_BPF_MAX_BYTES / PAGE_SIZE <= U32_MAX / 2);

/* Larger ones would only be harder to get. */
#define LUO_BPF_CHUNK_ORDER	min(9, MAX_PAGE_ORDER)

static u64 luo_bpf_chunk_bytes(unsigned int order)
{
	return (u64)PAGE_SIZE << order;
}

/**
 * luo_bpf_record_create - make an empty record for the next kernel
 * @rec:     the record, all zero
 * @version: of the state that it will have
 *
 * Return: 0 or -ENOMEM.
 */
int luo_bpf_record_create(struct luo_bpf_record *rec, u32 version)
{
	rec->ser = kho_alloc_preserve(sizeof(*rec->ser));
	if (IS_ERR(rec->ser))
		return PTR_ERR(rec->ser);

	rec->ser->magic = LUO_BPF_MAGIC;
	rec->ser->format = LUO_BPF_FORMAT;
	rec->ser->version = version;
	kho_block_set_init(&rec->blocks, sizeof(struct luo_bpf_chunk_ser));
	return 0;
}

/* The blocks are there to be read: written just now, or claimed. */
VISIBLE_IF_KUNIT
u64 luo_bpf_sum(const struct luo_bpf_ser *ser, u64 tag)
{
	const struct kho_block_header_ser *block;
	u64 sum = tag ^ virt_to_phys((void *)ser);

	sum = xxh64(&ser->version, offsetof(struct luo_bpf_ser, state) -
		    offsetof(struct luo_bpf_ser, version) + ser->state_size,
		    sum);
	for (u64 pa = ser->blob_pa; pa; pa = block->next) {
		block = phys_to_virt(pa);
		sum = xxh64(block + 1, block->count *
			    sizeof(struct luo_bpf_chunk_ser), sum);
	}
	return sum;
}

static void luo_bpf_chunks_write(struct luo_bpf_record *rec)
{
	struct luo_bpf_chunk_ser *ser;
	struct kho_block_set_it it;

	kho_block_set_clear(&rec->blocks);
	kho_block_set_it_init(&it, &rec->blocks);
	for (u32 i = 0; i < rec->nr_chunks; i++) {
		ser = kho_block_set_it_reserve_entry(&it);
		ser->pa = virt_to_phys(rec->chunks[i].mem);
		ser->order = rec->chunks[i].order;
	}
}

/**
 * luo_bpf_record_write - make a record complete
 * @rec: the record, outgoing
 * @tag: liveupdate_file_tag() of the file
 *
 * There is room for each chunk: see luo_bpf_chunk_add().
 */
void luo_bpf_record_write(struct luo_bpf_record *rec, u64 tag)
{
	/* Most have no blob. */
	if (rec->blocks.nblocks)
		luo_bpf_chunks_write(rec);
	rec->ser->blob_pa = kho_block_set_head_pa(&rec->blocks);
	rec->ser->nr_chunks = rec->nr_chunks;
	rec->ser->sum = luo_bpf_sum(rec->ser, tag);
}

/* In place of a file's, the tag of a record that is found by a name */
u64 luo_bpf_name_tag(const char *name)
{
	return xxh64(name, strlen(name), 0);
}

/* Either side of the kexec: all of it, the memory of @rec itself left out. */
void luo_bpf_record_free(struct luo_bpf_record *rec)
{
	void (*free)(void *mem) = rec->incoming ? kho_restore_free :
						  kho_unpreserve_free;

	for (u32 i = 0; i < rec->nr_chunks; i++)
		free(rec->chunks[i].mem);
	kvfree(rec->chunks);

	if (rec->incoming)
		luo_blocks_free(rec->ser->blob_pa, U64_MAX);
	else
		kho_block_set_destroy(&rec->blocks);
	free(rec->ser);
}

/* What it costs */
u64 luo_bpf_record_bytes(const struct luo_bpf_record *rec)
{
	return PAGE_SIZE + rec->capacity +
	       (rec->incoming ? 0 : rec->blocks.nblocks * KHO_BLOCK_SIZE);
}

/* Reading */

static bool luo_bpf_ser_ok(const struct luo_bpf_ser *ser)
{
	return ser->magic == LUO_BPF_MAGIC && ser->format == LUO_BPF_FORMAT &&
	       ser->version && ser->state_size <= LUO_BPF_STATE_MAX &&
	       !(ser->access & ~(LUO_BPF_READ | LUO_BPF_WRITE)) &&
	       ser->f_pos <= S64_MAX &&
	       ser->blob_size <= LUO_BPF_MAX_BYTES &&
	       ser->nr_chunks <= DIV_ROUND_UP(ser->blob_size, PAGE_SIZE);
}

/**
 * luo_bpf_record_peek - what a record that was handed over costs
 * @pa: where it is said to be
 *
 * Claims nothing.
 *
 * Return: bytes, 0 if it can't be read.
 */
u64 luo_bpf_record_peek(u64 pa)
{
	const struct luo_bpf_ser *ser;

	if (kho_preserved_order(pa))
		return 0;
	ser = phys_to_virt(pa);
	return luo_bpf_ser_ok(ser) ? PAGE_SIZE + PAGE_ALIGN(ser->blob_size) : 0;
}

/* The chunks in front of it were read, so it begins where they end. */
static int luo_bpf_chunk_read(void *record, void *data)
{
	struct luo_bpf_chunk_ser *ser = record;
	struct luo_bpf_record *rec = data;

	int order;

	/* One more than it takes */
	if (rec->capacity >= rec->ser->blob_size)
		return -EUCLEAN;

	order = kho_claim(ser->pa);
	if (order < 0)
		return -EUCLEAN;
	if (order != ser->order) {
		kho_unclaim(ser->pa);
		return -EUCLEAN;
	}

	rec->chunks[rec->nr_chunks++] = (struct luo_bpf_chunk) {
		.mem = phys_to_virt(ser->pa),
		.start = rec->capacity,
		.order = ser->order,
	};
	rec->capacity += luo_bpf_chunk_bytes(ser->order);
	return 0;
}

static int luo_bpf_blob_claim(struct luo_bpf_record *rec, u64 tag)
{
	struct luo_bpf_ser *ser = rec->ser;
	int err = 0;

	/* Most have none. */
	if (ser->blob_pa || ser->nr_chunks)
		err = luo_blocks_claim(ser->blob_pa,
				       sizeof(struct luo_bpf_chunk_ser),
				       ser->nr_chunks, NULL);
	if (err)
		return err;

	err = -EUCLEAN;
	if (ser->sum != luo_bpf_sum(ser, tag) ||
	    !ser->nr_chunks != !ser->blob_size)
		goto unclaim;
	if (!ser->nr_chunks)
		return 0;

	err = -ENOMEM;
	rec->chunks = kvmalloc_objs(*rec->chunks, ser->nr_chunks);
	if (!rec->chunks)
		goto unclaim;
	err = luo_blocks_read(ser->blob_pa, sizeof(struct luo_bpf_chunk_ser),
			      luo_bpf_chunk_read, rec);
	if (!err && rec->capacity < ser->blob_size)
		err = -EUCLEAN;
	if (!err)
		return 0;

	while (rec->nr_chunks)
		kho_unclaim(virt_to_phys(rec->chunks[--rec->nr_chunks].mem));
	kvfree(rec->chunks);
unclaim:
	luo_blocks_unclaim(ser->blob_pa);
	return err;
}

/**
 * luo_bpf_record_read - claim and check what the previous kernel handed over
 * @rec: the record, all zero
 * @pa:  where it is said to be
 * @tag: liveupdate_file_tag() of the file that it must be
 *
 * Context: may sleep.
 * Return: 0, -EUCLEAN if it is damaged, -ENOMEM.
 */
int luo_bpf_record_read(struct luo_bpf_record *rec, u64 pa, u64 tag)
{
	int err = -EUCLEAN;
	int order;

	guard(mutex)(&luo_claiming);

	order = kho_claim(pa);
	if (order < 0)
		return -EUCLEAN;

	rec->incoming = true;
	rec->ser = phys_to_virt(pa);
	if (!order && luo_bpf_ser_ok(rec->ser))
		err = luo_bpf_blob_claim(rec, tag);
	if (err)
		kho_unclaim(pa);
	return err;
}

/**
 * luo_bpf_reclaim - free a file that no handler took
 * @pa:  its record
 * @tag: liveupdate_file_tag() of the file
 *
 * Return: 0, or an errno with its memory still reserved.
 */
int luo_bpf_reclaim(u64 pa, u64 tag)
{
	struct luo_bpf_record rec = {};
	int err = luo_bpf_record_read(&rec, pa, tag);

	if (!err)
		luo_bpf_record_free(&rec);
	return err;
}

/* The blob */

static struct luo_bpf_chunk *luo_bpf_chunk_at(struct luo_bpf_record *rec,
					      u64 offset)
{
	u32 low = 0, high = rec->nr_chunks;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (rec->chunks[middle].start <= offset)
			low = middle;
		else
			high = middle;
	}
	return &rec->chunks[low];
}

static void *luo_bpf_chunk_alloc(u64 bytes, unsigned int *orderp)
{
	u64 pages = DIV_ROUND_UP(bytes, PAGE_SIZE);
	int order = min_t(int, ilog2(pages), LUO_BPF_CHUNK_ORDER);
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO;
	struct folio *folio;

	do {
		folio = folio_alloc(order ? gfp | __GFP_NORETRY | __GFP_NOWARN :
					    gfp, order);
	} while (!folio && order--);
	if (!folio)
		return NULL;

	if (kho_preserve_folio(folio)) {
		folio_put(folio);
		return NULL;
	}
	*orderp = order;
	return folio_address(folio);
}

static int luo_bpf_chunks_reserve(struct luo_bpf_record *rec, u32 nr)
{
	struct luo_bpf_chunk *chunks;
	u32 room = max(nr, 2 * rec->room);

	if (nr <= rec->room)
		return 0;

	chunks = kvrealloc(rec->chunks, array_size(room, sizeof(*chunks)),
			   GFP_KERNEL_ACCOUNT);
	if (!chunks)
		return -ENOMEM;
	rec->chunks = chunks;
	rec->room = room;
	return 0;
}

/* Room for the record of the chunk is taken here, so that freeze can't fail. */
static int luo_bpf_chunk_add(struct luo_bpf_record *rec, u64 bytes)
{
	struct luo_bpf_chunk chunk = { .start = rec->capacity };
	int err;

	err = luo_bpf_chunks_reserve(rec, rec->nr_chunks + 1);
	if (!err)
		err = kho_block_set_grow(&rec->blocks, rec->nr_chunks + 1);
	if (err)
		return err;

	chunk.mem = luo_bpf_chunk_alloc(bytes, &chunk.order);
	if (!chunk.mem)
		return -ENOMEM;

	rec->chunks[rec->nr_chunks++] = chunk;
	rec->capacity += luo_bpf_chunk_bytes(chunk.order);
	return 0;
}

/* Gives back the chunks that begin at or behind @size. */
static void luo_bpf_blob_trim(struct luo_bpf_record *rec, u64 size)
{
	struct luo_bpf_chunk *last;

	while (rec->nr_chunks) {
		last = &rec->chunks[rec->nr_chunks - 1];
		if (last->start < size)
			break;
		rec->capacity = last->start;
		kho_unpreserve_free(last->mem);
		rec->nr_chunks--;
	}
	kho_block_set_shrink(&rec->blocks, rec->nr_chunks);
}

/* What is behind the end reads as zero when the blob grows again. */
static void luo_bpf_blob_cut(struct luo_bpf_record *rec, u64 size)
{
	struct luo_bpf_chunk *last;

	luo_bpf_blob_trim(rec, size);
	if (!rec->nr_chunks)
		return;
	last = &rec->chunks[rec->nr_chunks - 1];
	memset(last->mem + (size - last->start), 0, rec->capacity - size);
}

/**
 * luo_bpf_record_resize - change the size of the blob
 * @rec:  an outgoing record
 * @size: in bytes
 *
 * Return: 0, or with the blob as it was -ENOMEM, -EINTR if the task is being
 * killed.
 */
int luo_bpf_record_resize(struct luo_bpf_record *rec, u64 size)
{
	u64 old = rec->ser->blob_size;
	int err = 0;

	if (size < old)
		luo_bpf_blob_cut(rec, size);

	while (!err && rec->capacity < size) {
		if (fatal_signal_pending(current))
			err = -EINTR;
		else
			err = luo_bpf_chunk_add(rec, size - rec->capacity);
		cond_resched();
	}
	if (err) {
		luo_bpf_blob_trim(rec, old);
		return err;
	}
	rec->ser->blob_size = size;
	return 0;
}

static int luo_bpf_record_copy(struct luo_bpf_record *rec, u64 offset,
			       void *mem, u32 size, bool in)
{
	struct luo_bpf_chunk *chunk;

	if (offset > rec->ser->blob_size ||
	    size > rec->ser->blob_size - offset)
		return -ERANGE;
	if (!size)
		return 0;

	for (chunk = luo_bpf_chunk_at(rec, offset); size; chunk++) {
		u64 at = offset - chunk->start;
		u32 part = min_t(u64, size,
				 luo_bpf_chunk_bytes(chunk->order) - at);

		if (in)
			memcpy(chunk->mem + at, mem, part);
		else
			memcpy(mem, chunk->mem + at, part);
		mem += part;
		offset += part;
		size -= part;
	}
	return 0;
}

/* Returns 0, or -ERANGE if not all of that is inside of the blob. */
int luo_bpf_record_copy_in(struct luo_bpf_record *rec, u64 offset,
			   const void *mem, u32 size)
{
	return luo_bpf_record_copy(rec, offset, (void *)mem, size, true);
}

/* Returns 0, or -ERANGE if not all of that is inside of the blob. */
int luo_bpf_record_copy_out(struct luo_bpf_record *rec, u64 offset, void *mem,
			    u32 size)
{
	return luo_bpf_record_copy(rec, offset, mem, size, false);
}
