// SPDX-License-Identifier: GPL-2.0
/* The record of a file with a BPF handler: written, handed over, damaged, read. */
#include <kunit/test.h>

#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../luo_bpf.h"
#include "luo_kunit.h"

#define TAG	0x1234
#define VERSION	7
/* Not a multiple of anything; more chunks than fit into one block */
#define BLOB	(300 * PAGE_SIZE + 17)

static u8 pattern(u64 offset)
{
	return offset * 31 + (offset >> 12);
}

static void fill(struct kunit *test, struct luo_bpf_record *rec, u64 size)
{
	u8 buf[67];

	for (u64 at = 0; at < size; at += sizeof(buf)) {
		u32 n = min_t(u64, sizeof(buf), size - at);

		for (u32 i = 0; i < n; i++)
			buf[i] = pattern(at + i);
		KUNIT_ASSERT_EQ(test, luo_bpf_record_copy_in(rec, at, buf, n), 0);
	}
}

static bool is_filled(struct luo_bpf_record *rec, u64 size)
{
	u8 buf[101];

	for (u64 at = 0; at < size; at += sizeof(buf)) {
		u32 n = min_t(u64, sizeof(buf), size - at);

		if (luo_bpf_record_copy_out(rec, at, buf, n))
			return false;
		for (u32 i = 0; i < n; i++) {
			if (buf[i] != pattern(at + i))
				return false;
		}
	}
	return true;
}

/* Grown page by page, so that it has many chunks */
static void create(struct kunit *test, struct luo_bpf_record *rec, u64 blob)
{
	KUNIT_ASSERT_EQ(test, luo_bpf_record_create(rec, VERSION), 0);
	rec->ser->state_size = 100;
	memset(rec->ser->state, 0x5a, 100);
	rec->ser->access = LUO_BPF_READ | LUO_BPF_WRITE;
	for (u64 size = 0; size < blob;) {
		size = min(size + PAGE_SIZE, blob);
		KUNIT_ASSERT_EQ(test, luo_bpf_record_resize(rec, size), 0);
	}
	fill(test, rec, blob);
	luo_bpf_record_write(rec, TAG);
}

/* What of @rec crosses a kexec does; the rest is gone. */
static struct luo_bpf_ser *hand_over(struct kunit *test, struct luo_bpf_record *rec)
{
	struct luo_bpf_ser *ser = rec->ser;
	struct kho_block *block, *next;

	luo_kunit_hand_over(test, ser);
	for (u32 i = 0; i < rec->nr_chunks; i++)
		luo_kunit_hand_over(test, rec->chunks[i].mem);
	list_for_each_entry_safe(block, next, &rec->blocks.blocks, list) {
		luo_kunit_hand_over(test, block->ser);
		kfree(block);
	}
	kvfree(rec->chunks);
	return ser;
}

static struct luo_bpf_ser *handed_over(struct kunit *test, u64 blob)
{
	struct luo_bpf_record rec = {};

	create(test, &rec, blob);
	return hand_over(test, &rec);
}

static struct kho_block_header_ser *first_block(const struct luo_bpf_ser *ser)
{
	return phys_to_virt(ser->blob_pa);
}

static struct luo_bpf_chunk_ser *chunk(const struct luo_bpf_ser *ser, unsigned int n)
{
	return (struct luo_bpf_chunk_ser *)(first_block(ser) + 1) + n;
}

static void expect_refused(struct kunit *test, const struct luo_bpf_ser *ser)
{
	unsigned int preserved = luo_kunit_preserved(test), claimed = luo_kunit_claimed(test);

	KUNIT_EXPECT_EQ(test, luo_bpf_reclaim(virt_to_phys((void *)ser), TAG), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), preserved);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), claimed);
}

static void expect_read(struct kunit *test, const struct luo_bpf_ser *ser)
{
	KUNIT_EXPECT_EQ(test, luo_bpf_reclaim(virt_to_phys((void *)ser), TAG), 0);
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 0);
}

/* Wrong, but as if it had been written so: the sum does not help. */
static void expect_refused_with_sum(struct kunit *test, struct luo_bpf_ser *ser)
{
	expect_refused(test, ser);
	ser->sum = luo_bpf_sum(ser, TAG);
	expect_refused(test, ser);
}

static void read_back(struct kunit *test)
{
	static const u64 sizes[] = { 0, 1, PAGE_SIZE, PAGE_SIZE + 1, BLOB };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct luo_bpf_ser *ser = handed_over(test, sizes[i]);
		u64 pa = virt_to_phys(ser);
		struct luo_bpf_record rec = {};

		KUNIT_EXPECT_EQ(test, luo_bpf_record_peek(pa), PAGE_SIZE + PAGE_ALIGN(sizes[i]));
		KUNIT_ASSERT_EQ(test, luo_bpf_record_read(&rec, pa, TAG), 0);
		KUNIT_EXPECT_EQ(test, rec.ser->version, VERSION);
		KUNIT_EXPECT_EQ(test, rec.ser->blob_size, sizes[i]);
		KUNIT_EXPECT_TRUE(test, is_filled(&rec, sizes[i]));
		KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), luo_kunit_preserved(test));
		/* It has an owner. */
		KUNIT_EXPECT_EQ(test, luo_bpf_reclaim(pa, TAG), -EUCLEAN);
		luo_bpf_record_free(&rec);
		KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 0);
	}
}

/* In one go, so that chunks are as large as they can be */
static void read_back_large_chunks(struct kunit *test)
{
	struct luo_bpf_record rec = {};
	struct luo_bpf_ser *ser;

	KUNIT_ASSERT_EQ(test, luo_bpf_record_create(&rec, VERSION), 0);
	KUNIT_ASSERT_EQ(test, luo_bpf_record_resize(&rec, SZ_1M + 1), 0);
	KUNIT_EXPECT_GT(test, rec.chunks[0].order, 0);
	fill(test, &rec, SZ_1M + 1);
	luo_bpf_record_write(&rec, TAG);
	ser = hand_over(test, &rec);

	rec = (struct luo_bpf_record) {};
	KUNIT_ASSERT_EQ(test, luo_bpf_record_read(&rec, virt_to_phys(ser), TAG), 0);
	KUNIT_EXPECT_TRUE(test, is_filled(&rec, SZ_1M + 1));
	luo_bpf_record_free(&rec);
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 0);
}

static void copy_range(struct kunit *test)
{
	struct luo_bpf_record rec = {};
	u8 buf[2];

	create(test, &rec, PAGE_SIZE + 1);
	KUNIT_EXPECT_EQ(test, luo_bpf_record_copy_out(&rec, PAGE_SIZE - 1, buf, 2), 0);
	KUNIT_EXPECT_EQ(test, luo_bpf_record_copy_out(&rec, PAGE_SIZE, buf, 2), -ERANGE);
	KUNIT_EXPECT_EQ(test, luo_bpf_record_copy_out(&rec, PAGE_SIZE + 1, buf, 0), 0);
	KUNIT_EXPECT_EQ(test, luo_bpf_record_copy_out(&rec, PAGE_SIZE + 2, buf, 0), -ERANGE);
	KUNIT_EXPECT_EQ(test, luo_bpf_record_copy_in(&rec, U64_MAX, buf, 2), -ERANGE);
	KUNIT_EXPECT_EQ(test, luo_bpf_record_copy_in(&rec, 0, buf, U32_MAX), -ERANGE);
	KUNIT_EXPECT_TRUE(test, is_filled(&rec, PAGE_SIZE + 1));
	luo_bpf_record_free(&rec);
}

/* What was cut off does not come back. */
static void shrink_and_grow(struct kunit *test)
{
	static const u64 cuts[] = { 0, 1, PAGE_SIZE - 1, PAGE_SIZE, 2 * PAGE_SIZE + 5 };
	u8 byte;

	for (int i = 0; i < ARRAY_SIZE(cuts); i++) {
		struct luo_bpf_record rec = {};

		create(test, &rec, 3 * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, luo_bpf_record_resize(&rec, cuts[i]), 0);
		KUNIT_EXPECT_EQ(test, luo_bpf_record_resize(&rec, 3 * PAGE_SIZE), 0);
		KUNIT_EXPECT_TRUE(test, is_filled(&rec, cuts[i]));
		for (u64 at = cuts[i]; at < 3 * PAGE_SIZE; at++) {
			KUNIT_ASSERT_EQ(test, luo_bpf_record_copy_out(&rec, at, &byte, 1), 0);
			KUNIT_ASSERT_EQ(test, byte, 0);
		}
		luo_bpf_record_free(&rec);
	}
}

static void wrong_tag(struct kunit *test)
{
	struct luo_bpf_ser *ser = handed_over(test, PAGE_SIZE);

	KUNIT_EXPECT_EQ(test, luo_bpf_reclaim(virt_to_phys(ser), TAG + 1), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), 0);
	expect_read(test, ser);
}

static void wrong_address(struct kunit *test)
{
	struct luo_bpf_ser *ser = handed_over(test, PAGE_SIZE), *large;
	u64 pa = ser->blob_pa, bad;

	for (unsigned int n = 0; (bad = luo_kunit_bad_address(test, n)); n++) {
		KUNIT_EXPECT_EQ(test, luo_bpf_reclaim(bad, TAG), -EUCLEAN);
		KUNIT_EXPECT_EQ(test, luo_bpf_record_peek(bad), 0);
		ser->blob_pa = bad;
		expect_refused(test, ser);
		ser->blob_pa = pa;
	}

	large = luo_kunit_alloc(test, 1);
	memcpy(large, ser, sizeof(*ser));
	expect_refused(test, large);
	KUNIT_EXPECT_EQ(test, luo_bpf_record_peek(virt_to_phys(large)), 0);
}

/* A record that was moved is not the one that was written. */
static void copy_of_record(struct kunit *test)
{
	struct luo_bpf_ser *ser = handed_over(test, PAGE_SIZE);
	struct luo_bpf_ser *copy = luo_kunit_alloc(test, 0);

	memcpy(copy, ser, sizeof(*ser));
	expect_refused(test, copy);
}

static void damaged_bits(struct kunit *test)
{
	struct luo_bpf_ser *ser = handed_over(test, PAGE_SIZE + 1);
	u8 *bytes = (u8 *)ser;

	/* Up to the end of the state in use: there every bit counts. */
	for (unsigned int bit = 0; bit < 8 * (offsetof(struct luo_bpf_ser, state) + 100); bit++) {
		bytes[bit / 8] ^= BIT(bit % 8);
		expect_refused(test, ser);
		bytes[bit / 8] ^= BIT(bit % 8);
	}
	/* So it does in the list of chunks. */
	bytes = (u8 *)first_block(ser);
	for (unsigned int bit = 0; bit < 8 * sizeof(struct kho_block_header_ser) + 8 * 32; bit++) {
		bytes[bit / 8] ^= BIT(bit % 8);
		expect_refused(test, ser);
		bytes[bit / 8] ^= BIT(bit % 8);
	}
	expect_read(test, ser);
}

struct wrong {
	size_t offset, size;
	u64 value;
};

#define WRONG(_member, _value) {					\
	.offset = offsetof(struct luo_bpf_ser, _member),		\
	.size = sizeof_field(struct luo_bpf_ser, _member),		\
	.value = _value,						\
}

static const struct wrong wrong[] = {
	WRONG(magic, 0),
	WRONG(magic, LUO_BPF_MAGIC + 1),
	WRONG(format, 0),
	WRONG(format, LUO_BPF_FORMAT + 1),
	WRONG(version, 0),
	WRONG(access, LUO_BPF_READ | 4),
	WRONG(access, U32_MAX),
	WRONG(f_pos, 1ULL << 63),
	WRONG(f_pos, U64_MAX),
	WRONG(blob_size, 0),
	WRONG(blob_size, PAGE_SIZE),
	WRONG(blob_size, 2 * PAGE_SIZE + 1),
	WRONG(blob_size, LUO_BPF_MAX_BYTES),
	WRONG(blob_size, LUO_BPF_MAX_BYTES + 1),
	WRONG(blob_size, U64_MAX),
	WRONG(nr_chunks, 0),
	WRONG(nr_chunks, 1),
	WRONG(nr_chunks, 3),
	WRONG(nr_chunks, U64_MAX),
};

static void wrong_field(struct kunit *test)
{
	struct luo_bpf_ser *ser = handed_over(test, 2 * PAGE_SIZE);
	/* All in front of the state */
	u8 old[offsetof(struct luo_bpf_ser, state)];

	memcpy(old, ser, sizeof(old));
	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		memcpy((void *)ser + wrong[i].offset, &wrong[i].value, wrong[i].size);
		expect_refused_with_sum(test, ser);
		memcpy(ser, old, sizeof(old));
	}
	/* Refused before a sum is made over it */
	ser->state_size = LUO_BPF_STATE_MAX + 1;
	expect_refused(test, ser);
	ser->state_size = U32_MAX;
	expect_refused(test, ser);
	ser->state_size = LUO_BPF_STATE_MAX;
	ser->sum = luo_bpf_sum(ser, TAG);
	expect_read(test, ser);
}

static void wrong_chunk(struct kunit *test)
{
	struct luo_bpf_ser *ser = handed_over(test, 2 * PAGE_SIZE);
	struct luo_bpf_chunk_ser *first = chunk(ser, 0), *second = chunk(ser, 1), old = *second;
	u64 bad;

	for (unsigned int n = 0; (bad = luo_kunit_bad_address(test, n)); n++) {
		second->pa = bad;
		expect_refused_with_sum(test, ser);
	}
	/* What somebody has: this record, its list, its other chunk */
	second->pa = virt_to_phys(ser);
	expect_refused_with_sum(test, ser);
	second->pa = ser->blob_pa;
	expect_refused_with_sum(test, ser);
	second->pa = first->pa;
	expect_refused_with_sum(test, ser);

	*second = old;
	for (u64 order = 1; order <= 64; order *= 2) {
		second->order = order;
		expect_refused_with_sum(test, ser);
	}
	second->order = U64_MAX;
	expect_refused_with_sum(test, ser);

	*second = old;
	ser->sum = luo_bpf_sum(ser, TAG);
	expect_read(test, ser);
}

static void shared_chunk(struct kunit *test)
{
	struct luo_bpf_ser *ser = handed_over(test, 2 * PAGE_SIZE);
	struct luo_bpf_ser *other = handed_over(test, PAGE_SIZE);
	struct luo_bpf_record rec = {};

	chunk(ser, 1)->pa = chunk(other, 0)->pa;
	ser->sum = luo_bpf_sum(ser, TAG);
	KUNIT_ASSERT_EQ(test, luo_bpf_record_read(&rec, virt_to_phys(other), TAG), 0);
	expect_refused(test, ser);
	luo_bpf_record_free(&rec);
	expect_refused(test, ser);
}

static void wrong_list(struct kunit *test)
{
	struct luo_bpf_ser *ser = handed_over(test, BLOB);
	struct kho_block_header_ser *first = first_block(ser), *second = phys_to_virt(first->next);
	u64 next = first->next;

	/* Each with a sum, or a list without an end would be followed by it. */
	second->next = ser->blob_pa;
	expect_refused(test, ser);
	second->next = next;
	expect_refused(test, ser);
	second->next = 0;
	first->next = 0;
	expect_refused_with_sum(test, ser);
	first->next = next;
	first->count--;
	expect_refused_with_sum(test, ser);
	first->count += 2;
	expect_refused(test, ser);
	first->count--;
	ser->sum = luo_bpf_sum(ser, TAG);
	expect_read(test, ser);
}

struct reclaimer {
	u64 pa;
	unsigned int rounds;
};

static int reclaim_until_stopped(void *data)
{
	struct reclaimer *r = data;

	while (!kthread_should_stop()) {
		luo_bpf_reclaim(r->pa, TAG);
		WRITE_ONCE(r->rounds, r->rounds + 1);
		cond_resched();
	}
	return 0;
}

/* Until it is known to be damaged, a record holds what it names; nobody sees that. */
static void read_beside_damaged(struct kunit *test)
{
	struct luo_bpf_ser *bad = handed_over(test, BLOB), *good = handed_over(test, 0);
	struct reclaimer r = { .pa = virt_to_phys(bad) };
	struct task_struct *task;
	unsigned int refused = 0;

	chunk(bad, 0)->pa = virt_to_phys(good);
	chunk(bad, 200)->order = 1;
	bad->sum = luo_bpf_sum(bad, TAG);
	expect_refused(test, bad);

	task = kthread_run(reclaim_until_stopped, &r, "luo_kunit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	while (READ_ONCE(r.rounds) < 500) {
		struct luo_bpf_record rec = {};

		if (luo_bpf_record_read(&rec, virt_to_phys(good), TAG))
			refused++;
		else
			kho_unclaim(virt_to_phys(good));
		cond_resched();
	}
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, refused, 0);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), 0);
}

static struct kunit_case luo_bpf_record_cases[] = {
	KUNIT_CASE(read_back),
	KUNIT_CASE(read_back_large_chunks),
	KUNIT_CASE(copy_range),
	KUNIT_CASE(shrink_and_grow),
	KUNIT_CASE(wrong_tag),
	KUNIT_CASE(wrong_address),
	KUNIT_CASE(copy_of_record),
	KUNIT_CASE(damaged_bits),
	KUNIT_CASE(wrong_field),
	KUNIT_CASE(wrong_chunk),
	KUNIT_CASE(shared_chunk),
	KUNIT_CASE(wrong_list),
	KUNIT_CASE(read_beside_damaged),
	{}
};

static struct kunit_suite luo_bpf_record_suite = {
	.name = "luo_bpf_record",
	.init = luo_kunit_init,
	.exit = luo_kunit_exit,
	.test_cases = luo_bpf_record_cases,
};

kunit_test_suite(luo_bpf_record_suite);
