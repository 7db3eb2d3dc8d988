// SPDX-License-Identifier: GPL-2.0
/*
 * A memfd of half of the machine's memory: some of its pages lie where the next
 * kernel starts from, and must move before they are preserved.
 *
 *	memfd_large [huge]
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate"), session, fd;
	off_t size = (vm_meminfo("MemAvailable") / 2) & ~(MIB(2) - 1);
	double start;

	session = must(luo_create(luo, "large"), "create");
	fd = mem_filled("large", 0, size, 1);
	start = seconds();
	check_eq(luo_preserve(session, fd, 1), 0, "%ld MiB can be preserved", size >> 20);
	tap_note("in %.2f s", seconds() - start);
	check(mem_is(fd, 0, size, 1), "contents, after pages were moved");
	vm_kexec_arg("luo_size", "%ld", size);
}

static void after(void)
{
	int luo = must(luo_open(), "/dev/liveupdate"), session, fd;
	off_t size = vm_arg_num("luo_size", 0);
	double start = seconds();

	session = must(luo_retrieve(luo, "large"), "retrieve");
	fd = must(luo_retrieve_fd(session, 1), "retrieve");
	tap_note("retrieved in %.2f s", seconds() - start);
	check(mem_is(fd, 0, size, 1), "contents in the next kernel");
	check_eq(luo_finish(session), 0, "finish");
	check(mem_is(fd, 0, size, 1), "contents after finish");
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };

	if (argc > 1 && !strcmp(argv[1], "huge"))
		mem_use_huge("always");
	vm_run_stages(stages, 2);
}
