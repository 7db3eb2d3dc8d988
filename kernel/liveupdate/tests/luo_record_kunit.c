// SPDX-License-Identifier: GPL-2.0
/* Lists of records from the previous kernel, whole and damaged. */
#include <kunit/test.h>

#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/prandom.h>

#include "../luo_internal.h"
#include "luo_kunit.h"

#define SIZE	sizeof(struct luo_file_ser)
/* What a block has room for */
#define FULL	((KHO_BLOCK_SIZE - sizeof(struct kho_block_header_ser)) / SIZE)
#define NAME	"of this session"

/* A list of @nr blocks with that many records each. */
struct list {
	struct kho_block_header_ser *block[4];
	unsigned int nr;
};

static u64 address(const struct list *list, unsigned int i)
{
	return virt_to_phys(list->block[i]);
}

static u64 head(const struct list *list)
{
	return address(list, 0);
}

static struct list list_of(struct kunit *test, unsigned int nr, const u64 *counts)
{
	struct list list = { .nr = nr };

	for (unsigned int i = 0; i < nr; i++) {
		list.block[i] = luo_kunit_alloc(test, 0);
		list.block[i]->count = counts[i];
		if (i)
			list.block[i - 1]->next = address(&list, i);
	}
	return list;
}

/* Two full blocks and one with one record. */
static struct list usual_list(struct kunit *test)
{
	static const u64 counts[] = { FULL, FULL, 1 };

	return list_of(test, 3, counts);
}

#define USUAL	(2 * FULL + 1)

static void expect_refused(struct kunit *test, const struct list *list, u64 count,
			   const char *name)
{
	unsigned int claimed = luo_kunit_claimed(test);

	KUNIT_EXPECT_EQ(test, luo_blocks_claim(head(list), SIZE, count, name), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), claimed);
}

static void expect_taken(struct kunit *test, const struct list *list, u64 count,
			 const char *name)
{
	unsigned int claimed = luo_kunit_claimed(test);

	KUNIT_EXPECT_EQ(test, luo_blocks_claim(head(list), SIZE, count, name), 0);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), claimed + list->nr);
	luo_blocks_unclaim(head(list));
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), claimed);
}

static void string_ok(struct kunit *test)
{
	char field[8] = {};

	KUNIT_EXPECT_FALSE(test, luo_string_ok(field, sizeof(field)));
	KUNIT_EXPECT_FALSE(test, luo_string_ok(field, 0));
	memcpy(field, "1234567", 8);
	KUNIT_EXPECT_TRUE(test, luo_string_ok(field, sizeof(field)));
	KUNIT_EXPECT_FALSE(test, luo_string_ok(field, sizeof(field) - 1));
	field[7] = '8';
	KUNIT_EXPECT_FALSE(test, luo_string_ok(field, sizeof(field)));
	field[1] = '\0';
	KUNIT_EXPECT_TRUE(test, luo_string_ok(field, sizeof(field)));
}

static void claim_empty(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, luo_blocks_claim(0, SIZE, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, luo_blocks_claim(0, SIZE, 1, NULL), -EUCLEAN);
	luo_blocks_unclaim(0);
	luo_blocks_free(0, U64_MAX);
}

static void claim_once(struct kunit *test)
{
	struct list list = usual_list(test);

	expect_taken(test, &list, USUAL, NULL);
	KUNIT_EXPECT_EQ(test, luo_blocks_claim(head(&list), SIZE, USUAL, NULL), 0);
	expect_refused(test, &list, USUAL, NULL);
	luo_blocks_unclaim(head(&list));
	expect_taken(test, &list, USUAL, NULL);
}

static void claim_wrong_sum(struct kunit *test)
{
	struct list list = usual_list(test);

	expect_refused(test, &list, USUAL - 1, NULL);
	expect_refused(test, &list, USUAL + 1, NULL);
	expect_refused(test, &list, 0, NULL);
	expect_refused(test, &list, U64_MAX, NULL);
}

/* The sum is made to fit, so it is the count by itself that is wrong. */
static void claim_wrong_count(struct kunit *test)
{
	static const u64 counts[] = {
		0, FULL + 1, U32_MAX, 1ULL << 58, U64_MAX / SIZE, U64_MAX,
	};

	for (unsigned int at = 0; at < 3; at++) {
		struct list list = usual_list(test);
		u64 rest = USUAL - list.block[at]->count;

		for (int i = 0; i < ARRAY_SIZE(counts); i++) {
			list.block[at]->count = counts[i];
			expect_refused(test, &list, rest + counts[i], NULL);
		}
		list.block[at]->count = FULL;
		expect_taken(test, &list, rest + FULL, NULL);
	}
}

static void claim_sizes(struct kunit *test)
{
	static const size_t sizes[] = { 1, 16, 64, 80, 4080 };

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 full = (KHO_BLOCK_SIZE - sizeof(struct kho_block_header_ser)) / sizes[i];
		struct list list = list_of(test, 1, &full);

		KUNIT_EXPECT_EQ(test, luo_blocks_claim(head(&list), sizes[i], full, NULL), 0);
		luo_blocks_unclaim(head(&list));
		list.block[0]->count++;
		KUNIT_EXPECT_EQ(test, luo_blocks_claim(head(&list), sizes[i], full + 1, NULL),
				-EUCLEAN);
	}
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), 0);
}

static void claim_wrong_address(struct kunit *test)
{
	struct list list = usual_list(test);
	u64 bad;

	for (unsigned int n = 0; (bad = luo_kunit_bad_address(test, n)); n++) {
		KUNIT_EXPECT_EQ(test, luo_blocks_claim(bad, SIZE, 1, NULL), -EUCLEAN);
		list.block[0]->next = bad;
		expect_refused(test, &list, USUAL, NULL);
		list.block[0]->next = address(&list, 1);
		list.block[2]->next = bad;
		expect_refused(test, &list, USUAL, NULL);
		list.block[2]->next = 0;
	}
	expect_taken(test, &list, USUAL, NULL);
}

/* An area that is larger than a block is no block. */
static void claim_wrong_order(struct kunit *test)
{
	struct list list = usual_list(test);
	struct kho_block_header_ser *large = luo_kunit_alloc(test, 1);

	large->count = 1;
	list.block[2]->next = virt_to_phys(large);
	expect_refused(test, &list, USUAL + 1, NULL);
	KUNIT_EXPECT_EQ(test, luo_blocks_claim(virt_to_phys(large), SIZE, 1, NULL), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), 0);
}

static void claim_cycle(struct kunit *test)
{
	for (unsigned int from = 0; from < 3; from++) {
		for (unsigned int to = 0; to <= from; to++) {
			struct list list = usual_list(test);

			list.block[from]->next = address(&list, to);
			expect_refused(test, &list, USUAL, NULL);
		}
	}
}

/* The first to come has it; the other one leaves that as it is. */
static void claim_shared(struct kunit *test)
{
	struct list first = usual_list(test), second = usual_list(test);

	second.block[1]->next = address(&first, 2);
	KUNIT_ASSERT_EQ(test, luo_blocks_claim(head(&first), SIZE, USUAL, NULL), 0);
	expect_refused(test, &second, USUAL, NULL);
	luo_blocks_unclaim(head(&first));
	expect_taken(test, &second, USUAL, NULL);
}

/* As luo_write_files() does it */
static void sign(struct list *list, const char *name)
{
	struct kho_block blocks[ARRAY_SIZE(list->block)];
	struct kho_block_set set;

	kho_block_set_init(&set, SIZE);
	for (unsigned int i = 0; i < list->nr; i++) {
		blocks[i].ser = list->block[i];
		list_add_tail(&blocks[i].list, &set.blocks);
	}
	luo_blocks_sign(&set, name);
}

static struct luo_block_owner *owner_of(struct kho_block_header_ser *block)
{
	return (void *)block + LUO_BLOCK_OWNER_OFFSET;
}

static void owner(struct kunit *test)
{
	struct list list = usual_list(test);

	/* Mainline signs nothing. */
	expect_taken(test, &list, USUAL, NAME);
	sign(&list, NAME);
	expect_taken(test, &list, USUAL, NAME);
	expect_taken(test, &list, USUAL, NULL);
	expect_refused(test, &list, USUAL, "of another");
	expect_refused(test, &list, USUAL, "");
	sign(&list, "of another");
	expect_refused(test, &list, USUAL, NAME);
}

static void owner_damaged(struct kunit *test)
{
	struct list list = usual_list(test);

	sign(&list, NAME);
	for (unsigned int at = 0; at < 3; at++) {
		struct luo_block_owner *own = owner_of(list.block[at]);

		for (unsigned int bit = 0; bit < 64; bit++) {
			own->owner ^= 1ULL << bit;
			expect_refused(test, &list, USUAL, NAME);
			own->owner ^= 1ULL << bit;
		}
	}
	expect_taken(test, &list, USUAL, NAME);
}

/* A block of the same session, but not in its place */
static void owner_wrong_place(struct kunit *test)
{
	struct list list = usual_list(test);

	sign(&list, NAME);
	list.block[0]->next = address(&list, 2);
	list.block[2]->next = address(&list, 1);
	list.block[1]->next = 0;
	expect_refused(test, &list, USUAL, NAME);
	expect_taken(test, &list, USUAL, NULL);

	list.block[0]->next = address(&list, 2);
	list.block[2]->next = 0;
	expect_refused(test, &list, FULL + 1, NAME);
}

/* The last record of a full block and the owner do not meet. */
static void owner_room(struct kunit *test)
{
	struct list list = usual_list(test);

	memset(list.block[0] + 1, 0xff, FULL * SIZE);
	sign(&list, NAME);
	expect_taken(test, &list, USUAL, NAME);
	KUNIT_EXPECT_NULL(test, memchr_inv(list.block[0] + 1, 0xff, FULL * SIZE));
}

struct walk {
	u64 nr;
	u64 stop_at;
	bool wrong;
};

static int count_record(void *record, void *data)
{
	struct luo_file_ser *ser = record;
	struct walk *walk = data;

	walk->wrong |= ser->token != walk->nr;
	return ++walk->nr == walk->stop_at ? -ENOMEM : 0;
}

/* Tokens in the order of the list; blocks that are @left_out have none. */
static void number_records(struct list *list, unsigned int left_out)
{
	u64 token = 0;

	for (unsigned int i = 0; i < list->nr; i++) {
		struct luo_file_ser *ser = (void *)(list->block[i] + 1);

		for (u64 n = 0; n < list->block[i]->count && !(left_out & BIT(i)); n++)
			ser[n].token = token++;
	}
}

static void read_in_order(struct kunit *test)
{
	struct list list = usual_list(test);
	struct walk walk = {};

	number_records(&list, 0);
	KUNIT_EXPECT_EQ(test, luo_blocks_read(head(&list), SIZE, count_record, &walk), 0);
	KUNIT_EXPECT_EQ(test, walk.nr, USUAL);
	KUNIT_EXPECT_FALSE(test, walk.wrong);
}

static void read_until_error(struct kunit *test)
{
	static const u64 stops[] = { 1, FULL, FULL + 1, USUAL };
	struct list list = usual_list(test);

	number_records(&list, 0);
	for (int i = 0; i < ARRAY_SIZE(stops); i++) {
		struct walk walk = { .stop_at = stops[i] };

		KUNIT_EXPECT_EQ(test, luo_blocks_read(head(&list), SIZE, count_record, &walk),
				-ENOMEM);
		KUNIT_EXPECT_EQ(test, walk.nr, stops[i]);
	}
}

static void salvage(struct kunit *test, struct list *list, s64 blocks, u64 records, bool damage)
{
	struct walk walk = {};
	bool damaged = false;

	KUNIT_EXPECT_EQ(test, luo_blocks_salvage(head(list), SIZE, count_record, &walk, &damaged),
			blocks);
	KUNIT_EXPECT_EQ(test, walk.nr, records);
	KUNIT_EXPECT_FALSE(test, walk.wrong);
	KUNIT_EXPECT_EQ(test, damaged, damage);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), blocks);
	luo_blocks_free(head(list), blocks);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), 0);
}

static void salvage_whole(struct kunit *test)
{
	struct list list = usual_list(test);

	number_records(&list, 0);
	salvage(test, &list, 3, USUAL, false);
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 0);
}

static void salvage_wrong_count(struct kunit *test)
{
	static const u64 counts[] = { 0, FULL + 1, U64_MAX };

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		struct list list = usual_list(test);

		number_records(&list, BIT(1));
		list.block[1]->count = counts[i];
		salvage(test, &list, 3, FULL + 1, true);
		KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 0);
	}
}

/* What is behind the break is out of reach, and stays. */
static void salvage_broken(struct kunit *test)
{
	u64 bad = 1;

	for (unsigned int n = 0; bad; n++) {
		struct list list = usual_list(test);
		unsigned int before = luo_kunit_preserved(test);

		number_records(&list, 0);
		bad = luo_kunit_bad_address(test, n) ?: head(&list);
		list.block[1]->next = bad;
		salvage(test, &list, 2, 2 * FULL, true);
		KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), before - 2);
		bad = luo_kunit_bad_address(test, n);
	}
}

static void salvage_no_memory(struct kunit *test)
{
	struct list list = usual_list(test);
	struct walk walk = { .stop_at = FULL + 2 };
	bool damaged = false;

	number_records(&list, 0);
	KUNIT_EXPECT_EQ(test, luo_blocks_salvage(head(&list), SIZE, count_record, &walk, &damaged),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, luo_kunit_claimed(test), 0);
	KUNIT_EXPECT_EQ(test, luo_kunit_preserved(test), 3);
	salvage(test, &list, 3, USUAL, false);
}

/* Whatever headers say, a list is taken whole or left alone. */
static void claim_garbage(struct kunit *test)
{
	struct list list = usual_list(test);
	struct rnd_state rnd;
	unsigned int taken = 0;

	prandom_seed_state(&rnd, 1);
	for (int round = 0; round < 20000; round++) {
		u64 sum = 0;

		for (unsigned int i = 0; i < list.nr; i++) {
			u32 dice = prandom_u32_state(&rnd);

			list.block[i]->count = dice % 8 ? dice % (FULL + 2) :
							  (u64)dice << (dice >> 27);
			sum += list.block[i]->count;
			dice = prandom_u32_state(&rnd);
			list.block[i]->next = dice % 4 == 3 ? (u64)dice << (dice >> 26) :
				dice % 4 ? address(&list, (dice >> 8) % list.nr) : 0;
		}
		if (luo_blocks_claim(head(&list), SIZE, sum, NULL)) {
			KUNIT_ASSERT_EQ(test, luo_kunit_claimed(test), 0);
			continue;
		}
		taken++;
		KUNIT_ASSERT_GT(test, luo_kunit_claimed(test), 0);
		luo_blocks_unclaim(head(&list));
	}
	/* Else it would say nothing. */
	KUNIT_EXPECT_GT(test, taken, 10);
}

static struct kunit_case luo_record_cases[] = {
	KUNIT_CASE(string_ok),
	KUNIT_CASE(claim_empty),
	KUNIT_CASE(claim_once),
	KUNIT_CASE(claim_wrong_sum),
	KUNIT_CASE(claim_wrong_count),
	KUNIT_CASE(claim_sizes),
	KUNIT_CASE(claim_wrong_address),
	KUNIT_CASE(claim_wrong_order),
	KUNIT_CASE(claim_cycle),
	KUNIT_CASE(claim_shared),
	KUNIT_CASE(claim_garbage),
	KUNIT_CASE(owner),
	KUNIT_CASE(owner_damaged),
	KUNIT_CASE(owner_wrong_place),
	KUNIT_CASE(owner_room),
	KUNIT_CASE(read_in_order),
	KUNIT_CASE(read_until_error),
	KUNIT_CASE(salvage_whole),
	KUNIT_CASE(salvage_wrong_count),
	KUNIT_CASE(salvage_broken),
	KUNIT_CASE(salvage_no_memory),
	{}
};

static struct kunit_suite luo_record_suite = {
	.name = "luo_record",
	.init = luo_kunit_init,
	.exit = luo_kunit_exit,
	.test_cases = luo_record_cases,
};

kunit_test_suite(luo_record_suite);
