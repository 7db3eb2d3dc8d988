// SPDX-License-Identifier: GPL-2.0
/*
 * A module with handlers and FLBs is loaded and unloaded, and FLBs registered and
 * unregistered, while files come and go; in the next kernel, while files of the previous
 * one are finished. Unloading is refused or complete, and nothing is left over.
 * Best run on the debug kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "tap.h"
#include "testflb.h"
#include "vm.h"

#define FLBS 8
#define PARAMS "flbs=8 a=6 b=4 quiet=1"
#define SESSIONS 24
#define SECONDS 6

static int luo;
static atomic_bool stop;
static atomic_long preserved, loads, refused, registered, finished, odd;

static void count_odd(const char *what, int ret)
{
	tap_note("%s: %s", what, strerrorname_np(-ret));
	odd++;
}

static int open_device(unsigned int *seed)
{
	return open(rand_r(seed) % 2 ? "/dev/luo_flb_a" : "/dev/luo_flb_b", O_RDWR | O_CLOEXEC);
}

static void *preserver(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	char name[16];

	snprintf(name, sizeof(name), "race-%d", (int)(uintptr_t)arg);
	while (!stop) {
		int session = luo_create(luo, name);

		for (int i = 0; i < 4; i++) {
			int fd = open_device(&seed), ret;

			if (fd < 0)
				continue;
			ret = luo_preserve(session, fd, i);
			if (ret && ret != -ENOENT)
				count_odd("preserve", ret);
			preserved += !ret;
			close(fd);
		}
		close(session);
		usleep(rand_r(&seed) % 2000);
	}
	return NULL;
}

static void *registrar(void *arg)
{
	unsigned int seed = (uintptr_t)arg + 50;
	char command[24];

	while (!stop) {
		int fd = open_device(&seed), ret;

		if (fd < 0) {
			usleep(500);
			continue;
		}
		snprintf(command, sizeof(command), "%s %d",
			 rand_r(&seed) % 2 ? "register" : "unregister", rand_r(&seed) % FLBS);
		ret = dprintf(fd, "%s", command) < 0 ? -errno : 0;
		if (ret && ret != -EEXIST)
			count_odd(command, ret);
		registered += !ret;
		close(fd);
	}
	return NULL;
}

static void *loader(void *arg)
{
	unsigned int seed = (uintptr_t)arg + 99;

	while (!stop) {
		int ret = vm_rmmod("luo_testflb");

		if (ret && ret != -EAGAIN && ret != -EBUSY)
			count_odd("unload", ret);
		refused += ret != 0;
		if (!ret) {
			usleep(rand_r(&seed) % 3000);
			must(vm_insmod("luo_testflb", PARAMS), "load luo_testflb");
			loads++;
		}
		usleep(rand_r(&seed) % 3000);
	}
	return NULL;
}

static bool turned(void)
{
	return preserved > 20 && registered > 20 && loads > 2;
}

/* For so long, and on a slow machine until each side had its turn. */
static void run(void *(*const *fns)(void *arg), int count)
{
	pthread_t threads[8];

	stop = false;
	for (uintptr_t i = 0; i < (uintptr_t)count; i++)
		pthread_create(&threads[i], NULL, fns[i], (void *)i);
	for (int i = 0; (i < SECONDS * 10 || (i < 600 && !turned())) && finished < SESSIONS; i++)
		usleep(100000);
	stop = true;
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static void before(void)
{
	static void *(*const all[])(void *) = { preserver, preserver, registrar, loader };
	long kho;

	luo = must(luo_open(), "/dev/liveupdate");
	testflb_load(PARAMS);
	close(must(luo_create(luo, "warm up"), "create"));
	kho = must(kho_preserved(), "count what KHO preserves");
	run(all, 4);
	check_eq(odd, 0, "before: errnos out of place");
	check(preserved > 20 && registered > 20, "before: %ld files preserved, %ld registered",
	      preserved, registered);
	check(loads > 2, "before: loaded %ld times, unloading refused %ld times", loads, refused);
	check_eq(kho_preserved() - kho, 0, "before: bytes left preserved");
	check_eq(vm_rmmod("luo_testflb"), 0, "before: then the module can go");

	testflb_load(PARAMS);
	for (int i = 0; i < SESSIONS; i++) {
		char name[16];
		int session;

		snprintf(name, sizeof(name), "after-%d", i);
		session = must(luo_create(luo, name), "create");
		for (int j = 0; j < 4; j++)
			must(testflb_preserve(session, j % 2 ? "a" : "b", j), "preserve");
	}
}

static void *finisher(void *arg)
{
	unsigned int seed = (uintptr_t)arg + 7;

	for (int i = 0; i < SESSIONS && !stop; i++) {
		char name[16];
		int session, fd;

		snprintf(name, sizeof(name), "after-%d", i);
		session = luo_retrieve(luo, name);
		for (int j = 0; j < 2; j++) {
			fd = luo_retrieve_fd(session, rand_r(&seed) % 4);
			if (fd < 0 && fd != -EUNATCH)
				count_odd("retrieve", fd);
			close(fd);
		}
		finished += !luo_finish(session);
		close(session);
		usleep(rand_r(&seed) % 4000);
	}
	return NULL;
}

static void *getter(void *arg)
{
	unsigned int seed = (uintptr_t)arg + 3;

	while (!stop) {
		int fd = open_device(&seed), flb = rand_r(&seed) % FLBS;

		if (fd < 0)
			continue;
		if (dprintf(fd, "get_incoming %d", flb) > 0)
			dprintf(fd, "put_incoming %d", flb);
		else if (errno != ENODATA && errno != ENOENT)
			count_odd("get", -errno);
		close(fd);
	}
	return NULL;
}

static void after(void)
{
	static void *(*const all[])(void *) = { finisher, getter, registrar, loader };
	long pages, got;

	luo = must(luo_open(), "/dev/liveupdate");
	pages = vm_meminfo("MemTotal") / sysconf(_SC_PAGESIZE);
	testflb_load(PARAMS);
	run(all, 4);
	check_eq(odd, 0, "after: errnos out of place");
	check_eq(finished, SESSIONS, "after: sessions finished");
	/* What was not there when the last file was: it comes, and is finished. */
	if (vm_rmmod("luo_testflb"))
		check(false, "after: the module can't go");
	testflb_load("flbs=8 a=8 quiet=1");
	for (int i = 0; i < FLBS; i++) {
		int ret = testflb_do("a", "get_incoming", i);

		if (ret != -ENODATA && ret != -ENOENT)
			check(false, "after: FLB %d is there still: %d", i, ret);
	}
	/* The sessions, the files of each, the FLBs' records, and the FLBs. */
	got = vm_meminfo("MemTotal") / sysconf(_SC_PAGESIZE) - pages;
	check_eq(got, 1 + SESSIONS + 1 + 6, "after: pages that are back");
	tap_note("loaded %ld times, unloading refused %ld times", loads, refused);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
