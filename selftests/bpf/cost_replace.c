// SPDX-License-Identifier: GPL-2.0
/*
 * Replacing a handler's programs by some that read all that the old ones do costs the same
 * however many files have the handler. In a VM whose clock counts instructions (ICOUNT=1).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"

#define FILES 2000
#define TIMES 8

static int maps[2];

/* Instructions of this task: it waits for RCU as well. */
static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static long replace(int link)
{
	uint64_t best = UINT64_MAX;

	for (int i = 1; i <= TIMES; i++) {
		uint64_t start = now();

		must(bpf_link_update(link, maps[i & 1], NULL), "replace");
		if (now() - start < best)
			best = now() - start;
	}
	return best;
}

int main(void)
{
	struct luo_device *device;
	struct luo_session *session;
	long few, many;
	int link;

	tap_start(true, 0);
	device = device_open();
	session = session_create(device, "replace");
	for (int i = 0; i < 2; i++) {
		struct luo_handler *handler = handler_open("eventfd");

		/* Attached once, so that the map has its value. */
		must(luo_handler__attach(handler), "attach");
		maps[i] = bpf_map__fd(handler_map(handler));
		must(luo_handler__detach(handler), "detach");
	}
	link = must(bpf_link_create(maps[0], 0, BPF_STRUCT_OPS, NULL), "attach");

	few = replace(link);
	for (int i = 0; i < FILES; i++) {
		int fd = must(eventfd(i, 0), "eventfd");

		must(luo_session__preserve_fd(session, fd, i), "preserve");
		close(fd);
	}
	many = replace(link);
	/* What a debug kernel adds says nothing. */
	check(many - few < FILES || !access("/proc/lockdep", F_OK),
	      "replaced with no file for %ld instructions, with %d for %ld", few, FILES, many);
	tap_finish();
}
