// SPDX-License-Identifier: GPL-2.0
/* Holes stay holes, and what is written into them in time comes along. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

static int take(int session, uint64_t token)
{
	return must(luo_retrieve_fd(session, token), "retrieve %lu", token);
}

/* 1 MiB of data, spread over 256 MiB. */
static void sparse_before(int session)
{
	int fd = mem_create("sparse", 0, MIB(256));
	long kho = must(kho_preserved(), "count what KHO preserves");
	char bytes[32] = "";

	for (int i = 0; i < 16; i++)
		mem_fill(fd, MIB(16) * i + KIB(4) * i, KIB(64), i);
	must(luo_preserve(session, fd, 1), "preserve");
	check(mem_allocated(fd) == MIB(1), "sparse: no hole is filled by preserving");
	kho = kho_preserved() - kho;
	check(kho >= MIB(1) && kho < MIB(1) + KIB(64), "sparse: %ld KiB preserved", kho / 1024);
	luo_fdinfo(session, "luo-bytes", bytes, sizeof(bytes));
	check(atol(bytes) >= MIB(1) && atol(bytes) < MIB(1) + KIB(64),
	      "sparse: fdinfo says %s bytes", bytes);
}

static void sparse_after(int session)
{
	int fd = take(session, 1), bad = 0;

	check(mem_allocated(fd) == MIB(1), "sparse: %ld KiB allocated", mem_allocated(fd) / 1024);
	check_eq(mem_size(fd), MIB(256), "sparse: size");
	for (int i = 0; i < 16; i++) {
		off_t at = MIB(16) * i + KIB(4) * i;

		bad += !mem_is(fd, at, KIB(64), i);
		bad += lseek(fd, MIB(16) * i, SEEK_DATA) != at;
		bad += lseek(fd, at, SEEK_HOLE) != at + KIB(64);
		bad += !mem_is_zero(fd, at + KIB(64), MIB(1));
	}
	check_eq(bad, 0, "sparse: data and holes where they were");
}

static void big_before(int session)
{
	int fd = mem_create("big", 0, GIB(9) + KIB(4));

	mem_fill(fd, GIB(5), KIB(64), 1);
	mem_fill(fd, GIB(9), KIB(4), 2);
	must(luo_preserve(session, fd, 1), "preserve");
}

static void big_after(int session)
{
	int fd = take(session, 1);

	check_eq(mem_size(fd), GIB(9) + KIB(4), "big: size");
	check_eq(mem_allocated(fd), KIB(68), "big: allocated");
	check(mem_is(fd, GIB(5), KIB(64), 1), "big: data at 5 GiB");
	check(mem_is(fd, GIB(9), KIB(4), 2), "big: the last page");
	check_eq(lseek(fd, 0, SEEK_DATA), GIB(5), "big: the first data");
}

/* Reserved, but never written. */
static void fallocated_before(int session)
{
	int fd = mem_create("fallocated", 0, MIB(4));

	must(fallocate(fd, 0, MIB(1), MIB(1)), "fallocate");
	mem_fill(fd, MIB(1), KIB(4), 1);
	must(luo_preserve(session, fd, 1), "preserve");
}

static void fallocated_after(int session)
{
	int fd = take(session, 1);

	check_eq(mem_allocated(fd), MIB(1), "fallocated: stays allocated");
	check(mem_is(fd, MIB(1), KIB(4), 1), "fallocated: what was written");
	check(mem_is_zero(fd, MIB(1) + KIB(4), MIB(1) - KIB(4)), "fallocated: zeroes else");
}

/* The first write to these pages comes after PRESERVE_FD. */
static void late_before(int session)
{
	int fd = mem_create("late", 0, MIB(64));
	char *map;

	mem_fill(fd, MIB(8), MIB(1), 1);
	must(luo_preserve(session, fd, 1), "preserve");
	mem_fill(fd, 0, KIB(4), 2);
	mem_fill(fd, MIB(8) - KIB(4), KIB(4), 3);
	mem_fill(fd, MIB(9), KIB(64), 4);
	for (int i = 0; i < 512; i++)
		mem_fill(fd, MIB(16) + KIB(8) * i, KIB(4), i);
	map = mmap(NULL, MIB(64), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(map + MIB(64) - KIB(4), 'l', KIB(4));

	/* All of it. */
	fd = mem_create("late whole", 0, MIB(4));
	must(luo_preserve(session, fd, 2), "preserve");
	mem_fill(fd, 0, MIB(4), 5);
	/* Read only: what a page full of zeroes in between means is the kernel's. */
	fd = mem_create("late read", 0, MIB(4));
	must(luo_preserve(session, fd, 3), "preserve");
	check(mem_is_zero(fd, 0, MIB(4)), "late: read before the kexec");
	/* Rewritten in place. */
	fd = mem_filled("rewritten", 0, MIB(4), 6);
	must(luo_preserve(session, fd, 4), "preserve");
	mem_fill(fd, MIB(1), MIB(2), 7);
}

static void late_after(int session)
{
	int fd = take(session, 1), bad = 0;
	char last[4096];

	check(mem_is(fd, MIB(8), MIB(1), 1), "late: what was there");
	check(mem_is(fd, 0, KIB(4), 2), "late: the first page");
	check(mem_is(fd, MIB(8) - KIB(4), KIB(4), 3), "late: right before it");
	check(mem_is(fd, MIB(9), KIB(64), 4), "late: right behind it");
	for (int i = 0; i < 512; i++)
		bad += !mem_is(fd, MIB(16) + KIB(8) * i, KIB(4), i);
	check_eq(bad, 0, "late: every other page");
	check(pread(fd, last, sizeof(last), MIB(64) - KIB(4)) == sizeof(last) &&
	      last[0] == 'l' && last[4095] == 'l', "late: the last page, through a mapping");
	check_eq(mem_allocated(fd), MIB(1) + KIB(4) * (1 + 1 + 16 + 512 + 1), "late: allocated");
	check(mem_is(take(session, 2), 0, MIB(4), 5), "late: a whole memfd");
	check(mem_is_zero(take(session, 3), 0, MIB(4)), "late: read, never written");
	fd = take(session, 4);
	check(mem_is(fd, 0, MIB(1), 6) && mem_is(fd, MIB(1), MIB(2), 7) &&
	      mem_is(fd, MIB(3), MIB(1), 6), "late: rewritten in place");
}

/* Holes made before; none can be made while it is preserved. */
static void punched_before(int session)
{
	int fd = mem_filled("punched", 0, MIB(4), 1);
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	must(fallocate(fd, punch, MIB(1) + KIB(4), KIB(8)), "punch");
	must(fallocate(fd, punch, MIB(2), MIB(1)), "punch");
	must(luo_preserve(session, fd, 1), "preserve");
	check(fallocate(fd, punch, 0, KIB(4)) && errno == EPERM, "punched: refused now: %m");
	check(ftruncate(fd, MIB(5)) && errno == EPERM, "punched: so is growing: %m");
	check(ftruncate(fd, MIB(3)) && errno == EPERM, "punched: shrinking: %m");
	check(fallocate(fd, 0, MIB(4), KIB(4)) && errno == EPERM, "punched: fallocate behind the end: %m");
	check(pwrite(fd, "x", 1, MIB(4)) < 0 && errno == EPERM, "punched: writing behind the end: %m");
	check(mem_is(fd, 0, MIB(1), 1) && mem_size(fd) == MIB(4), "punched: all of it is as it was");
}

static void punched_after(int session)
{
	int fd = take(session, 1);

	check(mem_is(fd, 0, MIB(1) + KIB(4), 1), "punched: before the first hole");
	check(mem_is_zero(fd, MIB(1) + KIB(4), KIB(8)), "punched: the first hole");
	check(mem_is(fd, MIB(1) + KIB(12), MIB(1) - KIB(12), 1), "punched: between");
	check(mem_is_zero(fd, MIB(2), MIB(1)), "punched: the second hole");
	check(mem_is(fd, MIB(3), MIB(1), 1), "punched: behind");
	check_eq(mem_allocated(fd), MIB(3) - KIB(8), "punched: allocated");
	mem_fill(fd, MIB(2), MIB(1), 2);
	check(mem_is(fd, MIB(2), MIB(1), 2), "punched: a hole can be filled afterwards");
	check(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, MIB(1)) &&
	      mem_is_zero(fd, 0, MIB(1)), "punched: and made");
}

int main(void)
{
	static const struct vm_case cases[] = {
		{ "sparse", sparse_before, sparse_after },
		{ "big", big_before, big_after },
		{ "fallocated", fallocated_before, fallocated_after },
		{ "late", late_before, late_after },
		{ "punched", punched_before, punched_after },
	};

	vm_run_cases(cases, sizeof(cases) / sizeof(*cases));
}
