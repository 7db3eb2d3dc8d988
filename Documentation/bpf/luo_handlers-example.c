// SPDX-License-Identifier: GPL-2.0
/*
 * Counts the kernels it has seen, in an eventfd that each hands over to the next.
 * Needs a handler for eventfds, which it leaves to others to attach.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <libluo-bpf.h>

#define SESSION "counter"
#define TOKEN 1

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

static void fail(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	exit(1);
}

/* The eventfd of the kernel before, or a new one. */
static int get_counter(struct luo_device *device)
{
	struct luo_session *session = luo_session__retrieve(device, SESSION);
	int fd, err;

	if (!session && errno == ENOENT)
		return eventfd(0, 0);
	if (!session)
		fail("retrieve " SESSION, -errno);

	/* Exiting gives the session back: it can be tried again. */
	fd = luo_session__retrieve_fd(session, TOKEN);
	if (fd < 0)
		fail("retrieve the counter", fd);
	err = luo_session__finish(session);
	if (err)
		fail("finish " SESSION, err);
	luo_session__close(session);
	return fd;
}

int main(void)
{
	struct luo_device *device;
	struct luo_session *session;
	uint64_t count = 0, one = 1;
	int fd, err;

	luo_set_print(print);
	device = luo_device__open(NULL);
	if (!device)
		fail("open", -errno);

	fd = get_counter(device);
	session = luo_session__create(device, SESSION);
	if (!session)
		fail("create " SESSION, -errno);
	err = luo_session__preserve_fd(session, fd, TOKEN);
	if (err)
		fail("preserve the counter", err);

	/* What is written now is carried over too. */
	if (write(fd, &one, sizeof(one)) != sizeof(one) ||
	    read(fd, &count, sizeof(count)) != sizeof(count) ||
	    write(fd, &count, sizeof(count)) != sizeof(count))
		fail("count", -errno);
	printf("kernel %ju\n", (uintmax_t)count);
	fflush(stdout);
	pause();
	return 0;
}
