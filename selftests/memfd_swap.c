// SPDX-License-Identifier: GPL-2.0
/* Pages that are in swap when the memfd is preserved, or go there after it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "swap.h"
#include "tap.h"
#include "vm.h"

#define SIZE MIB(16)

static void all_before(int session)
{
	int fd;

	swap_start(MIB(128));
	fd = mem_filled("all", 0, SIZE, 1);
	swap_out(fd, 0, SIZE);
	check(swap_used(fd, 0, SIZE) > SIZE / 2, "all: %ld MiB are swapped out",
	      swap_used(fd, 0, SIZE) >> 20);
	must(luo_preserve(session, fd, 1), "preserve");
	/* A preserved page must be in memory, and stay there. */
	swap_out(fd, 0, SIZE);
	check_eq(swap_used(fd, 0, SIZE), 0, "all: in memory when preserved");
	check(mem_is(fd, 0, SIZE, 1), "all: contents");
}

static void all_after(int session)
{
	int fd = must(luo_retrieve_fd(session, 1), "retrieve");

	check(mem_is(fd, 0, SIZE, 1), "all: contents in the next kernel");
	check_eq(mem_allocated(fd), SIZE, "all: allocated");
}

/* Pages and swapped out pages and holes in turn. */
static void mixed_before(int session)
{
	int fd = mem_create("mixed", 0, SIZE);

	for (off_t off = 0; off < SIZE; off += KIB(16))
		mem_fill(fd, off, KIB(8), 2);
	for (off_t off = 0; off < SIZE; off += KIB(32))
		swap_out(fd, off, KIB(16));
	must(luo_preserve(session, fd, 1), "preserve");
	/* These are in no list yet, so they may go to swap until the freeze. */
	for (off_t off = KIB(8); off < SIZE; off += KIB(64))
		mem_fill(fd, off, KIB(4), 3);
	swap_out(fd, 0, SIZE);
	check(swap_used(fd, 0, SIZE) > 0, "mixed: written late and swapped out");
}

static void mixed_after(int session)
{
	int fd = must(luo_retrieve_fd(session, 1), "retrieve"), bad = 0;

	for (off_t off = 0; off < SIZE; off += KIB(16))
		bad += !mem_is(fd, off, KIB(8), 2);
	check_eq(bad, 0, "mixed: contents");
	for (off_t off = KIB(8); off < SIZE; off += KIB(64))
		bad += !mem_is(fd, off, KIB(4), 3);
	check_eq(bad, 0, "mixed: written late");
	check_eq(mem_allocated(fd), SIZE / 2 + SIZE / 16, "mixed: allocated");
}

/* A memfd that came over is as good as any: it can be swapped out. */
static void again_before(int session)
{
	must(luo_preserve(session, mem_filled("again", 0, SIZE, 4), 1), "preserve");
}

static void again_after(int session)
{
	int fd = must(luo_retrieve_fd(session, 1), "retrieve");

	swap_start(MIB(128));
	must(luo_finish(session), "finish");
	swap_out(fd, 0, SIZE);
	check(swap_used(fd, 0, SIZE) > SIZE / 2, "again: %ld MiB are swapped out",
	      swap_used(fd, 0, SIZE) >> 20);
	check(mem_is(fd, 0, SIZE, 4), "again: contents");
}

/* And reclaim finds it where it looks for pages to swap out. */
static void reclaimed_before(int session)
{
	must(luo_preserve(session, mem_filled("reclaimed", 0, SIZE, 5), 1), "preserve");
}

#define GROUP "/sys/fs/cgroup/reclaimed"

static void move_to(const char *group)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	must(write_file(path, "0"), "%s", path);
}

static void reclaimed_after(int session)
{
	int fd, err;

	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	check(!mkdir(GROUP, 0755) || errno == EEXIST, "reclaimed: a group");
	move_to(GROUP);
	fd = luo_retrieve_fd(session, 1);
	move_to("/sys/fs/cgroup");
	must(fd, "retrieve");
	must(luo_finish(session), "finish");
	err = write_file(GROUP "/memory.reclaim", "%ld swappiness=max", SIZE);
	check(!err || err == -EAGAIN, "reclaimed: reclaim (%s)", strerror(-err));
	check(swap_used(fd, 0, SIZE) > SIZE / 2, "reclaimed: %ld MiB are swapped out",
	      swap_used(fd, 0, SIZE) >> 20);
	check(mem_is(fd, 0, SIZE, 5), "reclaimed: contents");
	/* For the next file to be alone in the group */
	close(fd);
}

/* The same with the other lists, and what was on the first ones goes to them. */
static void generations_after(int session)
{
	if (write_file("/sys/kernel/mm/lru_gen/enabled", "y"))
		tap_skip("generations: the kernel has no CONFIG_LRU_GEN");
	else
		reclaimed_after(session);
}

int main(void)
{
	static const struct vm_case cases[] = {
		{ "all", all_before, all_after },
		{ "mixed", mixed_before, mixed_after },
		{ "again", again_before, again_after },
		{ "reclaimed", reclaimed_before, reclaimed_after },
		{ "generations", reclaimed_before, generations_after },
	};

	vm_run_cases(cases, sizeof(cases) / sizeof(*cases));
}
