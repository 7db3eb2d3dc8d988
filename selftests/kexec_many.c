// SPDX-License-Identifier: GPL-2.0
/*
 * Many of something through one kexec.
 *
 *	kexec_many SESSIONS FILES	each session with FILES memfds of one page
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

static int sessions, files;

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Told apart by their first eight bytes. */
static unsigned int seed(int session, int file)
{
	return session * 100003 + file;
}

static int create_one(int luo, int i)
{
	char name[64];
	int session;

	snprintf(name, sizeof(name), "many-%d", i);
	session = must(luo_create(luo, name), "create %s", name);
	for (int j = 0; j < files; j++) {
		int fd = mem_create("many", 0, page_size());

		mem_fill(fd, 0, 8, seed(i, j));
		must(luo_preserve(session, fd, j), "preserve %d of %s", j, name);
		close(fd);
	}
	return session;
}

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	double start = seconds();

	for (int i = 0; i < sessions; i++)
		create_one(luo, i);
	tap_note("%d sessions of %d files preserved in %.1f s", sessions, files,
		 seconds() - start);
}

/* Number of files that are not as they were, or -1 without the session. */
static int retrieve_one(int luo, int i)
{
	char name[64];
	int session, bad = 0;

	snprintf(name, sizeof(name), "many-%d", i);
	session = luo_retrieve(luo, name);
	if (session < 0)
		return -1;
	for (int j = 0; j < files; j++) {
		int fd = luo_retrieve_fd(session, j);

		bad += fd < 0 || !mem_is(fd, 0, 8, seed(i, j));
		close(fd);
	}
	bad += luo_finish(session) != 0;
	close(session);
	return bad;
}

static void after(void)
{
	int luo = must(luo_open(), "/dev/liveupdate"), lost = 0, bad = 0;
	double start = seconds();

	/* Last first: nothing may depend on the order. */
	for (int i = sessions - 1; i >= 0; i--) {
		int ret = retrieve_one(luo, i);

		lost += ret < 0;
		bad += ret > 0 ? ret : 0;
	}
	tap_note("%d sessions of %d files retrieved in %.1f s", sessions, files,
		 seconds() - start);
	check_eq(lost, 0, "%d sessions: lost", sessions);
	check_eq(bad, 0, "%d files each: not as they were", files);
	check(luo_retrieve(luo, "many-0") < 0, "all finished");
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };
	struct rlimit limit = { 1 << 20, 1 << 20 };

	if (argc != 3)
		return 2;
	sessions = atoi(argv[1]);
	files = atoi(argv[2]);
	setrlimit(RLIMIT_NOFILE, &limit);
	vm_run_stages(stages, 2);
}
