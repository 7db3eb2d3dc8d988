// SPDX-License-Identifier: GPL-2.0
/*
 * The handler of pairs of unix sockets through a kexec: what was sent, what was shut down,
 * options, each order of preserving and retrieving, and what is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "handler.h"
#include "kho.h"
#include "tap.h"
#include "vm.h"

/* Younger than the C library */
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

#define MOST (300 << 10)
#define SENDER 1234	/* user and group of who sends, and of who makes them */

static char pattern[MOST], got[MOST];

static void put(int fd, size_t from, size_t len, int flags)
{
	must(send(fd, pattern + from, len, flags) == (ssize_t)len ? 0 : -errno, "send");
}

static int take(int fd, size_t len, int flags)
{
	ssize_t n = recv(fd, got, len, flags | MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static bool is(size_t from, size_t len)
{
	return !memcmp(got, pattern + from, len);
}

/* A message says who really sent it, SO_PEERCRED with whose rights. */
static void become(unsigned int id)
{
	must(setresgid(id, id, 0), "setresgid");
	must(setresuid(id, id, 0), "setresuid");
}

static void become_root(void)
{
	must(setresuid(0, 0, 0), "setresuid");
	must(setresgid(0, 0, 0), "setresgid");
}

static int option(int fd, int name)
{
	int val = -1;
	socklen_t len = sizeof(val);

	return getsockopt(fd, SOL_SOCKET, name, &val, &len) ? -errno : val;
}

static void set(int fd, int name, int val)
{
	must(setsockopt(fd, SOL_SOCKET, name, &val, sizeof(val)) ? -errno : 0, "option %d", name);
}

/* Receives a message with credentials; its user, or -errno. */
static int take_creds(int fd, struct ucred *creds)
{
	union {
		char space[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { got, sizeof(got) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int n = recvmsg(fd, &msg, MSG_DONTWAIT);
	struct cmsghdr *cmsg = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);

	memset(creds, 0xff, sizeof(*creds));
	if (cmsg && cmsg->cmsg_type == SCM_CREDENTIALS)
		memcpy(creds, CMSG_DATA(cmsg), sizeof(*creds));
	return n < 0 ? -errno : n;
}

static int send_fd(int fd, int what)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .align = {
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	} };
	struct iovec iov = { pattern, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.align), &what, sizeof(what));
	return sendmsg(fd, &msg, 0) < 0 ? -errno : 0;
}

/* What is in them, filled before PRESERVE_FD and after; then checked. */

static void fill_stream(const int fds[2])
{
	put(fds[0], 0, 1000, 0);
	put(fds[0], 1000, 200 << 10, MSG_DONTWAIT);
	take(fds[1], 300, 0);
	put(fds[1], 0, 50, 0);
	must(fcntl(fds[1], F_SETFL, O_NONBLOCK), "F_SETFL");
}

static void more_stream(const int fds[2])
{
	put(fds[1], 50, 7, 0);
}

static void check_stream(const int fds[2])
{
	int n, queued = -1;

	check_eq(fcntl(fds[1], F_GETFL) & O_NONBLOCK, O_NONBLOCK, "stream: O_NONBLOCK");
	check_eq(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0, "stream: of the end that has it");
	ioctl(fds[1], FIONREAD, &queued);
	check_eq(queued, 700 + (200 << 10), "stream: how much is queued");
	ioctl(fds[0], TIOCOUTQ, &queued);
	check(queued > 200 << 10, "stream: and counts as sent: %d", queued);
	put(fds[0], 0, 5, 0);
	n = take(fds[1], MOST, MSG_WAITALL);
	check_eq(n, 705 + (200 << 10), "stream: all of it");
	check(is(300, n - 5) && !memcmp(got + n - 5, pattern, 5), "stream: in order");
	ioctl(fds[0], TIOCOUTQ, &queued);
	check_eq(queued, 0, "stream: nothing is left that counts");
	check(take(fds[0], 100, 0) == 57 && is(0, 57), "stream: the other way");
	check_eq(take(fds[0], 1, 0), -EAGAIN, "stream: no more");
}

static void fill_packets(const int fds[2])
{
	put(fds[0], 0, 10, 0);
	put(fds[0], 10, 0, 0);
	put(fds[0], 10, 100 << 10, 0);
	put(fds[1], 20, 30, 0);
}

static void check_packets(const int fds[2])
{
	put(fds[0], 7, 3, 0);
	check(take(fds[1], MOST, 0) == 10 && is(0, 10), "packets: the first");
	check_eq(take(fds[1], MOST, 0), 0, "packets: an empty one");
	check(take(fds[1], MOST, 0) == 100 << 10 && is(10, 100 << 10), "packets: a large one");
	check(take(fds[1], MOST, 0) == 3 && is(7, 3), "packets: one sent now");
	check_eq(take(fds[1], MOST, 0), -EAGAIN, "packets: no more");
	check(take(fds[0], 10, 0) == 10 && is(20, 10), "packets: a part of one");
	check_eq(take(fds[0], 10, 0), -EAGAIN, "packets: whose rest is lost as ever");
}

static void fill_creds(const int fds[2])
{
	set(fds[1], SO_PASSCRED, 1);
	become(SENDER);
	put(fds[0], 0, 10, 0);
	become_root();
	put(fds[0], 10, 10, 0);
}

static void check_creds(const int fds[2])
{
	struct ucred creds;
	socklen_t len = sizeof(creds), groups;

	check_eq(option(fds[1], SO_PASSCRED), 1, "creds: SO_PASSCRED");
	check_eq(take_creds(fds[1], &creds), 10, "creds: the first message");
	check_eq(creds.uid, SENDER, "creds: user of who sent it");
	check_eq(creds.gid, SENDER, "creds: group");
	check_eq(creds.pid, 0, "creds: the process is gone");
	check_eq(take_creds(fds[1], &creds), 10, "creds: the second is of another");
	check_eq(creds.uid, 0, "creds: user");
	put(fds[0], 0, 1, 0);
	take_creds(fds[1], &creds);
	check_eq(creds.pid, getpid(), "creds: who sends now is there");
	for (int i = 0; i < 2; i++) {
		must(getsockopt(fds[i], SOL_SOCKET, SO_PEERCRED, &creds, &len), "SO_PEERCRED");
		check(creds.uid == SENDER && creds.gid == SENDER && !creds.pid,
		      "creds: SO_PEERCRED");
		groups = 0;
		check(!getsockopt(fds[i], SOL_SOCKET, SO_PEERGROUPS, NULL, &groups) && !groups,
		      "creds: SO_PEERGROUPS has none, least of all of who retrieves");
	}
}

static void fill_shutdown(const int fds[2])
{
	put(fds[0], 0, 10, 0);
	must(shutdown(fds[0], SHUT_WR), "shutdown");
	put(fds[1], 10, 10, 0);
}

static void check_shutdown(const int fds[2])
{
	check_eq(send(fds[0], "x", 1, MSG_NOSIGNAL) < 0 ? -errno : 0, -EPIPE,
		 "shut down: no more from there");
	check(take(fds[1], 100, 0) == 10 && is(0, 10), "shut down: what was sent before");
	check_eq(take(fds[1], 100, 0), 0, "shut down: then the end");
	put(fds[1], 20, 10, 0);
	check(take(fds[0], 20, 0) == 20 && is(10, 20), "shut down: the other way is open");
}

static void fill_urgent(const int fds[2])
{
	put(fds[0], 0, 10, 0);
	put(fds[0], 10, 1, MSG_OOB);
	put(fds[0], 20, 10, 0);
}

static void check_urgent(const int fds[2])
{
	struct pollfd poll_fd = { fds[1], POLLPRI, 0 };

	check_eq(poll(&poll_fd, 1, 0), 1, "urgent: there is some");
	check(take(fds[1], 1, MSG_OOB) == 1 && is(10, 1), "urgent: the byte");
	check(take(fds[1], 100, 0) == 10 && is(0, 10), "urgent: what was before it");
	check(take(fds[1], 100, 0) == 10 && is(20, 10), "urgent: and behind");
}

static const struct timeval timeout = { 7, 500000 };

static void fill_options(const int fds[2])
{
	set(fds[0], SO_SNDBUFFORCE, 1 << 20);
	set(fds[0], SO_RCVBUF, 50000);
	set(fds[0], SO_RCVLOWAT, 5);
	set(fds[0], SO_PASSRIGHTS, 0);
	set(fds[0], SO_TIMESTAMP, 1);
	set(fds[0], SO_PRIORITY, 3);
	must(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), "SO_RCVTIMEO");
	set(fds[1], SO_PASSPIDFD, 1);
	put(fds[1], 0, 20, 0);
}

static void more_options(const int fds[2])
{
	/* The last word has who sets it last. */
	set(fds[0], SO_PEEK_OFF, 4);
}

static void check_options(const int fds[2])
{
	struct timeval got_timeout = {};
	socklen_t len = sizeof(got_timeout);

	check_eq(option(fds[0], SO_SNDBUF), 2 << 20, "options: SO_SNDBUF");
	check_eq(option(fds[0], SO_RCVBUF), 100000, "options: SO_RCVBUF");
	check_eq(option(fds[0], SO_RCVLOWAT), 5, "options: SO_RCVLOWAT");
	check_eq(option(fds[0], SO_PASSRIGHTS), 0, "options: SO_PASSRIGHTS");
	check_eq(option(fds[0], SO_TIMESTAMP), 1, "options: SO_TIMESTAMP");
	check_eq(option(fds[0], SO_PRIORITY), 3, "options: SO_PRIORITY");
	check_eq(option(fds[0], SO_PASSPIDFD), 0, "options: SO_PASSPIDFD");
	check_eq(option(fds[1], SO_PASSPIDFD), 1, "options: of the other end");
	check_eq(option(fds[1], SO_PASSRIGHTS), 1, "options: of the other end");
	getsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &got_timeout, &len);
	check(!memcmp(&got_timeout, &timeout, sizeof(timeout)), "options: SO_RCVTIMEO");
	check(take(fds[0], 3, MSG_PEEK) == 3 && is(4, 3), "options: SO_PEEK_OFF");
	check_eq(send_fd(fds[1], 0), -EPERM, "options: SO_PASSRIGHTS holds");
}

static const struct kind {
	const char *name;
	int type;
	void (*fill)(const int fds[2]);
	void (*more)(const int fds[2]);
	void (*verify)(const int fds[2]);
} kinds[] = {
	{ "stream", SOCK_STREAM, fill_stream, more_stream, check_stream },
	{ "dgram", SOCK_DGRAM, fill_packets, NULL, check_packets },
	{ "seqpacket", SOCK_SEQPACKET, fill_packets, NULL, check_packets },
	{ "stream creds", SOCK_STREAM, fill_creds, NULL, check_creds },
	{ "dgram creds", SOCK_DGRAM, fill_creds, NULL, check_creds },
	{ "shutdown", SOCK_STREAM, fill_shutdown, NULL, check_shutdown },
	{ "urgent", SOCK_STREAM, fill_urgent, NULL, check_urgent },
	{ "options", SOCK_STREAM, fill_options, more_options, check_options },
};

#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

/* Bit 0: end 1 is preserved first; bit 1: it is retrieved first. */
#define ORDERS 4
#define ALONE 1000	/* tokens */
#define LARGE 1001

static uint64_t token(int kind, int order, int end)
{
	return (kind * ORDERS + order) * 2 + end;
}

static void make(int type, int fds[2])
{
	must(socketpair(AF_UNIX, type, 0, fds) ? -errno : 0, "socketpair");
}

static void preserve_pair(struct luo_session *session, int kind, int order)
{
	int fds[2], first = order & 1;

	become(SENDER);
	make(kinds[kind].type, fds);
	become_root();
	kinds[kind].fill(fds);
	for (int i = 0; i < 2; i++) {
		int end = i ? !first : first;

		must(luo_session__preserve_fd(session, fds[end], token(kind, order, end)),
		     "%s: preserve", kinds[kind].name);
	}
	if (kinds[kind].more)
		kinds[kind].more(fds);
	close(fds[0]);
	close(fds[1]);
}

static void check_refused(struct luo_session *session, int fd, int want, const char *message)
{
	handler_log_mark();
	check_eq(luo_session__preserve_fd(session, fd, 5000), want, "refused: %s", message);
	check(handler_logged(message), "and it says so");
}

/* As long as one that the kernel gives */
static const struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0luo-1" };
#define NAME_LEN 8

static int named(void)
{
	int fd = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");

	must(bind(fd, (void *)&name, NAME_LEN) ? -errno : 0, "bind");
	must(listen(fd, 1), "listen");
	return fd;
}

static int connect_to_named(void)
{
	int fd = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");

	must(connect(fd, (void *)&name, NAME_LEN) ? -errno : 0, "connect");
	return fd;
}

/* A pair as well, but of which neither end has credentials of the other */
static void connect_pair(int fds[2])
{
	struct sockaddr_un names[2] = {};
	socklen_t lens[2];

	for (int i = 0; i < 2; i++) {
		fds[i] = must(socket(AF_UNIX, SOCK_DGRAM, 0), "socket");
		names[i].sun_family = AF_UNIX;
		must(bind(fds[i], (void *)&names[i], sizeof(sa_family_t)) ? -errno : 0, "bind");
		lens[i] = sizeof(names[i]);
		must(getsockname(fds[i], (void *)&names[i], &lens[i]) ? -errno : 0, "getsockname");
	}
	for (int i = 0; i < 2; i++)
		must(connect(fds[i], (void *)&names[!i], lens[!i]) ? -errno : 0, "connect");
}

static void refused(struct luo_device *device)
{
	long kho = must(kho_preserved(), "count what KHO preserves");
	struct luo_session *here = session_create(device, "here");
	struct luo_session *there = session_create(device, "there");
	int fds[2], fd, client;

	check_refused(here, must(socket(AF_UNIX, SOCK_DGRAM, 0), "socket"), -ENOTCONN,
		      "it is not connected");
	fd = named();
	check_refused(here, fd, -ENOTCONN, "it is not connected");
	client = connect_to_named();
	check_refused(here, must(accept(fd, NULL, NULL), "accept"), -EOPNOTSUPP, "without names");
	check_refused(here, client, -EOPNOTSUPP, "without names");
	connect_pair(fds);
	check_refused(here, fds[0], -EOPNOTSUPP, "not of a pair that was made as such");
	check_eq(luo_session__preserve_fd(here, must(socket(AF_INET, SOCK_DGRAM, 0), "socket"), 1),
		 -ENOENT, "not a unix socket: no handler");
	make(SOCK_STREAM, fds);
	close(fds[1]);
	check_refused(here, fds[0], -ENOTCONN, "other end is closed");
	make(SOCK_STREAM, fds);
	must(send_fd(fds[0], 0), "send a descriptor");
	check_refused(here, fds[0], -EBUSY, "file descriptors in a message");
	check_refused(here, fds[1], -EBUSY, "file descriptors in a message");
	take(fds[1], 1, 0);
	check_eq(luo_session__preserve_fd(here, fds[1], 2), 0, "read: taken");
	check_refused(there, fds[0], -EXDEV, "other end is in another session");
	luo_session__close(here);
	luo_session__close(there);
	check_eq(kho_preserved(), kho, "nothing is left");
}

static void before(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session;
	int fds[2];

	handler_attach("socketpair");
	refused(device);
	session = session_create(device, "pairs");
	for (int kind = 0; kind < KINDS; kind++) {
		for (int order = 0; order < ORDERS; order++)
			preserve_pair(session, kind, order);
	}
	session = session_create(device, "alone");
	make(SOCK_STREAM, fds);
	must(luo_session__preserve_fd(session, fds[0], ALONE), "preserve one end");
	make(SOCK_STREAM, fds);
	set(fds[0], SO_SNDBUFFORCE, 64 << 20);
	must(luo_session__preserve_fd(session, fds[0], LARGE), "preserve");
	must(luo_session__preserve_fd(session, fds[1], LARGE + 1), "preserve");
}

static void after_pair(struct luo_session *session, int kind, int order)
{
	int fds[2], first = !!(order & 2);

	tap_note("%s, order %d", kinds[kind].name, order);
	fds[first] = luo_session__retrieve_fd(session, token(kind, order, first));
	fds[!first] = luo_session__retrieve_fd(session, token(kind, order, !first));
	if (!check(fds[0] >= 0 && fds[1] >= 0, "back"))
		return;
	check_eq(option(fds[0], SO_TYPE), kinds[kind].type, "type");
	kinds[kind].verify(fds);
	close(fds[0]);
	close(fds[1]);
}

static int without_capability(void *session)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return errno;
	data[0].effective &= ~(1U << CAP_NET_ADMIN);
	if (syscall(SYS_capset, &header, data))
		return errno;
	return -luo_session__retrieve_fd(session, LARGE);
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_retrieve(device, "pairs");
	const gid_t group = SENDER + 1;

	must(setgroups(1, &group) ? -errno : 0, "setgroups");
	handler_attach("socketpair");
	for (int kind = 0; kind < KINDS; kind++) {
		for (int order = 0; order < ORDERS; order++)
			after_pair(session, kind, order);
	}
	check_eq(luo_session__finish(session), 0, "finish");

	session = session_retrieve(device, "alone");
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, ALONE), -ENOTCONN, "one end alone is refused");
	check(handler_logged("other end was not preserved"), "and it says so");
	check_eq(vm_in_child(without_capability, session), EPERM,
		 "large buffers need CAP_NET_ADMIN");
	check(luo_session__retrieve_fd(session, LARGE) >= 0, "with it they come back");
	check(luo_session__retrieve_fd(session, LARGE + 1) >= 0, "and the other end");
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	for (int i = 0; i < MOST; i++)
		pattern[i] = i * 7 + i / 251;
	vm_run_stages(stages, 2);
}
