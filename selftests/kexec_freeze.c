// SPDX-License-Identifier: GPL-2.0
/*
 * A file refuses to freeze: the kexec fails, everything is as before, and the
 * next try takes it all over.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define FILES 6
#define REFUSES 4

static int memfd;

static int prepare(int luo)
{
	int session = must(luo_create(luo, "freeze"), "create");

	memfd = mem_filled("freeze", 0, KIB(256), 1);
	for (int i = 1; i <= FILES; i++)
		must(luo_preserve(session, testfh_open(i), i), "preserve %d", i);
	must(luo_preserve(session, memfd, 100), "preserve the memfd");
	return session;
}

/* The calls must undo the freezes in reverse order. */
static void check_order(void)
{
	char line[64], want[64];
	bool order = true;
	int frozen;

	frozen = testfh_calls("freeze [0-9]+") - 1;
	check(frozen >= 0 && testfh_calls("unfreeze [0-9]+") == frozen,
	      "refused: %d frozen files are unfrozen", frozen);
	check_eq(testfh_calls("unfreeze 4"), 0, "refused: not the one that failed");
	for (int i = 0; i < frozen; i++) {
		if (!vm_log_line("^luo_testfh: freeze", frozen - 1 - i, want, sizeof(want)) ||
		    !vm_log_line("^luo_testfh: unfreeze", i, line, sizeof(line)))
			order = false;
		else if (strcmp(strrchr(line, ' '), strrchr(want, ' ')))
			order = false;
	}
	check(order, "refused: in reverse order");
}

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate"), session, late;
	char state[32] = "";

	testfh_load("");
	session = prepare(luo);

	testfh_fail("freeze", REFUSES);
	vm_log_mark();
	check_eq(vm_kexec(), -EIO, "refused: the kexec fails with the file's errno");
	check_order();
	luo_fdinfo(session, "luo-state", state, sizeof(state));
	check(!strcmp(state, "outgoing"), "refused: the session is %s", state);
	check(vm_log_count("luo-test-v1.*4") || vm_log_count("4.*luo-test-v1"),
	      "refused: the log names handler and token");

	/* The system goes on working. */
	mem_fill(memfd, KIB(128), KIB(128), 2);
	late = mem_filled("late", 0, KIB(64), 3);
	check_eq(luo_preserve(session, late, 101), 0, "refused: another file can be preserved");
	check_eq(luo_preserve(session, memfd, 102), -EBUSY, "refused: the files are still preserved");

	check_eq(vm_kexec(), -EIO, "refused: a second time");
	testfh_fail("freeze", 0);
}

static void after(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_retrieve(luo, "freeze"), "retrieve"), fd, bad = 0;

	testfh_load("");
	for (int i = 1; i <= FILES; i++)
		bad += testfh_number(luo_retrieve_fd(session, i)) != i;
	check_eq(bad, 0, "second try: files not right");
	check_eq(testfh_calls("retrieve [0-9]+ frozen 1"), FILES,
		 "second try: each file is frozen once");
	fd = luo_retrieve_fd(session, 100);
	check(mem_is(fd, 0, KIB(128), 1), "second try: memfd, written before");
	check(mem_is(fd, KIB(128), KIB(128), 2), "second try: memfd, written in between");
	fd = luo_retrieve_fd(session, 101);
	check(mem_is(fd, 0, KIB(64), 3), "second try: memfd preserved in between");

	testfh_fail("can_finish", 2);
	check_eq(luo_finish(session), -EBUSY, "finish: refused by a file");
	check_eq(testfh_calls("finish [0-9]+"), 0, "finish: then none is finished");
	testfh_fail("can_finish", 0);
	check_eq(luo_finish(session), 0, "finish: not refused any more");
	check_eq(testfh_calls("finish [0-9]+ status 1"), FILES, "finish: all are finished");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
