// SPDX-License-Identifier: GPL-2.0
/* FLBs and the handlers that have them, as far as that needs no second kernel. */
#include <kunit/test.h>

#include "../luo_internal.h"

static int nr_preserved;

static bool can_preserve(struct liveupdate_file_handler *fh, struct file *file)
{
	return false;
}

static int file_op(struct liveupdate_file_op_args *args)
{
	return -EIO;
}

static void file_end(struct liveupdate_file_op_args *args)
{
}

static int flb_preserve(struct liveupdate_flb_op_args *argp)
{
	nr_preserved++;
	return 0;
}

static void flb_unpreserve(struct liveupdate_flb_op_args *argp)
{
	nr_preserved--;
}

static int flb_retrieve(struct liveupdate_flb_op_args *argp)
{
	return -EIO;
}

static void flb_finish(struct liveupdate_flb_op_args *argp)
{
}

static const struct liveupdate_file_ops file_ops = {
	.can_preserve = can_preserve,
	.preserve = file_op,
	.unpreserve = file_end,
	.retrieve = file_op,
	.finish = file_end,
};

static const struct liveupdate_flb_ops flb_ops = {
	.preserve = flb_preserve,
	.unpreserve = flb_unpreserve,
	.retrieve = flb_retrieve,
	.finish = flb_finish,
};

static int luo_flb_kunit_init(struct kunit *test)
{
	if (!liveupdate_enabled())
		kunit_skip(test, "there are no handlers: boot with liveupdate=on");
	return 0;
}

/* Who owns an FLB may have got it for good: a module's handler goes all the same. */
static void handler_goes(struct kunit *test)
{
	static struct liveupdate_file_handler fh = { .ops = &file_ops, .compatible = "kunit" };
	static struct liveupdate_flb flb = { .ops = &flb_ops, .compatible = "kunit" };
	struct luo_file lf = { .fh = &fh };
	void *obj;

	KUNIT_ASSERT_EQ(test, liveupdate_register_file_handler(&fh), 0);
	KUNIT_ASSERT_EQ(test, liveupdate_register_flb(&fh, &flb), 0);
	KUNIT_ASSERT_EQ(test, luo_flb_preserve_file(&lf), 0);
	KUNIT_ASSERT_EQ(test, liveupdate_flb_get_outgoing(&flb, &obj), 0);
	luo_flb_unpreserve_file(&lf);

	liveupdate_unregister_file_handler(&fh);
	KUNIT_EXPECT_EQ(test, nr_preserved, 1);
	liveupdate_flb_put_outgoing(&flb);
	KUNIT_EXPECT_EQ(test, nr_preserved, 0);

	/* Nothing was left of it. */
	KUNIT_ASSERT_EQ(test, liveupdate_register_file_handler(&fh), 0);
	KUNIT_EXPECT_EQ(test, liveupdate_register_flb(&fh, &flb), 0);
	liveupdate_unregister_flb(&fh, &flb);
	liveupdate_unregister_file_handler(&fh);
}

static struct kunit_case luo_flb_cases[] = {
	KUNIT_CASE(handler_goes),
	{}
};

static struct kunit_suite luo_flb_suite = {
	.name = "luo_flb",
	.init = luo_flb_kunit_init,
	.test_cases = luo_flb_cases,
};

kunit_test_suite(luo_flb_suite);
