// SPDX-License-Identifier: GPL-2.0
/*
 * Every memory allocation of every call fails once. The call must say so or
 * do without, leave nothing behind, and work when it is made again.
 *
 *	fail_nth [mainline]	with liveupdate.abi=mainline
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "sweep.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define FILES SWEEP_MAX
#define EXTENTS 130	/* more than fit into the header */
#define LATE 1500	/* more than what is kept in reserve */
#define LATE_TOKEN 100000
#define LATE_MAINLINE 20	/* each takes an array of its own, and so a kexec or two */

static int luo, session, memfds[FILES];
static long kho;
static bool mainline;

static int create_call(int n)
{
	char name[32];

	snprintf(name, sizeof(name), "create-%d", n);
	return luo_create(luo, name);
}

static bool nothing_preserved(int n)
{
	(void)n;
	return kho_preserved() == kho;
}

static bool close_it(int n, int fd)
{
	(void)n;
	return !close(fd);
}

static int preserve_call(int n)
{
	kho = kho_preserved();
	return luo_preserve(session, memfds[n], n);
}

static bool not_preserved(int n)
{
	off_t size = mem_size(memfds[n]);

	return nothing_preserved(n) && !ftruncate(memfds[n], size + KIB(4)) &&
	       !ftruncate(memfds[n], size);
}

/*
 * The last file refuses to freeze, so that a kexec which gets that far without
 * the memory that it could not have comes back too.
 */
static void sweep_kexec(void)
{
	int n, failed = 0, bad = 0;
	bool hit = true;

	testfh_load("");
	must(luo_preserve(must(luo_create(luo, "last"), "create"), testfh_open(3), 1),
	     "preserve");
	testfh_fail("freeze", 3);
	for (n = 1; hit && n < 2000; n++) {
		int ret;

		must(vm_kexec_load(), "load the next kernel");
		sweep_arm(n);
		ret = vm_kexec();
		hit = sweep_disarm();
		failed += ret == -ENOMEM;
		if (ret != -EIO && (ret != -ENOMEM || !hit)) {
			tap_note("kexec, allocation %d: %d", n, ret);
			bad++;
		}
	}
	check(!hit, "kexec: %d allocations swept, %d calls failed", n - 2, failed);
	check_eq(bad, 0, "kexec: failures that are not clean");
	testfh_fail("freeze", 0);
}

/*
 * There is no other file to refuse: the first kexec that has all its memory takes place,
 * and the next kernel says how many have not.
 */
static void sweep_kexec_mainline(void)
{
	for (int n = 1; n < 2000; n++) {
		int ret;

		vm_kexec_arg("luo_failed", "%d", n - 1);
		must(vm_kexec_load(), "load the next kernel");
		sweep_arm(n);
		ret = vm_kexec();
		if (!sweep_disarm() || ret != -ENOMEM)
			tap_bail("kexec, allocation %d: %d", n, ret);
	}
}

static void before(void)
{
	static const struct sweep create = {
		"create", create_call, nothing_preserved, close_it,
	};
	static const struct sweep preserve = {
		"preserve", preserve_call, not_preserved, NULL,
	};
	const int late = mainline ? LATE_MAINLINE : FILES;
	char name[32];

	sweep_start();
	luo = must(luo_open(), "/dev/liveupdate");
	session = must(luo_create(luo, "files"), "create");
	for (int n = 0; n < FILES; n++) {
		memfds[n] = mem_create("nth", 0, EXTENTS * KIB(8));
		for (int i = 0; i < EXTENTS; i++)
			mem_fill(memfds[n], i * KIB(8), KIB(4), n);
		if (n >= late)
			mem_fill(memfds[n], KIB(4), KIB(4), n);
	}
	kho = must(kho_preserved(), "count what KHO preserves");
	sweep_call(&create);
	sweep_call(&preserve);
	for (int n = 1; n < FILES; n++) {
		/* Most were preserved by the sweep. */
		luo_preserve(session, memfds[n], n);
		snprintf(name, sizeof(name), "session-%d", n);
		must(luo_preserve(must(luo_create(luo, name), "create"),
				  mem_filled("nth", 0, KIB(16), n), 1), "preserve");
	}
	/* Written late: one page each, and more than there is room for. */
	for (int n = 1; n < late; n++)
		mem_fill(memfds[n], KIB(4), KIB(4), n);
	memfds[0] = mem_create("late", 0, LATE * KIB(8));
	must(luo_preserve(session, memfds[0], LATE_TOKEN), "preserve");
	for (int i = 0; i < LATE; i++)
		mem_fill(memfds[0], i * KIB(8), KIB(4), 1);
	if (mainline)
		sweep_kexec_mainline();
	else
		sweep_kexec();
}

static int sessions[FILES];

static int retrieve_call(int n)
{
	char name[32];

	snprintf(name, sizeof(name), "session-%d", n);
	sessions[n] = luo_retrieve(luo, name);
	return sessions[n];
}

static int retrieve_fd_call(int n)
{
	return luo_retrieve_fd(session, n);
}

static bool retrieved(int n, int fd)
{
	bool good = mem_is(fd, 0, KIB(12), n) &&
		    mem_allocated(fd) == (EXTENTS + 1) * KIB(4);

	for (int i = 2; i < EXTENTS; i++)
		good = good && mem_is(fd, i * KIB(8), KIB(4), n);
	close(fd);
	return good;
}

static int finish_call(int n)
{
	return luo_finish(sessions[n]);
}

static void after(void)
{
	static const struct sweep calls[] = {
		{ "retrieve", retrieve_call, NULL, NULL },
		{ "finish", finish_call, NULL, NULL },
		{ "retrieve_fd", retrieve_fd_call, NULL, retrieved },
	};
	int fd, bad = 0;

	sweep_start();
	check(!mainline || vm_arg_num("luo_failed", 0) >= 3, "kexec: %ld failed before this one",
	      vm_arg_num("luo_failed", 0));
	luo = must(luo_open(), "/dev/liveupdate");
	session = must(luo_retrieve(luo, "files"), "retrieve");
	/* The finish sweep may go further than the one before it. */
	sweep_call(&calls[0]);
	for (int n = 1; n < FILES; n++)
		if (sessions[n] <= 0)
			retrieve_call(n);
	sweep_call(&calls[1]);
	sweep_call(&calls[2]);
	fd = luo_retrieve_fd(session, LATE_TOKEN);
	for (int i = 0; i < LATE; i++)
		bad += !mem_is(fd, i * KIB(8), KIB(4), 1);
	check_eq(bad, 0, "kexec: pages written late, but lost");
	check_eq(luo_finish(session), 0, "finish");
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };

	mainline = argc > 1 && !strcmp(argv[1], "mainline");
	vm_run_stages(stages, 2);
}
