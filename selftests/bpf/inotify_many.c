// SPDX-License-Identifier: GPL-2.0
/*
 * bpf_inotify_many N: inotify files with N/10 and with N watches on a disk, in a VM whose
 * clock counts instructions (ICOUNT=1): a watch costs the same in both, when it is
 * preserved and when it is retrieved.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"
#include "watch.h"

#define PER_DIR 100
#define MAX_WATCHES "/proc/sys/fs/inotify/max_user_watches"

static const char *const names[] = { "few", "many" };
static int counts[2];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static const char *path_of(int n)
{
	static char path[64];

	snprintf(path, sizeof(path), "/data/%d/%d", n / PER_DIR, n % PER_DIR);
	return path;
}

static void make_files(void)
{
	char path[64];

	for (int i = 0; i < counts[1]; i++) {
		snprintf(path, sizeof(path), "/data/%d", i / PER_DIR);
		if (i % PER_DIR == 0)
			must(mkdir(path, 0755) ? -errno : 0, "mkdir");
		make_file(path_of(i));
	}
}

static void before(void)
{
	struct luo_device *device = device_open();

	must(write_file(MAX_WATCHES, "%d", 4 * counts[1]), MAX_WATCHES);
	handler_attach("inotify");
	make_files();
	for (int i = 0; i < 2; i++) {
		struct luo_session *session = session_create(device, names[i]);
		int inotify = must(inotify_init1(0), "inotify_init1");
		uint64_t start;

		for (int n = 0; n < counts[i]; n++)
			watch_add(inotify, path_of(n), IN_MODIFY);
		sync();
		start = now();
		must(luo_session__preserve_fd(session, inotify, 1), "preserve");
		vm_kexec_arg(names[i], "%ld", (long)(now() - start) / counts[i]);
	}
	sync();
}

/* Give or take a half */
static void check_flat(long few, long many, const char *what)
{
	tap_note("%s: %ld instructions a watch with %d, %ld with %d", what, few, counts[0], many,
		 counts[1]);
	check(many * 2 <= few * 3, "%s: a watch costs no more where there are many", what);
}

static void after(void)
{
	struct luo_device *device = device_open();
	long cost[2];

	must(write_file(MAX_WATCHES, "%d", 4 * counts[1]), MAX_WATCHES);
	handler_attach("inotify");
	/* What a file system reads from its disk is not what is looked at here. */
	for (int n = 0; n < counts[1]; n++)
		must(access(path_of(n), F_OK) ? -errno : 0, "%s", path_of(n));
	for (int i = 0; i < 2; i++) {
		struct luo_session *session = session_retrieve(device, names[i]);
		uint64_t start = now();
		int inotify = must(luo_session__retrieve_fd(session, 1), "retrieve");

		cost[i] = (now() - start) / counts[i];
		check_eq(watch_count(inotify), counts[i], "%s: all watches are there", names[i]);
		check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "events were lost");
		touch_file(path_of(counts[i] - 1));
		check(watch_told(inotify, counts[i], IN_MODIFY, NULL), "the last one watches");
		check_eq(luo_session__finish(session), 0, "finish");
		close(inotify);
	}
	check_flat(vm_arg_num(names[0], 0), vm_arg_num(names[1], 0), "PRESERVE_FD");
	check_flat(cost[0], cost[1], "RETRIEVE_FD");
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };

	counts[1] = argc == 2 ? atoi(argv[1]) : 0;
	counts[0] = counts[1] / 10;
	if (!counts[0])
		tap_bail("usage: bpf_inotify_many N");
	vm_run_stages(stages, 2);
}
