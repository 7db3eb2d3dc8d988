// SPDX-License-Identifier: GPL-2.0
/* Large folios stay large. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

static void check_huge(int fd, off_t off, off_t len, const char *what)
{
	check_eq(mem_huge(fd, off, len), mem_huge_expected(len), "%s", what);
}

static void whole_before(int session)
{
	int fd;

	mem_use_huge("always");
	fd = mem_create("whole", 0, MIB(16));
	mem_fill(fd, 0, MIB(16), 1);
	check_huge(fd, 0, MIB(16), "whole: made of large folios");
	must(luo_preserve(session, fd, 1), "preserve");
	check_huge(fd, 0, MIB(16), "whole: preserving splits none");
}

static void whole_after(int session)
{
	const long counted = vm_meminfo("ShmemHugePages");
	int fd = must(luo_retrieve_fd(session, 1), "retrieve");

	check_eq(vm_meminfo("ShmemHugePages") - counted, mem_huge_expected(MIB(16)),
		 "whole: counted as large folios");
	check(mem_is(fd, 0, MIB(16), 1), "whole: contents");
	check_huge(fd, 0, MIB(16), "whole: large folios again");
}

/* One in a hole, one at an odd place, one that is written after PRESERVE_FD. */
static void some_before(int session)
{
	int fd = mem_create("some", 0, MIB(64));

	mem_fill(fd, MIB(8), MIB(2), 1);
	mem_fill(fd, MIB(30), MIB(2), 2);
	mem_use_huge("never");
	mem_fill(fd, MIB(28) + KIB(4), KIB(8), 3);
	mem_use_huge("always");
	must(luo_preserve(session, fd, 1), "preserve");
	mem_fill(fd, MIB(48), MIB(2), 4);
	vm_kexec_arg("luo_alloc", "%ld", mem_allocated(fd));
}

static void some_after(int session)
{
	int fd = must(luo_retrieve_fd(session, 1), "retrieve");

	check_eq(mem_allocated(fd), vm_arg_num("luo_alloc", 0), "some: allocated");
	check(mem_is(fd, MIB(8), MIB(2), 1) && mem_is(fd, MIB(30), MIB(2), 2) &&
	      mem_is(fd, MIB(28) + KIB(4), KIB(8), 3) && mem_is(fd, MIB(48), MIB(2), 4),
	      "some: contents");
	check_huge(fd, MIB(8), MIB(2), "some: large between holes");
	check_huge(fd, MIB(30), MIB(2), "some: large beside small");
	check_huge(fd, MIB(48), MIB(2), "some: large, written late");
	check_eq(mem_huge(fd, MIB(28) + KIB(4), KIB(8)), 0, "some: small stays small");
}

/* The size ends within the last large folio. */
static void tail_before(int session)
{
	int fd = mem_create("tail", 0, MIB(4) + KIB(20));

	must(ftruncate(fd, MIB(6)), "grow");
	mem_fill(fd, 0, MIB(6), 5);
	must(ftruncate(fd, MIB(4) + KIB(20)), "shrink");
	must(luo_preserve(session, fd, 1), "preserve");
}

static void tail_after(int session)
{
	int fd = must(luo_retrieve_fd(session, 1), "retrieve");

	check(mem_is(fd, 0, MIB(4) + KIB(20), 5), "tail: contents");
	check_eq(mem_size(fd), MIB(4) + KIB(20), "tail: size");
	check(!ftruncate(fd, MIB(6)) && mem_is_zero(fd, MIB(4) + KIB(20), MIB(1)),
	      "tail: grown again, zeroes behind the former end");
}

int main(void)
{
	static const struct vm_case cases[] = {
		{ "whole", whole_before, whole_after },
		{ "some", some_before, some_after },
		{ "tail", tail_before, tail_after },
	};

	vm_run_cases(cases, sizeof(cases) / sizeof(*cases));
}
