// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"
#include "testfh.h"
#include "vm.h"

void testfh_load(const char *params)
{
	must(vm_insmod("luo_testfh", params), "load luo_testfh");
}

int testfh_open(unsigned long number)
{
	int fd = must(open("/dev/luo_test", O_RDWR | O_CLOEXEC), "/dev/luo_test");

	must(dprintf(fd, "%lu", number), "write to /dev/luo_test");
	return fd;
}

long testfh_number(int fd)
{
	char buf[32] = "";

	return read(fd, buf, sizeof(buf) - 1) < 0 ? -errno : atol(buf);
}

void testfh_fail(const char *call, unsigned long number)
{
	char param[32];

	snprintf(param, sizeof(param), "fail_%s", call);
	vm_module_set("luo_testfh", param, number);
}

int testfh_calls(const char *call)
{
	return vm_module_calls("luo_testfh", call);
}
