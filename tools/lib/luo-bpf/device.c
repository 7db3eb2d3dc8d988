// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/* /dev/liveupdate */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

struct luo_device {
	int fd;
};

struct luo_device *luo_device__open(const struct luo_device_opts *opts)
{
	struct luo_device *device;
	const char *path;

	if (!opts_valid(opts, luo_device_opts))
		return luo_null(EINVAL);
	path = opts_get(opts, path, NULL) ?: "/dev/liveupdate";

	device = calloc(1, sizeof(*device));
	if (!device)
		return NULL;
	device->fd = open(path, O_RDWR | O_CLOEXEC);
	if (device->fd < 0) {
		int err = errno;

		warn("%s: %s%s\n", path, strerror(err),
		     err == ENOENT ? ": is the kernel booted with liveupdate=on?" :
		     err == EBUSY ? ": another process, an agent perhaps, has it open" : "");
		free(device);
		return luo_null(err);
	}
	return device;
}

int luo_device__fd(const struct luo_device *device)
{
	return device->fd;
}

void luo_device__close(struct luo_device *device)
{
	if (!device)
		return;
	close(device->fd);
	free(device);
}
