// SPDX-License-Identifier: GPL-2.0
/*
 * Native handlers whose files depend on others of the session: in any order, in a chain as
 * long as allowed and one longer, in a circle, and on what was not preserved.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define DEPTH 8		/* retrieves inside one another */
#define CIRCLE 50
#define MEMFD 100

static int linked(unsigned long number, int to)
{
	int fd = testfh_open(number);

	must(dprintf(fd, "link %d", to), "link");
	return fd;
}

static void preserve(int session, int fd, uint64_t token)
{
	must(luo_preserve(session, fd, token), "preserve");
}

static long size_behind(int fd)
{
	char text[48] = "", *end;

	if (fd < 0)
		return fd;
	must(read(fd, text, sizeof(text) - 1), "read");
	strtol(text, &end, 0);
	return *end == ' ' ? atol(end) : -ENODATA;
}

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_create(luo, "depend"), "create");
	int other = must(luo_create(luo, "other"), "create");
	int memfd = mem_filled("depend", 0, KIB(12), 1), fd = -1, circle;

	testfh_load("retryable=1");
	/* Before what it depends on. */
	preserve(session, linked(1, memfd), 1);
	preserve(session, memfd, MEMFD);
	/* What is of another session, or of none. */
	preserve(other, linked(2, memfd), 1);
	preserve(session, linked(3, mem_filled("lost", 0, KIB(4), 1)), 3);

	/* The last of the chain has nothing; the first is one too many. */
	for (int i = 0; i <= DEPTH; i++) {
		fd = i ? linked(10 + i, fd) : testfh_open(10);
		preserve(session, fd, 10 + i);
	}
	fd = testfh_open(CIRCLE);
	circle = linked(CIRCLE + 1, fd);
	must(dprintf(fd, "link %d", circle), "link");
	preserve(session, fd, CIRCLE);
	preserve(session, circle, CIRCLE + 1);
}

static void after(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_retrieve(luo, "depend"), "retrieve"), other, fd;

	testfh_load("retryable=1");
	check_eq(size_behind(luo_retrieve_fd(session, 1)), KIB(12), "memfd: behind the file");
	fd = luo_retrieve_fd(session, MEMFD);
	check(fd >= 0 && mem_is(fd, 0, KIB(12), 1), "memfd: as it was");
	check(!ftruncate(fd, KIB(16)), "memfd: grows");
	check_eq(size_behind(luo_retrieve_fd(session, 1)), KIB(16), "memfd: it is the same one");
	check_eq(size_behind(luo_retrieve_fd(session, 3)), -ENODATA, "not preserved: no link");
	other = must(luo_retrieve(luo, "other"), "retrieve");
	check_eq(size_behind(luo_retrieve_fd(other, 1)), -ENODATA, "another session's: no link");

	check_eq(luo_retrieve_fd(session, CIRCLE), -ELOOP, "circle");
	check_eq(luo_retrieve_fd(session, 10 + DEPTH), -ELOOP, "chain: one too many");
	check_eq(testfh_number(luo_retrieve_fd(session, 10 + DEPTH - 1)), 10 + DEPTH - 1,
		 "chain: as long as allowed");
	check_eq(size_behind(luo_retrieve_fd(session, 10 + DEPTH)), 0,
		 "chain: what it depends on is there now");
	check_eq(luo_finish(session), 0, "finish");
	check_eq(luo_finish(other), 0, "finish the other");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
