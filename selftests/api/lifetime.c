// SPDX-License-Identifier: GPL-2.0
/* A session lives as long as its fd is open somewhere, and no longer. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../api.h"
#include "kho.h"

static int send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) < 0 ? -errno : 0;
}

static int receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (!c)
		return -ENOMSG;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void closed(int luo)
{
	long before = must(kho_preserved(), "count what KHO preserves");
	int session = must(luo_create(luo, "closed"), "create");
	int memfd = small_memfd("closed"), copy;
	char buf[8] = "";

	must(luo_preserve(session, memfd, 1), "preserve");
	check(!can_grow(memfd), "close: a preserved memfd can't grow");
	copy = must(dup(session), "dup");
	close(session);
	check(!can_grow(memfd), "close: a duplicate keeps the session");
	close(copy);
	check(can_grow(memfd), "close: the last one lets the memfd go");
	check(pread(memfd, buf, 6, 0) == 6 && !strcmp(buf, "closed"), "close: contents as before");
	check_eq(kho_preserved() - before, 0, "close: bytes left preserved");
	close(memfd);
}

/* The session outlives the process and the /dev/liveupdate that made it. */
static void passed(void)
{
	int memfd = small_memfd("passed"), socks[2], session;
	char name[LUO_NAME_MAX] = "";
	pid_t pid;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks), "socketpair");
	pid = must(fork(), "fork");
	if (!pid) {
		int luo = luo_open(), fd = luo_create(luo, "passed");

		_exit(luo_preserve(fd, memfd, 1) ||
		      send_fd(socks[1], fd));
	}
	waitpid(pid, NULL, 0);
	session = must(receive_fd(socks[0]), "receive the session");
	check(!luo_get_name(session, name) && !strcmp(name, "passed"),
	      "pass: the session works in another process");
	check(!can_grow(memfd), "pass: it keeps its file");
	expect(luo_preserve(session, memfd, 2), -EBUSY, "pass: it still knows its file");
	close(session);
	check(can_grow(memfd), "pass: closing it lets the memfd go");
	close(socks[0]);
	close(socks[1]);
	close(memfd);
}

static void killed(void)
{
	int memfd = small_memfd("killed"), ready[2];
	char byte = 0;
	pid_t pid;

	must(pipe2(ready, O_CLOEXEC), "pipe");
	pid = must(fork(), "fork");
	if (!pid) {
		int luo = luo_open(), session = luo_create(luo, "killed");

		byte = !luo_preserve(session, memfd, 1);
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	check(read(ready[0], &byte, 1) == 1 && byte, "kill: the agent has preserved a file");
	check(!can_grow(memfd), "kill: the memfd can't grow");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	check(can_grow(memfd), "kill: the memfd is free");
	pid = luo_open();
	check(pid >= 0, "kill: the device is free");
	close(pid);
	close(ready[0]);
	close(ready[1]);
	close(memfd);
}

/* The file stays open for the session when its owner has closed it. */
static void file_closed(int luo)
{
	long before = must(kho_preserved(), "count what KHO preserves");
	int session = must(luo_create(luo, "file closed"), "create");
	int memfd = small_memfd("gone");

	must(luo_preserve(session, memfd, 1), "preserve");
	close(memfd);
	memfd = small_memfd("other");
	expect(luo_preserve(session, memfd, 1), -EEXIST, "file closed: its token stays in use");
	close(memfd);
	close(session);
	check_eq(kho_preserved() - before, 0, "file closed: bytes left preserved");
}

void api_lifetime(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");

	closed(luo);
	file_closed(luo);
	close(luo);
	passed();
	killed();
}
