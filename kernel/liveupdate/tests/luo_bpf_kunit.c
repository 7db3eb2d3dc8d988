// SPDX-License-Identifier: GPL-2.0
/* Handlers in BPF and their files, as far as that needs no program. */
#include <kunit/test.h>

#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../luo_bpf.h"

static const struct file_operations fops;

/* A retrieve that failed starts anew: what it took may be gone by then. */
static void object_dropped(struct kunit *test)
{
	struct luo_bpf_handler handler = {};
	struct luo_bpf_file bf = { .handler = &handler, .ctx.token = 1 };
	struct file *file, *part;

	file = anon_inode_getfile("[luo_kunit]", &fops, NULL, O_RDWR);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, luo_bpf_object_set(&bf, &file, 1), 0);
	part = luo_bpf_object_part(&bf, 1, 0);
	KUNIT_ASSERT_PTR_EQ(test, part, file);
	fput(part);
	KUNIT_EXPECT_PTR_EQ(test, bf.own, (const struct file *)file);
	luo_bpf_object_drop(&bf);
	KUNIT_EXPECT_NULL(test, bf.own);
	KUNIT_EXPECT_NULL(test, bf.parts);
}

/* Only who had something of the module has the others wait for RCU. */
static void module_going(struct kunit *test)
{
	struct luo_bpf_fops *names = kunit_kzalloc(test, sizeof(*names), GFP_KERNEL);
	struct module *module = kunit_kzalloc(test, sizeof(*module), GFP_KERNEL);
	struct luo_bpf_handler handler = { .fops = names };

	KUNIT_ASSERT_NOT_NULL(test, names);
	KUNIT_ASSERT_NOT_NULL(test, module);
	mutex_init(&handler.lock);
	KUNIT_EXPECT_FALSE(test, luo_bpf_fops_module_going(&handler, module));
	names->nr = 2;
	names->fop[1].f_op = &fops;
	KUNIT_EXPECT_FALSE(test, luo_bpf_fops_module_going(&handler, module));
	KUNIT_EXPECT_PTR_EQ(test, names->fop[1].f_op, &fops);

	module->mem[MOD_RODATA].base = (void *)&fops;
	module->mem[MOD_RODATA].size = sizeof(fops);
	KUNIT_EXPECT_TRUE(test, luo_bpf_fops_module_going(&handler, module));
	KUNIT_EXPECT_NULL(test, names->fop[1].f_op);
	KUNIT_EXPECT_FALSE(test, luo_bpf_fops_module_going(&handler, module));
}

static struct kunit_case luo_bpf_cases[] = {
	KUNIT_CASE(object_dropped),
	KUNIT_CASE(module_going),
	{}
};

static struct kunit_suite luo_bpf_suite = {
	.name = "luo_bpf",
	.test_cases = luo_bpf_cases,
};

kunit_test_suite(luo_bpf_suite);
