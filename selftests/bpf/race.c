// SPDX-License-Identifier: GPL-2.0
/*
 * Handlers are attached, replaced and detached while others preserve files, look at what
 * there is, and go on to the next kernel. No call may see anything but what was promised.
 *
 *	bpf_race SECONDS
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "handler.h"
#include "luo.h"
#include "progs/any.h"
#include "tap.h"
#include "vm.h"

#define THREADS 3
#define FILES 8

static struct luo_device *device;
static int maps[2];		/* of both versions of the handler */
static volatile bool stop;
static int odd;			/* results that may not be */
static int preserved, refused, replaced;

static void note(const char *what, int err)
{
	if (!__atomic_fetch_add(&odd, 1, __ATOMIC_RELAXED))
		tap_note("%s: %s", what, strerrorname_np(-err) ?: "?");
}

static void *preserve(void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "race %ld", (long)arg);
	while (!stop) {
		int session = luo_create(luo_device__fd(device), name);

		if (session < 0) {
			note("create", session);
			break;
		}
		for (int i = 0; i < FILES; i++) {
			int fd = eventfd(i, 0), err = luo_preserve(session, fd, i);

			if (err && err != -ENOENT)
				note("preserve", err);
			__atomic_fetch_add(err ? &refused : &preserved, 1, __ATOMIC_RELAXED);
			close(fd);
		}
		close(session);
	}
	return NULL;
}

/* One link after another, each replaced many times. */
static void *attach(void *arg)
{
	(void)arg;
	for (int n = 0; !stop; n++) {
		int link = bpf_link_create(maps[n & 1], 0, BPF_STRUCT_OPS, NULL);

		if (link < 0) {
			/* It does not read files of the other; a list has the last link still. */
			if (link != -EINVAL && link != -EEXIST)
				note("attach", link);
			continue;
		}
		for (int i = 0; i < 20 && !stop; i++) {
			int err = bpf_link_update(link, maps[i & 1], NULL);

			if (err && err != -EINVAL)
				note("update", err);
			__atomic_fetch_add(&replaced, !err, __ATOMIC_RELAXED);
		}
		if (n & 1)
			bpf_link_detach(link);
		close(link);
	}
	return NULL;
}

static int nothing(const struct luo_handler_info *info, void *ctx)
{
	(void)info;
	(void)ctx;
	return 0;
}

static void *look(void *arg)
{
	char buf[4096];

	(void)arg;
	while (!stop) {
		if (read_file("/sys/fs/bpf/files", buf, sizeof(buf)) ||
		    read_file("/sys/fs/bpf/sessions", buf, sizeof(buf)) ||
		    read_file("/sys/fs/bpf/handlers", buf, sizeof(buf)))
			note("iterator", -EIO);
		luo_handler__list(nothing, NULL);
	}
	return NULL;
}

/* For so long, and on a slow machine until each side had its turn. */
static void run_for(int seconds, bool (*turned)(void))
{
	for (int i = 0; i < seconds || (i < 90 && !turned()); i++)
		sleep(1);
	stop = true;
}

static struct any_control *any[2];
static int any_maps[2], nulls;

/* Files of two types, of which one of the two objects takes both */
static void *preserve_types(void *arg)
{
	int null = must(open("/dev/null", O_RDWR), "/dev/null");

	while (!stop) {
		int session = luo_create(luo_device__fd(device), arg);
		int fd = eventfd(0, 0), err;

		err = session < 0 ? session : luo_preserve(session, fd, 1);
		if (err)
			note("preserve what both take", err);
		err = luo_preserve(session, null, 2);
		if (err && err != -ENOENT)
			note("preserve what one takes", err);
		__atomic_fetch_add(&nulls, !err, __ATOMIC_RELAXED);
		close(fd);
		close(session);
	}
	close(null);
	return NULL;
}

static void *swap_types(void *arg)
{
	int link = must(bpf_link_create(any_maps[0], 0, BPF_STRUCT_OPS, NULL), "attach any");

	/* The first to preserve must find it. */
	*(volatile bool *)arg = true;
	for (int i = 1; !stop; i++) {
		int err = bpf_link_update(link, any_maps[i & 1], NULL);

		if (err)
			note("swap types", err);
		__atomic_fetch_add(&replaced, !err, __ATOMIC_RELAXED);
	}
	/* Others may preserve still. */
	return (void *)(long)link;
}

static bool types_turned(void)
{
	return replaced && nulls && any[0]->preserved;
}

/* A file never meets programs that were not written for its type. */
static void race_types(int seconds)
{
	volatile bool ready = false;
	pthread_t threads[3];
	void *link;

	for (int i = 0; i < 2; i++) {
		struct luo_handler *handler = handler_open("any");

		if (i)
			strcpy(handler_member(handler, "fops"), "eventfd_fops null_fops");
		must(luo_handler__attach(handler), "attach any");
		any_maps[i] = bpf_map__fd(handler_map(handler));
		any[i] = handler_variable(handler, "any");
		any[i]->takes_null = i;
		must(luo_handler__detach(handler), "detach any");
	}
	stop = false;
	replaced = 0;
	pthread_create(&threads[0], NULL, swap_types, (void *)&ready);
	while (!ready)
		usleep(1000);
	pthread_create(&threads[1], NULL, preserve_types, "types 1");
	pthread_create(&threads[2], NULL, preserve_types, "types 2");
	run_for(seconds, types_turned);
	pthread_join(threads[0], &link);
	pthread_join(threads[1], NULL);
	pthread_join(threads[2], NULL);
	close((long)link);
	tap_note("types swapped %d times, %d times a file of the second was taken", replaced,
		 nulls);
	check_eq(any[0]->wrong, 0, "files in programs that do not take them");
	check(types_turned(), "each side had its turn");
}

static void load_both(void)
{
	static const char *const names[] = { "eventfd", "eventfd-2" };

	for (int i = 0; i < 2; i++) {
		struct luo_handler *handler = handler_open(names[i]);

		/* Attached once, so that the map has its value. */
		must(luo_handler__attach(handler), "attach %s", names[i]);
		maps[i] = bpf_map__fd(handler_map(handler));
		must(luo_handler__detach(handler), "detach %s", names[i]);
	}
}

static void pin_iterators(void)
{
	static const char *const names[] = { "file", "session", "handler" };

	for (int i = 0; i < 3; i++) {
		char command[128];

		snprintf(command, sizeof(command),
			 "bpftool iter pin /iterators/luo_%s.bpf.o /sys/fs/bpf/%ss", names[i],
			 names[i]);
		must(system(command) ? -EIO : 0, "%s", command);
	}
}

static bool turned(void)
{
	return preserved && refused && replaced;
}

static void race(int seconds)
{
	pthread_t threads[THREADS + 2];

	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, preserve, (void *)i);
	pthread_create(&threads[THREADS], NULL, attach, NULL);
	pthread_create(&threads[THREADS + 1], NULL, look, NULL);
	run_for(seconds, turned);
	for (int i = 0; i < THREADS + 2; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	tap_start(true, 0);
	device = device_open();
	load_both();
	pin_iterators();
	race(argc > 1 ? atoi(argv[1]) : 5);
	tap_note("%d files preserved, %d refused, handler replaced %d times", preserved, refused,
		 replaced);
	check_eq(odd, 0, "results that may not be");
	check(turned(), "each side had its turn");
	race_types(argc > 1 ? atoi(argv[1]) / 2 : 5);
	check_eq(odd, 0, "results that may not be, of any call");
	handler_attach("eventfd");
	check_eq(handler_detach("eventfd-v1"), 0, "and all is as it was");
	tap_finish();
}
