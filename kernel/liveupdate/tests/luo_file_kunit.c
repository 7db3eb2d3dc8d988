// SPDX-License-Identifier: GPL-2.0
/* How files are found: by session and token, and by what they are. */
#include <kunit/test.h>

#include <linux/string.h>

#include "../luo_internal.h"

#define MANY	5000

static int luo_file_kunit_init(struct kunit *test)
{
	if (!liveupdate_enabled())
		kunit_skip(test, "the indexes are not set up: boot with liveupdate=on");
	return 0;
}

static void free_session(void *data)
{
	struct luo_session *session = data;
	struct luo_file *lf, *next;

	scoped_guard(mutex, &session->mutex) {
		list_for_each_entry_safe(lf, next, &session->files, list) {
			/* Made up here, and nothing to put */
			lf->file = NULL;
			lf->fh = NULL;
			luo_file_remove(lf);
			luo_file_free(lf);
		}
	}
	luo_session_free(session);
}

static struct luo_session *new_session(struct kunit *test, const char *name)
{
	struct luo_session *session = luo_session_alloc(name, LUO_OUTGOING);

	KUNIT_ASSERT_NOT_NULL(test, session);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_session, session), 0);
	return session;
}

/* Puts the file into the session; the errno of a file that is not, it frees. */
static int add(struct luo_session *session, u64 token, struct luo_file **lfp)
{
	struct luo_file *lf = luo_file_alloc(session, token);
	int err;

	if (!lf)
		return -ENOMEM;
	scoped_guard(mutex, &session->mutex)
		err = luo_file_add(lf);
	if (err)
		luo_file_free(lf);
	else if (lfp)
		*lfp = lf;
	return err;
}

static struct luo_file *find(struct luo_session *session, u64 token)
{
	guard(mutex)(&session->mutex);

	return luo_file_find(session, token);
}

static void remove(struct luo_file *lf)
{
	scoped_guard(mutex, &lf->by_token.session->mutex)
		luo_file_remove(lf);
	lf->file = NULL;
	lf->fh = NULL;
	luo_file_free(lf);
}

/* No two alike, all over the range */
static u64 token(unsigned int i)
{
	return i * 0x9e3779b97f4a7c15ULL;
}

static void many_tokens(struct kunit *test)
{
	struct luo_session *session = new_session(test, "many");
	struct luo_file *lf;

	for (unsigned int i = 0; i < MANY; i++)
		KUNIT_ASSERT_EQ(test, add(session, token(i), NULL), 0);
	KUNIT_EXPECT_EQ(test, session->nr_files, MANY);

	for (unsigned int i = 0; i < MANY; i++) {
		lf = find(session, token(i));
		KUNIT_ASSERT_NOT_NULL(test, lf);
		KUNIT_ASSERT_EQ(test, lf->by_token.token, token(i));
		KUNIT_ASSERT_NULL(test, find(session, token(MANY + i)));
	}
}

static void many_removed(struct kunit *test)
{
	struct luo_session *session = new_session(test, "many");

	for (unsigned int i = 0; i < MANY; i++)
		KUNIT_ASSERT_EQ(test, add(session, token(i), NULL), 0);
	for (unsigned int i = 0; i < MANY; i += 2)
		remove(find(session, token(i)));
	KUNIT_EXPECT_EQ(test, session->nr_files, MANY / 2);
	for (unsigned int i = 0; i < MANY; i++)
		KUNIT_ASSERT_EQ(test, !find(session, token(i)), i % 2 == 0);

	/* A token that is free again */
	KUNIT_EXPECT_EQ(test, add(session, token(0), NULL), 0);
	KUNIT_EXPECT_NOT_NULL(test, find(session, token(0)));
}

static void order_of_files(struct kunit *test)
{
	struct luo_session *session = new_session(test, "order");
	struct luo_file *lf;
	unsigned int i = 0;

	for (unsigned int n = 0; n < 100; n++)
		KUNIT_ASSERT_EQ(test, add(session, token(n), NULL), 0);
	list_for_each_entry(lf, &session->files, list)
		KUNIT_EXPECT_EQ(test, lf->by_token.token, token(i++));
	KUNIT_EXPECT_EQ(test, i, 100);
}

static void token_twice(struct kunit *test)
{
	static const u64 tokens[] = { 0, 1, U32_MAX, 1ULL << 32, S64_MAX, U64_MAX };
	struct luo_session *session = new_session(test, "twice");
	struct luo_file *first;

	for (int i = 0; i < ARRAY_SIZE(tokens); i++) {
		KUNIT_ASSERT_EQ(test, add(session, tokens[i], &first), 0);
		KUNIT_EXPECT_EQ(test, add(session, tokens[i], NULL), -EEXIST);
		KUNIT_EXPECT_PTR_EQ(test, find(session, tokens[i]), first);
		KUNIT_EXPECT_EQ(test, session->nr_files, i + 1);
	}
}

static void token_in_two_sessions(struct kunit *test)
{
	struct luo_session *a = new_session(test, "a"), *b = new_session(test, "b");
	struct luo_file *in_a, *in_b;

	for (u64 n = 0; n < 100; n++) {
		KUNIT_ASSERT_EQ(test, add(a, n, &in_a), 0);
		KUNIT_EXPECT_NULL(test, find(b, n));
		KUNIT_ASSERT_EQ(test, add(b, n, &in_b), 0);
		KUNIT_EXPECT_PTR_EQ(test, find(a, n), in_a);
		KUNIT_EXPECT_PTR_EQ(test, find(b, n), in_b);
		if (n % 2)
			continue;
		remove(in_a);
		KUNIT_EXPECT_NULL(test, find(a, n));
		KUNIT_EXPECT_PTR_EQ(test, find(b, n), in_b);
	}
	KUNIT_EXPECT_EQ(test, a->nr_files, 50);
	KUNIT_EXPECT_EQ(test, b->nr_files, 100);
}

static unsigned long get_id(struct file *file)
{
	return (unsigned long)file / 2;
}

static bool get_file_id(struct liveupdate_file_handler *fh, struct file *file, unsigned long *id)
{
	*id = (unsigned long)file / 4;
	return (unsigned long)file < 0x1000;
}

/* Only its address counts. */
static struct file *file(unsigned long n)
{
	return (struct file *)n;
}

static int add_id(struct luo_session *session, struct liveupdate_file_handler *fh, u64 token,
		  struct file *file)
{
	struct luo_file *lf;
	int err = add(session, token, &lf);

	if (err)
		return err;
	lf->fh = fh;
	lf->file = file;
	scoped_guard(mutex, &session->mutex)
		err = luo_file_add_id(lf);
	if (err)
		remove(lf);
	return err;
}

static void identity(struct kunit *test)
{
	static const struct liveupdate_file_ops plain_ops, id_ops = { .get_id = get_id },
		file_id_ops = { .get_id = get_id, .get_file_id = get_file_id };
	struct liveupdate_file_handler plain = { .ops = &plain_ops }, ids = { .ops = &id_ops },
		file_ids = { .ops = &file_id_ops };
	struct luo_session *a = new_session(test, "a"), *b = new_session(test, "b");

	/* The file itself, whatever its handler */
	KUNIT_EXPECT_EQ(test, add_id(a, &plain, 1, file(16)), 0);
	KUNIT_EXPECT_EQ(test, add_id(a, &plain, 2, file(16)), -EBUSY);
	KUNIT_EXPECT_EQ(test, add_id(b, &plain, 1, file(16)), -EBUSY);
	KUNIT_EXPECT_EQ(test, add_id(a, &plain, 3, file(17)), 0);
	/* What the handler says, and no other handler's */
	KUNIT_EXPECT_EQ(test, add_id(a, &ids, 4, file(16)), 0);
	KUNIT_EXPECT_EQ(test, add_id(b, &ids, 4, file(17)), -EBUSY);
	KUNIT_EXPECT_EQ(test, add_id(b, &ids, 4, file(18)), 0);
	/* The second question only where the first has no answer */
	KUNIT_EXPECT_EQ(test, add_id(a, &file_ids, 5, file(16)), 0);
	KUNIT_EXPECT_EQ(test, add_id(a, &file_ids, 6, file(19)), -EBUSY);
	KUNIT_EXPECT_EQ(test, add_id(a, &file_ids, 6, file(0x2000)), 0);
	KUNIT_EXPECT_EQ(test, add_id(a, &file_ids, 7, file(0x2001)), -EBUSY);
	KUNIT_EXPECT_EQ(test, add_id(a, &file_ids, 7, file(0x2002)), 0);
	KUNIT_EXPECT_EQ(test, a->nr_files, 6);
	KUNIT_EXPECT_EQ(test, b->nr_files, 1);

	/* One that is removed can be preserved again. */
	remove(find(a, 1));
	KUNIT_EXPECT_EQ(test, add_id(b, &plain, 1, file(16)), 0);
}

static void token_of(struct kunit *test)
{
	static const struct liveupdate_file_ops ops;
	struct liveupdate_file_handler fh = { .ops = &ops };
	struct luo_session *a = new_session(test, "a"), *b = new_session(test, "b");
	u64 got = 0;

	KUNIT_ASSERT_EQ(test, add_id(a, &fh, U64_MAX, file(16)), 0);
	KUNIT_EXPECT_EQ(test, luo_token_of(luo_session_handle(a), file(16), &got), 0);
	KUNIT_EXPECT_EQ(test, got, U64_MAX);
	KUNIT_EXPECT_EQ(test, luo_token_of(luo_session_handle(b), file(16), &got), -ENOENT);
	KUNIT_EXPECT_EQ(test, luo_token_of(luo_session_handle(a), file(17), &got), -ENOENT);
	KUNIT_EXPECT_EQ(test, luo_token_of(luo_session_handle(a), NULL, &got), -ENOENT);
	remove(find(a, U64_MAX));
	KUNIT_EXPECT_EQ(test, luo_token_of(luo_session_handle(a), file(16), &got), -ENOENT);
}

static void count_outgoing(struct kunit *test)
{
	static const struct liveupdate_file_ops ops;
	struct liveupdate_file_handler fh = { .ops = &ops };
	struct luo_session *session = new_session(test, "count");
	unsigned int before = luo_file_count_outgoing();

	for (unsigned long n = 0; n < 10; n++)
		KUNIT_ASSERT_EQ(test, add_id(session, &fh, n, file(16 * n + 16)), 0);
	KUNIT_EXPECT_EQ(test, luo_file_count_outgoing(), before + 10);
	/* Refused, so not counted */
	KUNIT_EXPECT_EQ(test, add_id(session, &fh, 11, file(16)), -EBUSY);
	KUNIT_EXPECT_EQ(test, luo_file_count_outgoing(), before + 10);
	remove(find(session, 3));
	KUNIT_EXPECT_EQ(test, luo_file_count_outgoing(), before + 9);
}

/* The same in another kernel, so it goes by name and token alone. */
static void tags(struct kunit *test)
{
	struct luo_session *a = new_session(test, "a"), *again = new_session(test, "a"),
		*b = new_session(test, "b");
	struct liveupdate_file_op_args args;
	struct luo_file *lf, *same, *other;

	KUNIT_ASSERT_EQ(test, add(a, 1, &lf), 0);
	KUNIT_ASSERT_EQ(test, add(again, 1, &same), 0);
	KUNIT_EXPECT_EQ(test, luo_file_tag(lf), luo_file_tag(same));
	luo_file_args(lf, &args);
	KUNIT_EXPECT_EQ(test, liveupdate_file_tag(&args), luo_file_tag(lf));

	KUNIT_ASSERT_EQ(test, add(b, 1, &other), 0);
	KUNIT_EXPECT_NE(test, luo_file_tag(other), luo_file_tag(lf));
	KUNIT_ASSERT_EQ(test, add(a, 2, &other), 0);
	KUNIT_EXPECT_NE(test, luo_file_tag(other), luo_file_tag(lf));
}

static void bytes(struct kunit *test)
{
	struct luo_session *session = new_session(test, "bytes");
	struct luo_file *lf[3];

	for (int i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, add(session, i, &lf[i]), 0);
		scoped_guard(mutex, &session->mutex)
			luo_file_set_bytes(lf[i], 1ULL << (20 * i));
	}
	KUNIT_EXPECT_EQ(test, session->bytes, 1 + (1ULL << 20) + (1ULL << 40));
	scoped_guard(mutex, &session->mutex)
		luo_file_set_bytes(lf[1], 0);
	KUNIT_EXPECT_EQ(test, session->bytes, 1 + (1ULL << 40));
	remove(lf[2]);
	KUNIT_EXPECT_EQ(test, session->bytes, 1);
}

static struct kunit_case luo_file_cases[] = {
	KUNIT_CASE(many_tokens),
	KUNIT_CASE(many_removed),
	KUNIT_CASE(order_of_files),
	KUNIT_CASE(token_twice),
	KUNIT_CASE(token_in_two_sessions),
	KUNIT_CASE(identity),
	KUNIT_CASE(token_of),
	KUNIT_CASE(count_outgoing),
	KUNIT_CASE(tags),
	KUNIT_CASE(bytes),
	{}
};

static struct kunit_suite luo_file_suite = {
	.name = "luo_file",
	.init = luo_file_kunit_init,
	.test_cases = luo_file_cases,
};

kunit_test_suite(luo_file_suite);
