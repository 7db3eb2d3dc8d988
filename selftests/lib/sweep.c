// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sweep.h"
#include "tap.h"
#include "vm.h"

static int nth_fd;

void sweep_start(void)
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

void sweep_arm(int n)
{
	char buf[16];

	snprintf(buf, sizeof(buf), "%d", n);
	if (pwrite(nth_fd, buf, strlen(buf), 0) < 0)
		tap_bail("fail-nth: %m");
}

bool sweep_disarm(void)
{
	char buf[16] = "";

	if (pread(nth_fd, buf, sizeof(buf) - 1, 0) < 0)
		tap_bail("fail-nth: %m");
	sweep_arm(0);
	return atoi(buf) == 0;
}

/* shmem says ENOSPC where it can't have an inode. */
static bool is_clean(int err)
{
	return err == -ENOMEM || err == -ENOSPC;
}

void sweep_call(const struct sweep *sweep)
{
	int n, failed = 0, bad = 0;
	bool hit = true;

	for (n = 1; hit && n < SWEEP_MAX; n++) {
		int ret;

		sweep_arm(n);
		ret = sweep->call(n);
		hit = sweep_disarm();
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
