// SPDX-License-Identifier: GPL-2.0
/* PRESERVE_FD: which files, which tokens, and each file only once. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../api.h"

static void tokens(int luo)
{
	int session = must(luo_create(luo, "tokens"), "create");
	int other = must(luo_create(luo, "tokens-other"), "create");
	int a = small_memfd("a"), b = small_memfd("b"), c = small_memfd("c");

	expect(luo_preserve(session, a, 0), 0, "token: 0");
	expect(luo_preserve(session, b, 0), -EEXIST, "token: in use");
	check(can_grow(b), "token: the refused file is left alone");
	expect(luo_preserve(session, c, UINT64_MAX), 0, "token: the largest");
	b = small_memfd("b");
	expect(luo_preserve(other, b, 0), 0, "token: in use in another session");
	close(a);
	close(b);
	close(c);
	close(other);
	close(session);
}

static void once(int luo)
{
	int session = must(luo_create(luo, "once"), "create");
	int other = must(luo_create(luo, "once-other"), "create");
	int memfd = small_memfd("once"), copy = must(dup(memfd), "dup"), again;
	char path[64];

	must(luo_preserve(session, memfd, 1), "preserve");
	expect(luo_preserve(session, memfd, 2), -EBUSY, "file: preserved already");
	expect(luo_preserve(session, memfd, 1), -EEXIST, "file: preserved already, same token");
	expect(luo_preserve(session, copy, 2), -EBUSY, "file: preserved already, through dup");
	expect(luo_preserve(other, memfd, 2), -EBUSY, "file: preserved in another session");

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	again = must(open(path, O_RDWR | O_CLOEXEC), "open %s", path);
	expect(luo_preserve(session, again, 3), -EBUSY, "file: same memfd opened again");
	close(session);
	expect(luo_preserve(other, memfd, 2), 0, "file: preserved again after its session is gone");
	close(again);
	close(copy);
	close(memfd);
	close(other);
}

static void unsupported(int luo)
{
	int session = must(luo_create(luo, "unsupported"), "create");
	int fds[2], fd;

	expect(luo_preserve(session, -1, 1), -EBADF, "file: descriptor -1");
	expect(luo_preserve(session, 1000, 1), -EBADF, "file: descriptor not open");
	fd = must(open("/tmp", O_PATH | O_CLOEXEC), "/tmp");
	expect(luo_preserve(session, fd, 1), -EBADF, "file: O_PATH");
	close(fd);
	fd = must(open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null");
	expect(luo_preserve(session, fd, 1), -ENOENT, "file: /dev/null");
	close(fd);
	fd = must(open("/tmp/named", O_RDWR | O_CREAT | O_CLOEXEC, 0600), "/tmp/named");
	expect(luo_preserve(session, fd, 1), -ENOENT, "file: with a name in a tmpfs");
	close(fd);
	unlink("/tmp/named");
	fd = must(eventfd(0, EFD_CLOEXEC), "eventfd");
	expect(luo_preserve(session, fd, 1), -ENOENT, "file: eventfd");
	close(fd);
	must(pipe2(fds, O_CLOEXEC), "pipe");
	expect(luo_preserve(session, fds[0], 1), -ENOENT, "file: pipe");
	close(fds[0]);
	close(fds[1]);
	expect(luo_preserve(session, session, 1), -ENOENT, "file: the session itself");
	expect(luo_preserve(session, luo, 1), -ENOENT, "file: /dev/liveupdate");
	fd = memfd_create("huge", MFD_HUGETLB | MFD_CLOEXEC);
	if (fd >= 0)
		expect(luo_preserve(session, fd, 1), -EOPNOTSUPP, "file: memfd of huge pages");
	else
		tap_skip("file: memfd of huge pages: %m");
	close(fd);
	close(session);
}

/* A failed PRESERVE_FD must leave nothing: the same token and file work next. */
static void after_failure(int luo)
{
	int session = must(luo_create(luo, "after failure"), "create");
	int memfd = small_memfd("after"), null = open("/dev/null", O_RDWR | O_CLOEXEC);

	expect(luo_preserve(session, null, 5), -ENOENT, "failure: an unsupported file");
	expect(luo_preserve(session, memfd, 5), 0, "failure: its token is free");
	close(null);
	close(memfd);
	close(session);
}

void api_file(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");

	tokens(luo);
	once(luo);
	unsupported(luo);
	after_failure(luo);
	close(luo);
}
