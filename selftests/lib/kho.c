// SPDX-License-Identifier: GPL-2.0
/*
 * KHO keeps what it preserves in a radix tree whose root is named in its
 * device tree. Both are read from outside, so that the count does not depend on
 * any code under test; through /proc/kcore, as debugfs shows the device tree
 * only until the first kexec.
 */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kho.h"

#define FDT_BEGIN_NODE	1
#define FDT_PROP	3
#define FDT_MAX		4096

struct memory {
	int kcore;
	Elf64_Phdr *segments;
	int count;
};

static int memory_open(struct memory *memory)
{
	Elf64_Ehdr head;
	size_t size;

	memory->kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	if (memory->kcore < 0)
		return -errno;
	if (pread(memory->kcore, &head, sizeof(head), 0) != sizeof(head))
		return -EIO;
	memory->count = head.e_phnum;
	size = head.e_phnum * sizeof(Elf64_Phdr);
	memory->segments = malloc(size);
	if (pread(memory->kcore, memory->segments, size, head.e_phoff) != (ssize_t)size)
		return -EIO;
	return 0;
}

static void memory_close(struct memory *memory)
{
	free(memory->segments);
	close(memory->kcore);
}

/* @addr is what the kernel uses itself, or where the memory is. */
static bool memory_read(const struct memory *memory, bool physical, uint64_t addr,
			void *buf, size_t len)
{
	for (int i = 0; i < memory->count; i++) {
		const Elf64_Phdr *s = &memory->segments[i];
		uint64_t start = physical ? s->p_paddr : s->p_vaddr;

		if (s->p_type != PT_LOAD || addr < start || addr - start >= s->p_memsz)
			continue;
		if (physical && s->p_paddr == (uint64_t)-1)
			continue;
		if (pread(memory->kcore, buf, len, s->p_offset + addr - start) == (ssize_t)len)
			return true;
	}
	return false;
}

static uint64_t symbol(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	uint64_t addr, found = 0;
	char line[256], this[128], type;

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx %c %127s", &addr, &type, this) == 3 &&
		    !strcmp(this, name))
			found = addr;
	if (f)
		fclose(f);
	return found;
}

static uint32_t fdt32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

/*
 * The root node's property "preserved-memory-map", an address: it is the only
 * one there of its length.
 */
static uint64_t fdt_memory_map(const char *fdt)
{
	const char *p = fdt + fdt32(fdt + 8);
	uint64_t root;

	/* The root's name is empty. */
	if (p > fdt + FDT_MAX / 2 || fdt32(p) != FDT_BEGIN_NODE)
		return 0;
	for (p += 8; fdt32(p) == FDT_PROP; p += 12 + ((fdt32(p + 4) + 3) & ~3U)) {
		if (fdt32(p + 4) != sizeof(root))
			continue;
		memcpy(&root, p + 12, sizeof(root));
		return root;
	}
	return 0;
}

static int log2_of(long n)
{
	return __builtin_ctzl(n);
}

struct tree {
	const struct memory *memory;
	long page;
	int table_bits;
	int leaf_bits;
};

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
	int shift = (level - 1) * tree->table_bits + tree->leaf_bits;
	long sum = 0;

	if (!memory_read(tree->memory, true, phys, node, tree->page))
		sum = -EIO;
	else if (!level)
		sum = walk_leaf(tree, node, key);
	else
		for (long i = 0; i < tree->page / 8 && sum >= 0; i++) {
			long part = node[i] ? walk(tree, node[i], level - 1,
						   key | (uint64_t)i << shift) : 0;

			sum = part < 0 ? part : sum + part;
		}
	free(node);
	return sum;
}

static long count_all(const struct memory *memory)
{
	struct tree tree = { .memory = memory, .page = sysconf(_SC_PAGESIZE) };
	uint64_t kho_out = symbol("kho_out"), fdt_addr, root;
	char fdt[FDT_MAX];
	int width, depth;

	/* The device tree's address comes first in kho_out. */
	if (!kho_out || !memory_read(memory, false, kho_out, &fdt_addr, sizeof(fdt_addr)) ||
	    !memory_read(memory, false, fdt_addr, fdt, sizeof(fdt)))
		return -ENOENT;
	root = fdt_memory_map(fdt);
	if (!root)
		return -ENOENT;

	tree.table_bits = log2_of(tree.page / 8);
	tree.leaf_bits = log2_of(tree.page * 8);
	width = 64 - log2_of(tree.page) + 1 - tree.leaf_bits;
	depth = (width + tree.table_bits - 1) / tree.table_bits;
	return walk(&tree, root, depth, 0);
}

long kho_preserved(void)
{
	struct memory memory = { };
	long sum = memory_open(&memory);

	if (!sum)
		sum = count_all(&memory);
	memory_close(&memory);
	return sum;
}
