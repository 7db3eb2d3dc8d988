// SPDX-License-Identifier: GPL-2.0
/*
 * bpf_inotify_many N: inotify files with N/10 and with N watches on a disk, in a VM whose
 * clock counts instructions (ICOUNT=1): a watch costs the same in both, when it is
 * preserved and when it is retrieved; and as much where it is by turns on one file system
 * and on another, or where a file system is mounted in many parts. Who retrieves many can be
 * killed meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"
#include "watch.h"

#define PER_DIR 20
#define MAX_WATCHES "/proc/sys/fs/inotify/max_user_watches"
#define ELSEWHERE "/selftests"

/* As many watches as few has, in the last two */
enum { FEW, MANY, ONE_PART, PARTS, KINDS };

static const char *const names[KINDS] = { "few", "many", "one-part", "parts" };
static int counts[KINDS];
static struct luo_device *device;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static const char *path_of(const char *top, int n)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%d/%d", top, n / PER_DIR, n % PER_DIR);
	return path;
}

static void make_files(void)
{
	char path[64];

	must(mkdir("/data/all", 0755) ? -errno : 0, "mkdir");
	for (int i = 0; i < counts[MANY]; i++) {
		snprintf(path, sizeof(path), "/data/all/%d", i / PER_DIR);
		if (i % PER_DIR == 0)
			must(mkdir(path, 0755) ? -errno : 0, "mkdir");
		make_file(path_of("/data/all", i));
	}
}

/* Calls @visit for each file on the other file system; how many there are. */
static int visit_elsewhere(void (*visit)(int inotify, int n, const char *path), int inotify)
{
	DIR *dir = opendir(ELSEWHERE);
	struct dirent *entry;
	char path[300];
	int n = 0;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_REG)
			continue;
		snprintf(path, sizeof(path), ELSEWHERE "/%s", entry->d_name);
		visit(inotify, n++, path);
	}
	if (dir)
		closedir(dir);
	return n;
}

static void watch_both(int inotify, int n, const char *path)
{
	watch_add(inotify, path, IN_MODIFY);
	watch_add(inotify, path_of("/data/all", n), IN_MODIFY);
}

static void see(int inotify, int n, const char *path)
{
	(void)inotify;
	(void)n;
	must(access(path, F_OK) ? -errno : 0, "%s", path);
}

static void preserve(const char *name, int inotify, int count)
{
	struct luo_session *session = session_create(device, name);
	uint64_t start;

	sync();
	start = now();
	must(luo_session__preserve_fd(session, inotify, 1), "preserve");
	vm_kexec_arg(name, "%ld", (long)(now() - start) / count);
	close(inotify);
}

static void before(void)
{
	int inotify, both;

	device = device_open();
	must(write_file(MAX_WATCHES, "%d", 4 * counts[MANY]), MAX_WATCHES);
	handler_attach("inotify");
	make_files();
	for (int i = 0; i < KINDS; i++) {
		inotify = must(inotify_init1(0), "inotify_init1");
		for (int n = 0; n < counts[i]; n++)
			watch_add(inotify, path_of("/data/all", n), IN_MODIFY);
		preserve(names[i], inotify, counts[i]);
	}
	inotify = must(inotify_init1(0), "inotify_init1");
	both = 2 * visit_elsewhere(watch_both, inotify);
	must(both > 20 ? 0 : -ENOENT, "files in " ELSEWHERE);
	preserve("both", inotify, both);
	sync();
}

/* Give or take a half */
static void check_flat(long one, long other, const char *what, const char *where)
{
	tap_note("%s: %ld instructions a watch, %s %ld", what, one, where, other);
	check(other * 2 <= one * 3, "%s: a watch costs no more %s", what, where);
}

/* What each of its watches costs */
static long retrieve(const char *name, int count, int *inotify)
{
	struct luo_session *session = session_retrieve(device, name);
	uint64_t start = now();
	long cost;

	*inotify = must(luo_session__retrieve_fd(session, 1), "%s: retrieve", name);
	cost = (now() - start) / count;
	check_eq(watch_count(*inotify), count, "%s: all watches are there", name);
	check(watch_told(*inotify, -1, IN_Q_OVERFLOW, NULL), "events were lost");
	check_eq(luo_session__finish(session), 0, "finish");
	return cost;
}

static long retrieve_kind(int kind, const char *top)
{
	int inotify, last = counts[kind] - 1;
	long cost = retrieve(names[kind], counts[kind], &inotify);

	touch_file(path_of(top, last));
	check(watch_told(inotify, last + 1, IN_MODIFY, NULL), "the last one watches");
	close(inotify);
	return cost;
}

/* The time is up after a tenth of what it takes. */
static void check_killed(long expected)
{
	struct luo_session *session = session_retrieve(device, names[MANY]);
	struct itimerval soon = { .it_value.tv_usec = expected / 10 / 1000 };
	uint64_t start = now();
	long took;
	int status;
	pid_t pid = fork();

	if (!pid) {
		setitimer(ITIMER_REAL, &soon, NULL);
		luo_session__retrieve_fd(session, 1);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid ? 0 : -errno, "waitpid");
	took = now() - start;
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM, "who retrieves many is killed");
	check(took < expected / 2, "which takes %ld us, of %ld for all", took / 1000,
	      expected / 1000);
	luo_session__close(session);
}

static long check_both(void)
{
	int count = 2 * visit_elsewhere(see, -1), inotify;
	long cost = retrieve("both", count, &inotify);

	touch_file(path_of("/data/all", 0));
	check(watch_told(inotify, 2, IN_MODIFY, NULL), "one of them watches");
	close(inotify);
	return cost;
}

static void bind(const char *from, const char *to)
{
	must(mkdir(to, 0755) ? -errno : 0, "mkdir %s", to);
	must(mount(from, to, NULL, MS_BIND, NULL) ? -errno : 0, "mount %s", to);
}

static void detach(const char *where)
{
	must(umount2(where, MNT_DETACH) ? -errno : 0, "umount %s", where);
}

static void mount_parts(void)
{
	char from[64], to[64];

	must(mkdir("/parts", 0755) ? -errno : 0, "mkdir");
	for (int i = 0; i < (counts[PARTS] + PER_DIR - 1) / PER_DIR; i++) {
		snprintf(from, sizeof(from), "/part/%d", i);
		snprintf(to, sizeof(to), "/parts/%d", i);
		bind(from, to);
	}
	detach("/part");
}

static void after(void)
{
	long cost[KINDS], both;

	device = device_open();
	must(write_file(MAX_WATCHES, "%d", 4 * counts[MANY]), MAX_WATCHES);
	handler_attach("inotify");
	/* What a file system reads from its disk is not what is looked at here. */
	for (int n = 0; n < counts[MANY]; n++)
		see(-1, n, path_of("/data/all", n));
	cost[FEW] = retrieve_kind(FEW, "/data/all");
	check_killed(cost[FEW] * counts[MANY]);
	cost[MANY] = retrieve_kind(MANY, "/data/all");
	both = check_both();
	bind("/data/all", "/part");
	detach("/data");
	cost[ONE_PART] = retrieve_kind(ONE_PART, "/part");
	mount_parts();
	cost[PARTS] = retrieve_kind(PARTS, "/parts");

	check_flat(vm_arg_num(names[FEW], 0), vm_arg_num(names[MANY], 0), "PRESERVE_FD",
		   "where there are many");
	check_flat(cost[FEW], cost[MANY], "RETRIEVE_FD", "where there are many");
	check_flat(cost[FEW], both, "RETRIEVE_FD", "where they are on two file systems");
	check_flat(cost[ONE_PART], cost[PARTS], "RETRIEVE_FD",
		   "where its file system is mounted in parts");
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };

	counts[MANY] = argc == 2 ? atoi(argv[1]) : 0;
	counts[FEW] = counts[MANY] / 10;
	counts[ONE_PART] = counts[FEW];
	counts[PARTS] = counts[FEW];
	if (!counts[FEW])
		tap_bail("usage: bpf_inotify_many N");
	vm_run_stages(stages, 2);
}
