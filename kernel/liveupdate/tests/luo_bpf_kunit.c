// SPDX-License-Identifier: GPL-2.0
/* Handlers in BPF and their files, as far as that needs no program. */
#include <kunit/test.h>

#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>

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

static struct kunit_case luo_bpf_cases[] = {
	KUNIT_CASE(object_dropped),
	{}
};

static struct kunit_suite luo_bpf_suite = {
	.name = "luo_bpf",
	.test_cases = luo_bpf_cases,
};

kunit_test_suite(luo_bpf_suite);
