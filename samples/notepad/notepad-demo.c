// SPDX-License-Identifier: GPL-2.0
/*
 * notepad-demo TITLE TEXT: a notepad that is preserved, until the next kernel.
 * notepad-demo: takes it back there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libluo-bpf.h>

#include "notepad.h"

#define SESSION "notepad"
#define TOKEN 1

static void fail(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(err));
	exit(1);
}

/* What the library has to say: it has the reason why a handler refused. */
static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

static char *map(int fd)
{
	char *page = mmap(NULL, NOTEPAD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		fail("map the page", errno);
	return page;
}

static void write_one(struct luo_device *device, const char *title, const char *text)
{
	struct luo_session *session = luo_session__create(device, SESSION);
	int fd = open("/dev/notepad", O_RDWR | O_CLOEXEC), err;
	struct notepad_info info = {};

	if (!session || fd < 0)
		fail(session ? "/dev/notepad" : "create a session", errno);
	snprintf(info.title, sizeof(info.title), "%s", title);
	if (ioctl(fd, NOTEPAD_SET_INFO, &info))
		fail("set the title", errno);
	err = luo_session__preserve_fd(session, fd, TOKEN);
	if (err)
		fail("preserve it", -err);
	/* It goes on being used. */
	snprintf(map(fd), NOTEPAD_BYTES, "%s", text);
	if (ioctl(fd, NOTEPAD_SAVE))
		fail("save", errno);
	printf("preserved: %s\n", title);
	fflush(stdout);
	/* The session lasts as long as this does. */
	pause();
}

static void read_one(struct luo_device *device)
{
	struct luo_session *session = luo_session__retrieve(device, SESSION);
	struct notepad_info info;
	int fd, err;

	if (!session)
		fail("retrieve the session", errno);
	fd = luo_session__retrieve_fd(session, TOKEN);
	if (fd < 0)
		fail("retrieve the notepad", -fd);
	if (ioctl(fd, NOTEPAD_GET_INFO, &info))
		fail("get the title", errno);
	printf("%s, saved %llu times: %s\n", info.title, info.saves, map(fd));
	err = luo_session__finish(session);
	if (err)
		fail("finish the session", -err);
	close(fd);
}

int main(int argc, char **argv)
{
	struct luo_device *device;

	luo_set_print(print);
	device = luo_device__open(NULL);
	if (!device)
		fail("/dev/liveupdate", errno);
	if (argc == 3)
		write_one(device, argv[1], argv[2]);
	else
		read_one(device);
	return 0;
}
