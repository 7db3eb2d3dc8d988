// SPDX-License-Identifier: GPL-2.0
/*
 * Every memory allocation of every call fails once. The call must say so or
 * do without, leave nothing behind, and work when it is made again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define FILES 250	/* more than any call has allocations */
#define EXTENTS 130	/* more than fit into the header */
#define LATE 1500	/* more than what is kept in reserve */
#define LATE_TOKEN 100000

static int nth_fd;

static void setup(void)
{
	static const char *const kinds[] = { "failslab", "fail_page_alloc" };

	for (int i = 0; i < 2; i++) {
		char path[96];

		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/ignore-gfp-wait", kinds[i]);
		must(write_file(path, "N"), "%s", path);
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/verbose", kinds[i]);
		must(write_file(path, "0"), "%s", path);
	}
	must(write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0"), "min-order");
	nth_fd = must(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC), "fail-nth");
}

static void arm(int n)
{
	char buf[16];

	snprintf(buf, sizeof(buf), "%d", n);
	if (pwrite(nth_fd, buf, strlen(buf), 0) < 0)
		tap_bail("fail-nth: %m");
}

/* Whether an allocation has failed since arm(). */
static bool disarm(void)
{
	char buf[16] = "";

	if (pread(nth_fd, buf, sizeof(buf) - 1, 0) < 0)
		tap_bail("fail-nth: %m");
	arm(0);
	return atoi(buf) == 0;
}

struct sweep {
	const char *what;
	/* The @n th object of its kind: a failed call is made again. */
	int (*call)(int n);
	/* Whether a failed call left nothing behind; optional. */
	bool (*untouched)(int n);
	/* Whether it has what it should after it succeeded; optional. */
	bool (*good)(int n, int ret);
};

/* shmem says ENOSPC where it can't have an inode. */
static bool is_clean(int err)
{
	return err == -ENOMEM || err == -ENOSPC;
}

static void sweep(const struct sweep *sweep)
{
	int n, failed = 0, bad = 0;
	bool hit = true;

	for (n = 1; hit && n < FILES; n++) {
		int ret;

		arm(n);
		ret = sweep->call(n);
		hit = disarm();
		if (ret < 0) {
			failed++;
			if (!is_clean(ret) || !hit) {
				tap_note("%s, allocation %d: %s", sweep->what, n,
					 strerrorname_np(-ret));
				bad++;
			}
			if (sweep->untouched && !sweep->untouched(n)) {
				tap_note("%s, allocation %d: left something", sweep->what, n);
				bad++;
			}
			ret = sweep->call(n);
		}
		if (ret < 0 || (sweep->good && !sweep->good(n, ret))) {
			tap_note("%s, allocation %d: then %d", sweep->what, n, ret);
			bad++;
		}
	}
	check(!hit, "%s: %d allocations swept, %d calls failed", sweep->what, n - 2, failed);
	check_eq(bad, 0, "%s: failures that are not clean", sweep->what);
}

static int luo, session, memfds[FILES];
static long kho;

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
		arm(n);
		ret = vm_kexec();
		hit = disarm();
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

static void before(void)
{
	static const struct sweep create = {
		"create", create_call, nothing_preserved, close_it,
	};
	static const struct sweep preserve = {
		"preserve", preserve_call, not_preserved, NULL,
	};
	char name[32];

	setup();
	luo = must(luo_open(), "/dev/liveupdate");
	session = must(luo_create(luo, "files"), "create");
	for (int n = 0; n < FILES; n++) {
		memfds[n] = mem_create("nth", 0, EXTENTS * KIB(8));
		for (int i = 0; i < EXTENTS; i++)
			mem_fill(memfds[n], i * KIB(8), KIB(4), n);
	}
	kho = must(kho_preserved(), "count what KHO preserves");
	sweep(&create);
	sweep(&preserve);
	for (int n = 1; n < FILES; n++) {
		/* Most were preserved by the sweep. */
		luo_preserve(session, memfds[n], n);
		snprintf(name, sizeof(name), "session-%d", n);
		must(luo_preserve(must(luo_create(luo, name), "create"),
				  mem_filled("nth", 0, KIB(16), n), 1), "preserve");
	}
	/* Written late: one page each, and more than there is room for. */
	for (int n = 1; n < FILES; n++)
		mem_fill(memfds[n], KIB(4), KIB(4), n);
	memfds[0] = mem_create("late", 0, LATE * KIB(8));
	must(luo_preserve(session, memfds[0], LATE_TOKEN), "preserve");
	for (int i = 0; i < LATE; i++)
		mem_fill(memfds[0], i * KIB(8), KIB(4), 1);
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

	setup();
	luo = must(luo_open(), "/dev/liveupdate");
	session = must(luo_retrieve(luo, "files"), "retrieve");
	/* The finish sweep may go further than the one before it. */
	sweep(&calls[0]);
	for (int n = 1; n < FILES; n++)
		if (sessions[n] <= 0)
			retrieve_call(n);
	sweep(&calls[1]);
	sweep(&calls[2]);
	fd = luo_retrieve_fd(session, LATE_TOKEN);
	for (int i = 0; i < LATE; i++)
		bad += !mem_is(fd, i * KIB(8), KIB(4), 1);
	check_eq(bad, 0, "kexec: pages written late, but lost");
	check_eq(luo_finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
