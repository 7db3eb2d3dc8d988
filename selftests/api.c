// SPDX-License-Identifier: GPL-2.0
/*
 * The user API, one case an errno, without a kexec.
 *
 *	api		on our kernel
 *	api --stock	on the base's own kernel
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api.h"

int small_memfd(const char *text)
{
	int fd = must(memfd_create("small", MFD_CLOEXEC), "memfd_create");

	must(ftruncate(fd, sysconf(_SC_PAGESIZE)), "ftruncate");
	must(pwrite(fd, text, strlen(text), 0), "pwrite");
	return fd;
}

bool can_grow(int fd)
{
	return !ftruncate(fd, 2 * sysconf(_SC_PAGESIZE));
}

int main(int argc, char **argv)
{
	stock_args(argc, argv);
	tap_start(true, 0);
	api_device();
	api_ioctl();
	api_session();
	api_file();
	api_lifetime();
	tap_finish();
}
