// SPDX-License-Identifier: GPL-2.0
/*
 * Files whose handler is not there when the next kernel comes up: each fails
 * alone, and comes back once its handler is loaded.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define MANY 150	/* more than may be logged one by one */

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate"), session, many, fd;

	testfh_load("");
	session = must(luo_create(luo, "unbound"), "create");
	for (int i = 1; i <= 4; i++)
		must(luo_preserve(session, testfh_open(i), i), "preserve %d", i);
	fd = mem_filled("bound", 0, KIB(64), 1);
	must(luo_preserve(session, fd, 10), "preserve the memfd");
	check_eq(vm_rmmod("luo_testfh"), -EWOULDBLOCK, "unload: refused while files are preserved");

	session = must(luo_create(luo, "abandoned"), "create");
	must(luo_preserve(session, testfh_open(77), 7777), "preserve");
	fd = mem_filled("abandoned", 0, KIB(64), 2);
	must(luo_preserve(session, fd, 10), "preserve the memfd");

	many = must(luo_create(luo, "many"), "create");
	for (int i = 0; i < MANY; i++)
		must(luo_preserve(many, testfh_open(100 + i), i), "preserve");

	/* A file that was preserved and is not any more holds nothing. */
	fd = testfh_open(5);
	testfh_fail("preserve", 5);
	check_eq(luo_preserve(session, fd, 5), -EIO, "preserve: fails with the handler's errno");
	testfh_fail("preserve", 0);
}

/* FINISH frees what the core understands, and says what it could not free. */
static void abandon(int luo)
{
	int session = must(luo_retrieve(luo, "abandoned"), "retrieve");

	vm_log_mark();
	check_eq(luo_finish(session), 0, "abandoned: finish");
	check(vm_log_count("luo-test-v1.*(7777|0x1e61)") > 0,
	      "abandoned: the log names handler and token");
	check_eq(vm_log_count("memfd"), 0, "abandoned: the memfd is freed, not reported");
	check_eq(luo_retrieve(luo, "abandoned"), -ENOENT, "abandoned: the session is gone");
	close(session);
}

/* The log says of all that they are lost, and does not do so in a line each. */
static void abandon_many(int luo)
{
	int session = must(luo_retrieve(luo, "many"), "retrieve"), lines, rest = 0;
	char line[200] = "";

	vm_log_mark();
	check_eq(luo_finish(session), 0, "many: finish");
	close(session);
	lines = vm_log_count("'many'.*luo-test-v1.* is lost");
	if (vm_log_line("'many': [0-9]+ more", 0, line, sizeof(line)))
		sscanf(line, "%*[^:]: %*[^:]: %d more", &rest);
	check(lines > 0 && lines < MANY, "many: %d of %d are logged", lines, MANY);
	check_eq(lines + rest, MANY, "many: and how many more there are");
}

static void after(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_retrieve(luo, "unbound"), "retrieve"), fd;

	check_eq(luo_retrieve_fd(session, 1), -EUNATCH, "unbound: no handler");
	check_eq(luo_retrieve_fd(session, 1), -EUNATCH, "unbound: the same again");
	fd = luo_retrieve_fd(session, 10);
	check(fd >= 0 && mem_is(fd, 0, KIB(64), 1), "unbound: the memfd beside it is fine");
	abandon(luo);
	abandon_many(luo);

	testfh_load("retryable=1");
	check_eq(testfh_number(luo_retrieve_fd(session, 1)), 1, "bound: the file is back");
	check_eq(testfh_number(luo_retrieve_fd(session, 3)), 3, "bound: another one");

	testfh_fail("retrieve", 2);
	check_eq(luo_retrieve_fd(session, 2), -EIO, "bound: fails with the handler's errno");
	check_eq(luo_retrieve_fd(session, 2), -EIO, "bound: fails again");
	check_eq(testfh_calls("retrieve 2"), 2, "bound: the handler was asked twice");
	testfh_fail("retrieve", 0);
	check_eq(testfh_number(luo_retrieve_fd(session, 2)), 2, "bound: and then works");

	check_eq(luo_finish(session), 0, "bound: finish");
	check_eq(testfh_calls("finish [1-3] status 1"), 3, "finish: the retrieved ones");
	check_eq(testfh_calls("finish 4 status 0"), 1, "finish: the one not retrieved");
	close(session);
}

/* A handler that comes and goes between two attempts. */
static void unload(void)
{
	int i, fd;

	/* Files of it that are open hold the module, so close all. */
	for (i = 3; i < 256; i++)
		close(i);
	check_eq(vm_rmmod("luo_testfh"), 0, "unload: allowed when all is done");
	testfh_load("");
	fd = testfh_open(9);
	check_eq(testfh_number(fd), 9, "unload: and loaded again");
}

static void after_and_unload(void)
{
	after();
	unload();
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after_and_unload };

	vm_run_stages(stages, 2);
}
