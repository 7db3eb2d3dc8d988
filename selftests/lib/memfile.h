/* SPDX-License-Identifier: GPL-2.0 */
/* memfds with contents that can be recognized at any offset. */
#ifndef SELFTESTS_MEMFILE_H
#define SELFTESTS_MEMFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define KIB(n) ((off_t)(n) << 10)
#define MIB(n) ((off_t)(n) << 20)
#define GIB(n) ((off_t)(n) << 30)

long page_size(void);

/* A memfd of @size bytes, all of it a hole; bails out if it can't be made. */
int mem_create(const char *name, unsigned int flags, off_t size);
/* The same, filled with the pattern of @seed. */
int mem_filled(const char *name, unsigned int flags, off_t size, unsigned int seed);

/* @off and @len are multiples of eight. */
void mem_fill(int fd, off_t off, off_t len, unsigned int seed);
bool mem_is(int fd, off_t off, off_t len, unsigned int seed);
bool mem_is_zero(int fd, off_t off, off_t len);

off_t mem_size(int fd);
/* Bytes that the file's pages and swap slots take. */
off_t mem_allocated(int fd);

/* Flags of /proc/kpageflags of the page at @addr, which must be mapped. */
unsigned long page_flags(const void *addr);
#define KPF_BIT(n) (1UL << (n))
#define KPF_THP_BIT KPF_BIT(22)
/* Bytes in [off, off + len) that transparent huge pages back. */
off_t mem_huge(int fd, off_t off, off_t len);
/* What of it can be in huge pages here: @bytes, or 0 in a kernel that has none. */
off_t mem_huge_expected(off_t bytes);
/*
 * Whether shmem writes into huge pages from here on: @when is what shmem_enabled takes,
 * "always", "never" and so on. A kernel that has none is left alone.
 */
void mem_use_huge(const char *when);

#endif
