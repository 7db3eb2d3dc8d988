// SPDX-License-Identifier: GPL-2.0
/*
 * Each step of two sessions' lives, in both kernels, is traced: where it starts
 * and where it ends, once each, with the right fields. The first kernel writes
 * into a ring buffer that the second one finds again; the second one is traced
 * from its boot on.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "testfh.h"
#include "trace.h"
#include "vm.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KEPT "instances/kept"

/* "*" stands for what differs from one run to the next. */
struct expected {
	const char *name, *text;
};

#define SESSION(what, session, step, rest) \
	{ "luo_session_" what, "session=" session " step=" step " " rest }
#define FILE_START(session, token, handler, callback) \
	{ "luo_file_start", "session=" session " token=" token " handler=" handler \
			    " callback=" callback }
#define FILE_END(session, token, handler, callback, rest) \
	{ "luo_file_end", "session=" session " token=" token " handler=" handler \
			  " callback=" callback " " rest }
/* A callback of the test module, during which nothing else happens. */
#define TESTFH(session, token, callback, ret) \
	FILE_START(session, token, "luo-test-v1", callback), \
	FILE_END(session, token, "luo-test-v1", callback, "bytes=0 ret=" ret)
#define MEMFD(session, token, callback, bytes) \
	FILE_START(session, token, "memfd-extents-v1", callback), \
	FILE_END(session, token, "memfd-extents-v1", callback, "bytes=" bytes " ret=0")

/* A memfd of 64 KiB takes that and the page of its record. */
#define BYTES "69632"

#define LIFE_FREEZES \
	SESSION("start", "life", "freeze", "files=3 bytes=" BYTES), \
	TESTFH("life", "0x1", "freeze", "0"), \
	MEMFD("life", "0x2", "freeze", BYTES), \
	TESTFH("life", "0x3", "freeze", "0"), \
	SESSION("end", "life", "freeze", "files=3 bytes=" BYTES " ret=0"), \
	SESSION("start", "life", "write", "files=3 bytes=" BYTES), \
	SESSION("end", "life", "write", "files=3 bytes=" BYTES " ret=0")

static const struct expected in_first[] = {
	SESSION("start", "life", "create", "files=0 bytes=0"),
	SESSION("end", "life", "create", "files=0 bytes=0 ret=0"),
	TESTFH("life", "0x1", "preserve", "0"),
	MEMFD("life", "0x2", "preserve", BYTES),
	TESTFH("life", "0x3", "preserve", "0"),
	TESTFH("life", "0x4", "preserve", "-5"),
	/* A name that is taken */
	SESSION("start", "life", "create", "files=0 bytes=0"),
	SESSION("end", "life", "create", "files=0 bytes=0 ret=-17"),
	/* Closed before the kexec, so undone */
	SESSION("start", "gone", "create", "files=0 bytes=0"),
	SESSION("end", "gone", "create", "files=0 bytes=0 ret=0"),
	TESTFH("gone", "0x7", "preserve", "0"),
	MEMFD("gone", "0x8", "preserve", BYTES),
	SESSION("start", "gone", "release", "files=2 bytes=" BYTES),
	MEMFD("gone", "0x8", "unpreserve", BYTES),
	TESTFH("gone", "0x7", "unpreserve", "0"),
	SESSION("end", "gone", "release", "files=0 bytes=0 ret=0"),
	SESSION("start", "left", "create", "files=0 bytes=0"),
	SESSION("end", "left", "create", "files=0 bytes=0 ret=0"),
	TESTFH("left", "0x1", "preserve", "0"),
	/* Refused by a file of the second session */
	{ "luo_reboot_start", "update=1" },
	{ "luo_sessions_read_start", "update=0" },
	{ "luo_sessions_read_end", "update=0 sessions=0 ret=0" },
	LIFE_FREEZES,
	SESSION("start", "left", "freeze", "files=1 bytes=0"),
	TESTFH("left", "0x1", "freeze", "-5"),
	SESSION("end", "left", "freeze", "files=1 bytes=0 ret=-5"),
	SESSION("start", "life", "unfreeze", "files=3 bytes=" BYTES),
	TESTFH("life", "0x3", "unfreeze", "0"),
	MEMFD("life", "0x2", "unfreeze", BYTES),
	TESTFH("life", "0x1", "unfreeze", "0"),
	SESSION("end", "life", "unfreeze", "files=3 bytes=" BYTES " ret=0"),
	{ "luo_reboot_end", "update=1 sessions=2 files=4 ret=-5" },
	/* And done */
	{ "luo_reboot_start", "update=1" },
	LIFE_FREEZES,
	SESSION("start", "left", "freeze", "files=1 bytes=0"),
	TESTFH("left", "0x1", "freeze", "0"),
	SESSION("end", "left", "freeze", "files=1 bytes=0 ret=0"),
	SESSION("start", "left", "write", "files=1 bytes=0"),
	SESSION("end", "left", "write", "files=1 bytes=0 ret=0"),
	{ "luo_reboot_end", "update=1 sessions=2 files=4 ret=0" },
};

static const struct expected in_second[] = {
	{ "luo_root_read", "update=1 ret=0" },
	/* Closed before it is finished: it is incoming again */
	{ "luo_sessions_read_start", "update=1" },
	{ "luo_sessions_read_end", "update=1 sessions=2 ret=0" },
	SESSION("start", "life", "retrieve", "files=3 bytes=0"),
	SESSION("start", "life", "read", "files=3 bytes=0"),
	SESSION("end", "life", "read", "files=3 bytes=" BYTES " ret=0"),
	SESSION("end", "life", "retrieve", "files=3 bytes=" BYTES " ret=0"),
	SESSION("start", "life", "release", "files=3 bytes=" BYTES),
	SESSION("end", "life", "release", "files=3 bytes=" BYTES " ret=0"),
	SESSION("start", "life", "retrieve", "files=3 bytes=" BYTES),
	SESSION("end", "life", "retrieve", "files=3 bytes=" BYTES " ret=0"),
	/* Finished without a handler */
	SESSION("start", "left", "retrieve", "files=1 bytes=0"),
	SESSION("start", "left", "read", "files=1 bytes=0"),
	SESSION("end", "left", "read", "files=1 bytes=0 ret=0"),
	SESSION("end", "left", "retrieve", "files=1 bytes=0 ret=0"),
	SESSION("start", "left", "finish", "files=1 bytes=0"),
	TESTFH("left", "0x1", "reclaim", "-49"),
	SESSION("end", "left", "finish", "files=0 bytes=0 ret=0"),
	SESSION("start", "left", "release", "files=0 bytes=0"),
	SESSION("end", "left", "release", "files=0 bytes=0 ret=0"),
	/* With one: not at once, and neither is it finished at once */
	TESTFH("life", "0x1", "retrieve", "-5"),
	TESTFH("life", "0x1", "retrieve", "0"),
	MEMFD("life", "0x2", "retrieve", BYTES),
	SESSION("start", "life", "finish", "files=3 bytes=0"),
	TESTFH("life", "0x1", "can_finish", "0"),
	TESTFH("life", "0x3", "can_finish", "-16"),
	SESSION("end", "life", "finish", "files=3 bytes=0 ret=-16"),
	SESSION("start", "life", "finish", "files=3 bytes=0"),
	TESTFH("life", "0x1", "can_finish", "0"),
	TESTFH("life", "0x3", "can_finish", "0"),
	TESTFH("life", "0x1", "finish", "0"),
	MEMFD("life", "0x2", "finish", "0"),
	TESTFH("life", "0x3", "finish", "0"),
	SESSION("end", "life", "finish", "files=0 bytes=0 ret=0"),
	SESSION("start", "life", "release", "files=0 bytes=0"),
	SESSION("end", "life", "release", "files=0 bytes=0 ret=0"),
};

static bool is(const struct trace_event *event, const struct expected *want)
{
	return !strcmp(event->name, want->name) && !fnmatch(want->text, event->text, 0);
}

/* All of them, in this order, and no others. */
static void check_events(const char *instance, const char *when,
			 const struct expected *want, size_t nr)
{
	struct trace_event *events;
	size_t found = trace_read(instance, &events), i = 0;
	double last = 0;

	while (i < nr && i < found && is(&events[i], &want[i]) && events[i].at >= last)
		last = events[i++].at;
	check_eq(found, nr, "%s: number of events", when);
	check(i == nr, "%s: each event once, in order, with its fields", when);
	if (i < nr)
		tap_note("event %zu: got %s: %s, expected %s: %s", i,
			 i < found ? events[i].name : "none", i < found ? events[i].text : "",
			 want[i].name, want[i].text);
	free(events);
}

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate"), session, gone, left;

	testfh_load("");
	trace_start(KEPT);

	session = must(luo_create(luo, "life"), "create");
	must(luo_preserve(session, testfh_open(1), 1), "preserve 1");
	must(luo_preserve(session, mem_filled("m", 0, KIB(64), 1), 2), "preserve 2");
	must(luo_preserve(session, testfh_open(3), 3), "preserve 3");
	testfh_fail("preserve", 4);
	check_eq(luo_preserve(session, testfh_open(4), 4), -EIO, "a file that can't be preserved");
	check_eq(luo_create(luo, "life"), -EEXIST, "a session that exists");

	gone = must(luo_create(luo, "gone"), "create");
	must(luo_preserve(gone, testfh_open(7), 7), "preserve 7");
	must(luo_preserve(gone, mem_filled("n", 0, KIB(64), 2), 8), "preserve 8");
	close(gone);

	left = must(luo_create(luo, "left"), "create");
	must(luo_preserve(left, testfh_open(9), 1), "preserve 9");
	testfh_fail("freeze", 9);
	check_eq(vm_kexec(), -EIO, "a kexec that is refused");
	testfh_fail("freeze", 0);
}

static void after(void)
{
	int luo = must(luo_open(), "/dev/liveupdate"), session, left;

	check_events(KEPT, "before the kexec", in_first, ARRAY_SIZE(in_first));

	close(must(luo_retrieve(luo, "life"), "retrieve life"));
	session = must(luo_retrieve(luo, "life"), "retrieve life again");
	check_eq(luo_retrieve_fd(session, 1), -EUNATCH, "no handler, so nothing is called");
	left = must(luo_retrieve(luo, "left"), "retrieve left");
	check_eq(luo_finish(left), 0, "finish without a handler");
	close(left);

	testfh_load("retryable=1 fail_retrieve=1 fail_can_finish=3");
	check_eq(luo_retrieve_fd(session, 1), -EIO, "a retrieve that fails");
	testfh_fail("retrieve", 0);
	must(luo_retrieve_fd(session, 1), "retrieve 1");
	must(luo_retrieve_fd(session, 2), "retrieve 2");
	must(luo_retrieve_fd(session, 2), "retrieve 2, which is there");
	check_eq(luo_finish(session), -EBUSY, "a finish that is refused");
	testfh_fail("can_finish", 0);
	check_eq(luo_finish(session), 0, "finish");
	close(session);

	check_events("", "after the kexec", in_second, ARRAY_SIZE(in_second));
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, ARRAY_SIZE(stages));
}
