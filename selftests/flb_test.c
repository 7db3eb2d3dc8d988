// SPDX-License-Identifier: GPL-2.0
/*
 * The test within the kernel (lib/tests/liveupdate.c), which the kernel's command line
 * turns on: its three FLBs on memfds, through two kexecs. What it finds wrong is an error
 * in the log.
 */
#include <stdio.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

static int calls(const char *call)
{
	char regex[64];

	snprintf(regex, sizeof(regex), "^liveupdate-test: %s [0-9]+$", call);
	return vm_log_count(regex);
}

static int errors;

static void mark(void)
{
	errors += vm_log_count("^liveupdate-test: .*(out of order|not its|not reg|twice|can't)");
	vm_log_mark();
}

static void preserve(int luo)
{
	int one = must(luo_create(luo, "one"), "create"), two;

	mark();
	must(luo_preserve(one, mem_filled("one", 0, MIB(1), 1), 1), "preserve");
	two = must(luo_create(luo, "two"), "create");
	must(luo_preserve(two, mem_filled("two", 0, MIB(1), 2), 1), "preserve");
	check_eq(calls("preserve"), 3, "preserved with the first memfd");
}

static void retrieve(int luo, const char *name, unsigned int seed)
{
	int session = must(luo_retrieve(luo, name), "retrieve");
	int fd = luo_retrieve_fd(session, 1);

	check(fd >= 0 && mem_is(fd, 0, MIB(1), seed), "%s: the memfd is whole", name);
	check_eq(luo_finish(session), 0, "%s: finish", name);
	close(session);
	close(fd);
}

static void undo(int luo)
{
	long kho = must(kho_preserved(), "count what KHO preserves");
	int session = must(luo_create(luo, "undone"), "create");

	mark();
	must(luo_preserve(session, mem_filled("undone", 0, MIB(1), 3), 1), "preserve");
	close(session);
	check(calls("preserve") == 3 && calls("unpreserve") == 3, "undone with the last memfd");
	check_eq(kho_preserved() - kho, 0, "bytes left preserved");
}

static void from(int kernels)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	char regex[64];

	check(vm_log_count("^liveupdate-test: registered with 'memfd") == 2, "on memfds");
	if (kernels) {
		snprintf(regex, sizeof(regex), "^liveupdate-test: found [0-9]+, kernel %d$",
			 kernels);
		check_eq(vm_log_count(regex), 3, "found when the kernel started");
		check_eq(calls("retrieve"), 3, "retrieved once");
		mark();
		retrieve(luo, "one", 1);
		check_eq(calls("finish"), 0, "not finished with the first memfd");
		retrieve(luo, "two", 2);
		check_eq(calls("finish"), 3, "finished with the last memfd");
	}
	undo(luo);
	if (kernels < 2)
		preserve(luo);
	mark();
	check_eq(errors, 0, "errors that the test logged");
}

static void first(void)
{
	from(0);
}

static void second(void)
{
	from(1);
}

static void third(void)
{
	from(2);
}

int main(void)
{
	static const vm_stage_fn stages[] = { first, second, third };

	vm_run_stages(stages, 3);
}
