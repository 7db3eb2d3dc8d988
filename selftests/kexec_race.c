// SPDX-License-Identifier: GPL-2.0
/*
 * Threads do everything at once, in both kernels: most calls fail, in any
 * order; what matters is that nothing is left over, lost or given out twice.
 * Best run on the debug kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
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

/* Sizes and holes change while the file is preserved and let go again. */
static void *truncator(void *arg)
{
	unsigned int seed = 1;
	int fd = *(int *)arg;

	while (!stop) {
		off_t off = rand_r(&seed) % 256 * KIB(4);

		if (rand_r(&seed) % 2)
			odd += ftruncate(fd, off) && errno != EPERM;
		else
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, KIB(64));
		/* Short, or refused: all the same. */
		if (pwrite(fd, "x", 1, off) < 0)
			odd += errno != EPERM;
	}
	return NULL;
}

static void preserve_while_truncated(void)
{
	int fd = mem_filled("truncated", 0, MIB(1), 1), failed = 0;
	pthread_t thread;

	stop = false;
	pthread_create(&thread, NULL, truncator, &fd);
	for (int i = 0; i < 200; i++) {
		int session = must(luo_create(luo, "truncated"), "create");

		failed += luo_preserve(session, fd, 1) != 0;
		close(session);
	}
	stop = true;
	pthread_join(thread, NULL);
	check_eq(failed, 0, "before: preserved while it changes");
	check_eq(odd, 0, "before: changes refused with EPERM, or done");
	check(!ftruncate(fd, MIB(2)), "before: it can grow afterwards");
	close(fd);
}

static int preserve_big(void *arg)
{
	int session = luo_create(luo, "big");

	luo_preserve(session, *(int *)arg, 1);
	pause();
	return 0;
}

static void kill_while_preserving(void)
{
	int fd = mem_filled("big", 0, MIB(128), 1), wrong = 0;

	for (int i = 0; i < 20; i++) {
		pid_t pid = must(fork(), "fork");

		if (!pid)
			_exit(preserve_big(&fd));
		usleep(i * 2000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		wrong += ftruncate(fd, MIB(128) + KIB(4)) || ftruncate(fd, MIB(128));
	}
	check_eq(wrong, 0, "before: killed while preserving, still held");
	check(mem_is(fd, 0, MIB(128), 1), "before: contents as they were");
	close(fd);
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
	preserve_while_truncated();
	kill_while_preserving();
	check_undone(kho);

	shared_session = must(luo_create(luo, "shared after"), "create");
	for (int i = 0; i < FILES; i++)
		must(luo_preserve(shared_session, mem_filled("race", 0, KIB(4), 5), i),
		     "preserve");
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

static atomic_int finishes, finishing;

/* All on one descriptor. */
static void *sharer(void *arg)
{
	unsigned int seed = (uintptr_t)arg + 7;

	for (int i = 0; i < 200; i++) {
		int fd = luo_retrieve_fd(shared_session, rand_r(&seed) % FILES);

		odd += fd < 0 ? fd != -ENOENT || !finishing : !mem_is(fd, 0, KIB(4), 5);
		if (fd >= 0)
			close(fd);
		if (i == 100) {
			finishing = 1;
			finishes += !luo_finish(shared_session);
		}
	}
	return NULL;
}

static void finish_while_retrieving(void)
{
	pthread_t threads[THREADS];

	shared_session = must(luo_retrieve(luo, "shared after"), "retrieve");
	run_threads(sharer, threads);
	join_threads(threads);
	check(finishes >= 1, "shared: finished");
	check_eq(odd, 0, "shared: errnos or files out of place");
	check_eq(luo_retrieve(luo, "shared after"), -ENOENT, "shared: gone");
	close(shared_session);
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
	finish_while_retrieving();
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
