// SPDX-License-Identifier: GPL-2.0
/* /dev/liveupdate: one opener. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../api.h"

static int try_open(void *arg)
{
	int fd = luo_open();

	(void)arg;
	return fd < 0 ? -fd : 0;
}

void api_device(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int copy;

	expect(luo_open(), -EBUSY, "device: opened twice");
	expect(vm_in_child(try_open, NULL), EBUSY, "device: opened by another process too");

	/* A duplicate is the same open file: it holds the device as well. */
	copy = must(dup(luo), "dup");
	close(luo);
	expect(luo_open(), -EBUSY, "device: opened while a duplicate is open");
	close(copy);

	luo = luo_open();
	check(luo >= 0, "device: opened again after the last close");
	close(luo);
}
