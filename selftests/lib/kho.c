// SPDX-License-Identifier: GPL-2.0
/*
 * KHO keeps what it preserves in a radix tree whose root is named in its
 * device tree; both are read from outside, so that the count does not depend
 * on any code under test.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kho.h"

#define FDT_BEGIN_NODE	1
#define FDT_END_NODE	2
#define FDT_PROP	3

struct tree {
	int mem;
	long page;
	int table_bits;
	int leaf_bits;
	int depth;
};

static int log2_of(long n)
{
	return __builtin_ctzl(n);
}

static uint32_t fdt32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

/* The first property @name in the flattened device tree @fdt, which KHO wrote. */
static const char *fdt_find(const char *fdt, const char *name)
{
	const char *p = fdt + fdt32(fdt + 8), *strings = fdt + fdt32(fdt + 12);

	for (;;) {
		uint32_t tag = fdt32(p), len;

		p += 4;
		switch (tag) {
		case FDT_BEGIN_NODE:
			p += (strlen(p) + 4) & ~3UL;
			break;
		case FDT_END_NODE:
			break;
		case FDT_PROP:
			len = fdt32(p);
			if (!strcmp(strings + fdt32(p + 4), name))
				return p + 8;
			p += 8 + ((len + 3) & ~3U);
			break;
		default:
			return NULL;
		}
	}
}

/* Key: the order as the position of the top bit, below it the address. */
static long key_bytes(const struct tree *tree, uint64_t key)
{
	int top = 63 - __builtin_clzl(key);

	return tree->page << (64 - log2_of(tree->page) - top);
}

static long walk_leaf(const struct tree *tree, const uint64_t *bits, uint64_t key)
{
	long sum = 0;

	for (long i = 0; i < tree->page / 8; i++)
		for (uint64_t w = bits[i]; w; w &= w - 1)
			sum += key_bytes(tree, key | (i * 64 + __builtin_ctzl(w)));
	return sum;
}

static long walk(const struct tree *tree, uint64_t phys, int level, uint64_t key)
{
	uint64_t *node = malloc(tree->page);
	long sum = 0;

	if (pread(tree->mem, node, tree->page, phys) != tree->page) {
		sum = errno ? -errno : -EIO;
	} else if (!level) {
		sum = walk_leaf(tree, node, key);
	} else {
		int shift = (level - 1) * tree->table_bits + tree->leaf_bits;

		for (long i = 0; i < tree->page / 8 && sum >= 0; i++) {
			long part = node[i] ? walk(tree, node[i], level - 1,
						   key | (uint64_t)i << shift) : 0;

			sum = part < 0 ? part : sum + part;
		}
	}
	free(node);
	return sum;
}

long kho_preserved(void)
{
	struct tree tree = { .page = sysconf(_SC_PAGESIZE) };
	const char *prop;
	char fdt[65536];
	uint64_t root;
	long sum;
	int fd;

	fd = open("/sys/kernel/debug/kho/out/fdt", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	sum = read(fd, fdt, sizeof(fdt));
	close(fd);
	prop = sum > 40 ? fdt_find(fdt, "preserved-memory-map") : NULL;
	if (!prop)
		return -EIO;
	memcpy(&root, prop, sizeof(root));

	tree.table_bits = log2_of(tree.page / 8);
	tree.leaf_bits = log2_of(tree.page * 8);
	tree.depth = (64 - log2_of(tree.page) + 1 - tree.leaf_bits +
		      tree.table_bits - 1) / tree.table_bits + 1;
	tree.mem = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	if (tree.mem < 0)
		return -errno;
	sum = walk(&tree, root, tree.depth - 1, 0);
	close(tree.mem);
	return sum;
}
