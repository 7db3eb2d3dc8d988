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
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/luo_testfh/parameters/fail_%s", call);
	must(write_file(path, "%lu", number), "%s", path);
}

int testfh_calls(const char *call)
{
	char regex[128];

	snprintf(regex, sizeof(regex), "^luo_testfh: %s( |$)", call);
	return vm_log_count(regex);
}
