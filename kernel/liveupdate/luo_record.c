// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: lists of records from the previous kernel.
 *
 * kho_block writes these lists; what reads them back here takes nothing for
 * granted. Each block is claimed before it is looked at: so it is preserved
 * memory of the right size, no other list or file has it, and a list that leads
 * back into itself ends there.
 */
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/siphash.h>
#include <linux/string.h>

#include "luo_internal.h"

/*
 * A damaged record may name what belongs to another file, and holds it until that
 * is found out: no other file's record is looked at meanwhile. Held from the first
 * claim to the verdict by whoever reads one.
 */
DEFINE_MUTEX(luo_claiming);

/* A string that is not empty and ends within its field. */
bool luo_string_ok(const char *string, size_t size)
{
	size_t len = strnlen(string, size);

	return len && len < size;
}

static bool luo_block_ok(const struct kho_block_header_ser *block, size_t size)
{
	return block->count &&
	       block->count <= (KHO_BLOCK_SIZE - sizeof(*block)) / size;
}

static struct kho_block_header_ser *luo_block_claim(u64 pa)
{
	int order = kho_claim(pa);

	if (order < 0)
		return NULL;
	if (order) {
		kho_unclaim(pa);
		return NULL;
	}
	return phys_to_virt(pa);
}

/* The first @nr blocks of a list, which were claimed; U64_MAX: all. */
static void luo_blocks_unclaim_some(u64 pa, u64 nr)
{
	while (pa && nr--) {
		struct kho_block_header_ser *block = phys_to_virt(pa);

		kho_unclaim(pa);
		pa = block->next;
	}
}

static struct luo_block_owner *
luo_block_owner(struct kho_block_header_ser *block)
{
	return (void *)block + LUO_BLOCK_OWNER_OFFSET;
}

static u64 luo_owner_hash(const char *name, u64 nr)
{
	const siphash_key_t key = { { LUO_BLOCK_OWNER_MAGIC, nr } };

	return siphash(name, strlen(name), &key);
}

/* A block that says nothing comes from mainline. */
static bool luo_owner_ok(struct kho_block_header_ser *block, const char *name,
			 u64 nr)
{
	struct luo_block_owner *owner = luo_block_owner(block);

	return owner->magic != LUO_BLOCK_OWNER_MAGIC ||
	       owner->owner == luo_owner_hash(name, nr);
}

/**
 * luo_blocks_sign - say whose files a list has
 * @blocks: the list, outgoing, written
 * @name:   of the session
 */
void luo_blocks_sign(struct kho_block_set *blocks, const char *name)
{
	struct kho_block *block;
	u64 nr = 0;

	list_for_each_entry(block, &blocks->blocks, list) {
		struct luo_block_owner *owner = luo_block_owner(block->ser);

		owner->magic = LUO_BLOCK_OWNER_MAGIC;
		owner->owner = luo_owner_hash(name, nr++);
	}
}

/**
 * luo_blocks_claim - check a list and make it the caller's
 * @head_pa: its first block, from the previous kernel; 0 for an empty list
 * @size:    of one record
 * @count:   how many records the list must have
 * @name:    of the session whose files they are, else NULL
 *
 * Looks at what surrounds the records, not at them.
 *
 * Return: 0, or -EUCLEAN with nothing claimed.
 */
int luo_blocks_claim(u64 head_pa, size_t size, u64 count, const char *name)
{
	struct kho_block_header_ser *block;
	u64 nr = 0, sum = 0;

	for (u64 pa = head_pa; pa; pa = block->next) {
		block = luo_block_claim(pa);
		if (!block)
			goto unclaim;
		nr++;
		if (!luo_block_ok(block, size) ||
		    (name && !luo_owner_ok(block, name, nr - 1)))
			goto unclaim;
		sum += block->count;
	}
	if (sum == count)
		return 0;

unclaim:
	luo_blocks_unclaim_some(head_pa, nr);
	return -EUCLEAN;
}

/* Gives a list back that luo_blocks_claim() took. */
void luo_blocks_unclaim(u64 head_pa)
{
	luo_blocks_unclaim_some(head_pa, U64_MAX);
}

static int luo_block_read(struct kho_block_header_ser *block, size_t size,
			  luo_record_fn fn, void *data)
{
	void *record = block + 1;
	int err;

	for (u64 i = 0; i < block->count; i++, record += size) {
		err = fn(record, data);
		if (err)
			return err;
	}
	return 0;
}

/**
 * luo_blocks_read - call a function for each record of a claimed list
 * @head_pa: its first block
 * @size:    of one record
 * @fn:      called in the order of the list; an error ends the walk
 * @data:    passed to @fn
 *
 * Return: 0, or what @fn returned.
 */
int luo_blocks_read(u64 head_pa, size_t size, luo_record_fn fn, void *data)
{
	struct kho_block_header_ser *block;
	int err;

	for (u64 pa = head_pa; pa; pa = block->next) {
		block = phys_to_virt(pa);
		err = luo_block_read(block, size, fn, data);
		if (err)
			return err;
	}
	return 0;
}

/**
 * luo_blocks_salvage - claim and read as much of a list as can be read
 * @head_pa: its first block, from the previous kernel
 * @size:    of one record
 * @fn:      called for each record; an error ends the walk
 * @data:    passed to @fn
 * @damaged: set if records were missed
 *
 * All blocks are claimed before any record is read, so that what a record leads
 * to is none of them. A block with an impossible count is skipped; one that
 * can't be claimed ends the list.
 *
 * Return: how many blocks were claimed, which are the caller's to free; or what
 * @fn returned, with none claimed.
 */
s64 luo_blocks_salvage(u64 head_pa, size_t size, luo_record_fn fn, void *data,
		       bool *damaged)
{
	struct kho_block_header_ser *block;
	s64 nr = 0;
	u64 pa;
	int err;

	for (pa = head_pa; pa; pa = block->next) {
		block = luo_block_claim(pa);
		if (!block) {
			*damaged = true;
			break;
		}
		nr++;
	}

	pa = head_pa;
	for (s64 i = 0; i < nr; i++, pa = block->next) {
		block = phys_to_virt(pa);
		if (!luo_block_ok(block, size)) {
			*damaged = true;
			continue;
		}
		err = luo_block_read(block, size, fn, data);
		if (err) {
			luo_blocks_unclaim_some(head_pa, nr);
			return err;
		}
	}
	return nr;
}

/* Frees the first @nr blocks of a list, which were claimed; U64_MAX: all. */
void luo_blocks_free(u64 head_pa, u64 nr)
{
	while (head_pa && nr--) {
		struct kho_block_header_ser *block = phys_to_virt(head_pa);

		head_pa = block->next;
		kho_restore_free(block);
	}
}
