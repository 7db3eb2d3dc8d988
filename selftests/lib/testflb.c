// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "luo.h"
#include "tap.h"
#include "testflb.h"
#include "vm.h"

void testflb_load(const char *params)
{
	must(vm_insmod("luo_testflb", params), "load luo_testflb");
}

int testflb_open(const char *handler)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/luo_flb_%s", handler);
	return must(open(path, O_RDWR | O_CLOEXEC), "%s", path);
}

int testflb_preserve(int session, const char *handler, unsigned long token)
{
	int fd = testflb_open(handler), ret = luo_preserve(session, fd, token);

	close(fd);
	return ret;
}

int testflb_do(const char *handler, const char *command, unsigned int number)
{
	int fd = testflb_open(handler), ret;

	ret = dprintf(fd, "%s %u", command, number) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

void testflb_set(const char *param, int value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/luo_testflb/parameters/%s", param);
	must(write_file(path, "%d", value), "%s", path);
}

int testflb_calls(const char *call)
{
	char regex[128];

	snprintf(regex, sizeof(regex), "^luo_testflb: %s( |$)", call);
	return vm_log_count(regex);
}
