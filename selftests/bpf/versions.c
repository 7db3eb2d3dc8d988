// SPDX-License-Identifier: GPL-2.0
/*
 * Which handler reads what: older and newer ones in the next kernel, one replaced
 * while files are preserved, none at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "handler.h"
#include "progs/zero.h"
#include "tap.h"
#include "vm.h"

#define BLOB (64UL << 20)

static int64_t take(int fd)
{
	uint64_t n;

	return fd < 0 ? fd : read(fd, &n, sizeof(n)) == sizeof(n) ? (int64_t)n : -errno;
}

static void preserve(struct luo_session *session, uint64_t count)
{
	int fd = must(eventfd(count, 0), "eventfd");

	must(luo_session__preserve_fd(session, fd, count), "preserve %ju", (uintmax_t)count);
	close(fd);
}

static void preserve_blob(struct luo_session *session)
{
	struct luo_handler *handler = handler_open("zero");
	struct zero_control *zero;
	uint64_t quota = 2 * BLOB;

	memcpy(handler_member(handler, "max_bytes"), &quota, sizeof(quota));
	must(luo_handler__attach(handler), "attach zero");
	zero = handler_variable(handler, "zero");
	zero->bytes = BLOB;
	must(luo_session__preserve_fd(session, must(open("/dev/zero", O_RDWR), "/dev/zero"), 1),
	     "preserve a blob");
	/* The handler goes, what it preserved stays. */
	must(luo_handler__detach(handler), "detach zero");
	luo_handler__close(handler);
}

static void before(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_create(device, "versions");

	handler_attach("eventfd");
	preserve(session, 1);
	check_eq(handler_upgrade("eventfd-2"), 0, "replaced while a file is preserved");
	preserve(session, 2);
	preserve(session, 3);
	preserve_blob(session_create(device, "abandoned"));
}

/* What is free, and what the lists of each CPU keep of that: in bytes. */
static long free_memory(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	long pages = 0, n;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " pages free %ld", &n) == 1 ||
		    sscanf(line, " count: %ld", &n) == 1)
			pages += n;
	}
	if (f)
		fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

/* The blob's memory, that is. Other things come and go: it may take a moment to show. */
static bool becomes_free(long before)
{
	for (int i = 0; i < 100; i++) {
		if (free_memory() - before > (long)(BLOB - BLOB / 8))
			return true;
		usleep(100000);
	}
	tap_note("%ld KiB are free", (free_memory() - before) >> 10);
	return false;
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_retrieve(device, "versions");
	struct luo_session *abandoned = session_retrieve(device, "abandoned");
	long available;

	handler_attach("eventfd");
	check_eq(luo_session__retrieve_fd(session, 2), -EPROTONOSUPPORT,
		 "a newer version than the handler reads");
	check_eq(luo_session__retrieve_fd(session, 2), -EPROTONOSUPPORT, "the same again");
	check_eq(handler_upgrade("eventfd-2"), 0, "the handler is replaced");
	check_eq(take(luo_session__retrieve_fd(session, 2)), 2, "and reads it");
	check_eq(take(luo_session__retrieve_fd(session, 1)), 1, "an older version");
	check_eq(handler_detach("eventfd-v1"), 0, "detached with files of it open");
	check_eq(luo_session__retrieve_fd(session, 3), -EUNATCH, "none for the next file");
	check_eq(luo_session__finish(session), 0, "finish without the handler");
	luo_session__close(session);

	check_eq(luo_session__retrieve_fd(abandoned, 1), -EUNATCH, "the other handler never comes");
	available = free_memory();
	check_eq(luo_session__finish(abandoned), 0, "finish without it");
	luo_session__close(abandoned);
	check(becomes_free(available), "the blob's memory is free again");
	session = luo_session__retrieve(device, "abandoned");
	check(!session && errno == ENOENT, "the session is gone");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
