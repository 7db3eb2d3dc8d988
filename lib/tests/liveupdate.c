// SPDX-License-Identifier: GPL-2.0
/*
 * Live update from within the kernel: FLBs on every handler that is built in or comes
 * in a module, memfd's among them, in each kernel of a chain.
 *
 * With "liveupdate_test" on the kernel command line, because each file that is
 * preserved then costs more. What is wrong is logged as an error; what was seen, as
 * "liveupdate-test: CALL NUMBER".
 */
#define pr_fmt(fmt) "liveupdate-test: " fmt

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/liveupdate.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "../../kernel/liveupdate/luo_internal.h"

#define TEST_MAGIC	0x74736574626c66ULL	/* "flbtest" */

/* What an FLB hands over, and how many kernels have. */
struct test_ser {
	u64 magic;
	u64 number;
	u64 kernels;
};

struct test_flb {
	struct liveupdate_flb flb;
	atomic_t preserved;
	atomic_t retrieved;
	u64 kernels;
};

static int test_preserve(struct liveupdate_flb_op_args *argp);
static void test_unpreserve(struct liveupdate_flb_op_args *argp);
static int test_retrieve(struct liveupdate_flb_op_args *argp);
static void test_finish(struct liveupdate_flb_op_args *argp);

static const struct liveupdate_flb_ops test_ops = {
	.preserve = test_preserve,
	.unpreserve = test_unpreserve,
	.retrieve = test_retrieve,
	.finish = test_finish,
};

#define TEST_FLB(i) { .flb = {						\
	.ops = &test_ops,						\
	.compatible = LIVEUPDATE_TEST_FLB_COMPATIBLE(i),		\
} }

static struct test_flb test_flbs[] = { TEST_FLB(0), TEST_FLB(1), TEST_FLB(2) };

static bool test;
core_param(liveupdate_test, test, bool, 0444);

static struct test_flb *test_of(const struct liveupdate_flb_op_args *argp)
{
	return container_of(argp->flb, struct test_flb, flb);
}

static u64 test_number(const struct test_flb *t)
{
	return t - test_flbs;
}

/* Whether a state is on, which it must be once at most. */
static void test_switch(struct test_flb *t, atomic_t *on, bool to,
			const char *call)
{
	if (atomic_xchg(on, to) == to)
		pr_err("%s %llu: out of order\n", call, test_number(t));
	else
		pr_info("%s %llu\n", call, test_number(t));
}

static int test_preserve(struct liveupdate_flb_op_args *argp)
{
	struct test_flb *t = test_of(argp);
	struct test_ser *ser = kho_alloc_preserve(sizeof(*ser));

	if (IS_ERR(ser))
		return PTR_ERR(ser);
	test_switch(t, &t->preserved, true, "preserve");
	ser->magic = TEST_MAGIC;
	ser->number = test_number(t);
	ser->kernels = t->kernels + 1;
	argp->data = virt_to_phys(ser);
	argp->obj = ser;
	return 0;
}

static void test_unpreserve(struct liveupdate_flb_op_args *argp)
{
	struct test_flb *t = test_of(argp);

	test_switch(t, &t->preserved, false, "unpreserve");
	if (virt_to_phys(argp->obj) != argp->data)
		pr_err("unpreserve %llu: not its data\n", test_number(t));
	kho_unpreserve_free(argp->obj);
}

static int test_retrieve(struct liveupdate_flb_op_args *argp)
{
	struct test_flb *t = test_of(argp);
	struct test_ser *ser;

	if (kho_claim(argp->data) < 0)
		return -EUCLEAN;
	ser = phys_to_virt(argp->data);
	if (ser->magic != TEST_MAGIC || ser->number != test_number(t)) {
		kho_unclaim(argp->data);
		return -EUCLEAN;
	}
	test_switch(t, &t->retrieved, true, "retrieve");
	t->kernels = ser->kernels;
	argp->obj = ser;
	return 0;
}

static void test_finish(struct liveupdate_flb_op_args *argp)
{
	struct test_flb *t = test_of(argp);

	test_switch(t, &t->retrieved, false, "finish");
	kho_restore_free(argp->obj);
}

/* Called for each handler that has been registered. */
void liveupdate_test_register(struct liveupdate_file_handler *fh)
{
	if (!test)
		return;

	for (int i = 0; i < ARRAY_SIZE(test_flbs); i++) {
		struct liveupdate_flb *flb = &test_flbs[i].flb;
		int err = liveupdate_register_flb(fh, flb);

		if (err)
			pr_err("%s not registered with '%s': %pe\n",
			       flb->compatible, fh->compatible, ERR_PTR(err));
		if (liveupdate_register_flb(fh, flb) != -EEXIST)
			pr_err("%s registered with '%s' twice\n",
			       flb->compatible, fh->compatible);
	}
	pr_info("registered with '%s'\n", fh->compatible);
}

/*
 * What the previous kernel handed over is there from rootfs_initcall on. This is the
 * last thing before, with the core, which is linked first; a rootfs_initcall would
 * come behind those of the architecture, which are linked before either.
 */
static int __init test_init(void)
{
	if (!test || !liveupdate_enabled())
		return 0;

	for (int i = 0; i < ARRAY_SIZE(test_flbs); i++) {
		struct test_flb *t = &test_flbs[i];
		struct test_ser *ser;
		int err;

		err = liveupdate_flb_get_incoming(&t->flb, (void **)&ser);
		if (err == -ENODATA || err == -ENOENT)
			continue;
		if (err) {
			pr_err("%s can't be had: %pe\n", t->flb.compatible,
			       ERR_PTR(err));
			continue;
		}
		pr_info("found %d, kernel %llu\n", i, ser->kernels);
		liveupdate_flb_put_incoming(&t->flb);
	}
	return 0;
}
fs_initcall_sync(test_init);
