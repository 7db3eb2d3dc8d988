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
	vm_module_set("luo_testflb", param, value);
}

int testflb_calls(const char *call)
{
	return vm_module_calls("luo_testflb", call);
}
