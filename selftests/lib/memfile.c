// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memfile.h"
#include "tap.h"

#define CHUNK KIB(64)

long page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

int mem_create(const char *name, unsigned int flags, off_t size)
{
	int fd = must(memfd_create(name, flags | MFD_CLOEXEC), "memfd_create %s", name);

	must(ftruncate(fd, size), "size of %s", name);
	return fd;
}

int mem_filled(const char *name, unsigned int flags, off_t size, unsigned int seed)
{
	int fd = mem_create(name, flags, size);

	mem_fill(fd, 0, size, seed);
	return fd;
}

/* Depends on the offset, so that a page in the wrong place shows. */
static void pattern(uint64_t *buf, off_t off, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len / 8; i++)
		buf[i] = ((off / 8 + i + 1) * 0x9e3779b97f4a7c15) ^
			 ((uint64_t)seed << 32 | seed);
}

void mem_fill(int fd, off_t off, off_t len, unsigned int seed)
{
	uint64_t buf[CHUNK / 8];

	for (off_t end = off + len; off < end; ) {
		size_t n = end - off < CHUNK ? end - off : CHUNK;

		pattern(buf, off, n, seed);
		if (pwrite(fd, buf, n, off) != (ssize_t)n)
			tap_bail("write at %ld: %m", off);
		off += n;
	}
}

bool mem_is(int fd, off_t off, off_t len, unsigned int seed)
{
	uint64_t want[CHUNK / 8], got[CHUNK / 8];

	for (off_t end = off + len; off < end; ) {
		size_t n = end - off < CHUNK ? end - off : CHUNK;

		pattern(want, off, n, seed);
		if (pread(fd, got, n, off) != (ssize_t)n) {
			tap_note("short read at %ld", off);
			return false;
		}
		for (size_t i = 0; i < n / 8; i++) {
			if (got[i] == want[i])
				continue;
			tap_note("at %ld: %016lx, want %016lx", off + i * 8, got[i], want[i]);
			return false;
		}
		off += n;
	}
	return true;
}

bool mem_is_zero(int fd, off_t off, off_t len)
{
	char got[CHUNK];

	for (off_t end = off + len; off < end; ) {
		ssize_t n = end - off < CHUNK ? end - off : CHUNK;

		if (pread(fd, got, n, off) != n)
			return false;
		if (got[0] || memcmp(got, got + 1, n - 1)) {
			tap_note("not zero near %ld", off);
			return false;
		}
		off += n;
	}
	return true;
}

off_t mem_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -errno : st.st_size;
}

off_t mem_allocated(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -errno : st.st_blocks * 512;
}

unsigned long page_flags(const void *addr)
{
	uint64_t entry = 0, flags = 0;
	int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int kpf = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);

	if (pread(map, &entry, 8, (uintptr_t)addr / page_size() * 8) != 8 ||
	    !(entry >> 63) ||
	    pread(kpf, &flags, 8, (entry & ((1UL << 55) - 1)) * 8) != 8)
		flags = 0;
	close(map);
	close(kpf);
	return flags;
}

#define SHMEM_ENABLED "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

off_t mem_huge_expected(off_t bytes)
{
	return access(SHMEM_ENABLED, F_OK) ? 0 : bytes;
}

void mem_use_huge(const char *when)
{
	if (mem_huge_expected(1))
		must(write_file(SHMEM_ENABLED, "%s", when), SHMEM_ENABLED);
}

off_t mem_huge(int fd, off_t off, off_t len)
{
	char *map = mmap(NULL, len, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, off);
	off_t huge = 0;

	if (map == MAP_FAILED)
		return -errno;
	for (off_t o = 0; o < len; o += page_size()) {
		/* The page must be mapped to be found. */
		(void)*(volatile char *)(map + o);
		if (page_flags(map + o) & KPF_THP_BIT)
			huge += page_size();
	}
	munmap(map, len);
	return huge;
}
