// SPDX-License-Identifier: GPL-2.0
/*
 * Threads do everything at once, in both kernels: most calls fail, in any
 * order; what matters is that nothing is left over, lost or given out twice.
 * Best run on the debug kernel.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
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

#define THREADS 4
#define FILES 16
#define SESSIONS 24

static int luo, memfds[FILES], shared_session;
static atomic_bool stop;
static atomic_long preserved, frozen, retrieved, odd;

static bool expected(int ret)
{
	switch (ret) {
	case -EEXIST: case -EBUSY: case -ENOENT: case -EINVAL: case -EBADF:
		return true;
	}
	return ret >= 0;
}

static void *preserver(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	while (!stop) {
		char name[16], value[64];
		int session, ret;

		snprintf(name, sizeof(name), "race-%d", rand_r(&seed) % 4);
		session = luo_create(luo, name);
		odd += !expected(session);
		for (int i = 0; i < 4; i++) {
			ret = luo_preserve(rand_r(&seed) % 8 ? session : shared_session,
					   memfds[rand_r(&seed) % FILES], rand_r(&seed) % 64);
			odd += !expected(ret);
			preserved += !ret;
		}
		luo_fdinfo(shared_session, "luo-bytes", value, sizeof(value));
		if (session >= 0)
			close(session);
	}
	return NULL;
}

static void run_threads(void *(*fn)(void *arg), pthread_t *threads)
{
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, fn, (void *)i);
}

static void join_threads(pthread_t *threads)
{
	stop = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void check_undone(long kho)
{
	int fixed = 0;

	check_eq(kho_preserved() - kho, 0, "before: bytes left preserved");
	for (int i = 0; i < FILES; i++)
		fixed += ftruncate(memfds[i], MIB(2)) != 0;
	check_eq(fixed, 0, "before: memfds that can't grow");
}

static void before(void)
{
	long kho = must(kho_preserved(), "count what KHO preserves");
	pthread_t threads[THREADS];
	int last;

	testfh_load("");
	luo = must(luo_open(), "/dev/liveupdate");
	shared_session = must(luo_create(luo, "shared"), "create");
	for (int i = 0; i < FILES; i++)
		memfds[i] = mem_filled("race", 0, MIB(1), i);
	run_threads(preserver, threads);
	/* Kexecs that fail late, while all this goes on. */
	last = must(luo_create(luo, "refuses"), "create");
	must(luo_preserve(last, testfh_open(3), 3), "preserve");
	testfh_fail("freeze", 3);
	for (int i = 0; i < 5; i++) {
		frozen += vm_kexec() == -EIO;
		usleep(100000);
	}
	join_threads(threads);
	check_eq(frozen, 5, "before: kexecs refused");
	check_eq(odd, 0, "before: errnos out of place");
	check(preserved > 10, "before: %ld files preserved", preserved);
	close(last);
	close(shared_session);
	check_undone(kho);

	for (int i = 0; i < SESSIONS; i++) {
		char name[16];
		int session;

		snprintf(name, sizeof(name), "after-%d", i);
		session = must(luo_create(luo, name), "create");
		for (int j = 0; j < 4; j++)
			must(luo_preserve(session, mem_filled("race", 0, KIB(64), i), j),
			     "preserve");
	}
}

/* Each session is to be finished once, by whoever comes first. */
static atomic_int finished[SESSIONS];

static void *retriever(void *arg)
{
	unsigned int seed = (uintptr_t)arg + 99;

	for (int left = SESSIONS; left; ) {
		int i = rand_r(&seed) % SESSIONS, session, fd;
		char name[16];

		snprintf(name, sizeof(name), "after-%d", i);
		session = luo_retrieve(luo, name);
		odd += !expected(session);
		if (session >= 0) {
			fd = luo_retrieve_fd(session, rand_r(&seed) % 4);
			odd += fd < 0 || !mem_is(fd, 0, KIB(64), i);
			retrieved++;
			close(fd);
			if (rand_r(&seed) % 4 == 0 && !luo_finish(session))
				finished[i]++;
			close(session);
		}
		left = 0;
		for (int j = 0; j < SESSIONS; j++)
			left += !finished[j];
	}
	return NULL;
}

static void after(void)
{
	pthread_t threads[THREADS];
	int twice = 0;

	luo = must(luo_open(), "/dev/liveupdate");
	run_threads(retriever, threads);
	join_threads(threads);
	for (int i = 0; i < SESSIONS; i++)
		twice += finished[i] != 1;
	check_eq(twice, 0, "after: sessions not finished exactly once");
	check_eq(odd, 0, "after: errnos or files out of place");
	tap_note("%ld files retrieved", retrieved);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
