// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to a pipe, a pair of sockets, an epoll or an inotify file after PRESERVE_FD
 * must not hold up the kexec, nor have it refused: that file is lost, the log says so,
 * retrieve says why, and all others come back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "busy.h"
#include "handler.h"
#include "kho.h"
#include "progs/probe.h"
#include "tap.h"
#include "vm.h"
#include "watch.h"

#define WATCHES 10	/* as many as these handlers are made to take */
#define ALONE 100	/* token: its other end is not preserved, and closes */
#define FIXED 102	/* what is amiss at a first freeze is mended until the next */
#define WHOLE 110
#define EPOLL 120
#define EPOLL_BUSY 121
#define INOTIFY 130

static void pair(int type, int fds[2])
{
	must(socketpair(AF_UNIX, type, 0, fds) ? -errno : 0, "socketpair");
}

/* What is done to two ends that are preserved already */

static void splice_into(const int fds[2])
{
	hold_pipe(fds[1]);
}

/* More than the handler takes, of one page */
static void fill_up(const int fds[2])
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct iovec iov[1024];

	must(fcntl(fds[1], F_SETPIPE_SZ, 128 << 20), "F_SETPIPE_SZ");
	for (int i = 0; i < 1024; i++)
		iov[i] = (struct iovec){ page, 4096 };
	for (int i = 0; i < 17; i++)
		must(vmsplice(fds[1], iov, 1024, 0) == 4 << 20 ? 0 : -EIO, "vmsplice");
}

static void send_fd(const int fds[2])
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .align = {
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	} };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	must(sendmsg(fds[0], &msg, 0) < 0 ? -errno : 0, "send a descriptor");
}

static void attach_filter(const int fds[2])
{
	struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, 0xffff);
	struct sock_fprog filter = { 1, &code };

	must(setsockopt(fds[1], SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ?
	     -errno : 0, "SO_ATTACH_FILTER");
}

static void give_name(const int fds[2])
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0lost" };

	must(bind(fds[0], (void *)&name, 7) ? -errno : 0, "bind");
}

static void disconnect(const int fds[2])
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	must(connect(fds[0], &none, sizeof(none)) ? -errno : 0, "disconnect");
}

/* Both ends of each are lost, whichever it was done to. */
static const struct loss {
	const char *name;
	int type;	/* of socket; 0: a pipe */
	void (*happens)(const int fds[2]);
	int want;
	const char *reason;
	int lines;	/* in the log: of a pipe, only the first end says so */
} losses[] = {
	{ "pipe in use", 0, splice_into, -EBUSY, "another task is at it", 1 },
	{ "pipe too full", 0, fill_up, -ENOSPC, "over quota", 1 },
	{ "descriptor sent", SOCK_STREAM, send_fd, -EBUSY, "file descriptors in a message", 1 },
	{ "filter", SOCK_STREAM, attach_filter, -EOPNOTSUPP, "has a filter", 2 },
	{ "name", SOCK_STREAM, give_name, -EOPNOTSUPP, "without names", 2 },
	{ "disconnected", SOCK_DGRAM, disconnect, -ENOTCONN, "not connected", 1 },
};

#define LOSSES ((int)(sizeof(losses) / sizeof(*losses)))

static void make_ends(struct luo_session *session, int type, uint64_t token, int fds[2])
{
	if (type)
		pair(type, fds);
	else
		must(pipe(fds), "pipe");
	for (int end = 0; end < 2; end++)
		must(luo_session__preserve_fd(session, fds[end], token + end), "preserve %d",
		     (int)token + end);
}

static void watch(int epoll, int n)
{
	struct epoll_event event = { .events = EPOLLIN };

	for (int i = 0; i < n; i++)
		must(epoll_ctl(epoll, EPOLL_CTL_ADD, must(eventfd(1, 0), "eventfd"), &event) ?
		     -errno : 0, "EPOLL_CTL_ADD");
}

static void attach_limited(const char *name)
{
	struct luo_handler *handler = handler_open(name);

	*(uint32_t *)handler_variable(handler, "max_watches") = WATCHES;
	must(luo_handler__attach(handler), "attach the %s handler", name);
}

static void make_epolls(struct luo_session *session)
{
	int epoll = must(epoll_create1(0), "epoll_create1"), other;

	watch(epoll, WATCHES + 1);
	handler_log_mark();
	check_eq(luo_session__preserve_fd(session, epoll, EPOLL), -ENOSPC,
		 "too many watches are refused when it is preserved");
	check(handler_logged("watches more files than can be carried over"), "and it says so");

	epoll = must(epoll_create1(0), "epoll_create1");
	watch(epoll, WATCHES);
	check_eq(luo_session__preserve_fd(session, epoll, EPOLL), 0, "just as many are taken");
	watch(epoll, 1);

	epoll = must(epoll_create1(0), "epoll_create1");
	other = must(epoll_create1(0), "epoll_create1");
	watch(epoll, 1);
	watch(other, 1);
	must(luo_session__preserve_fd(session, epoll, EPOLL_BUSY), "preserve");
	hold_epoll(epoll);
	hold_epoll(other);
	handler_log_mark();
	check_eq(luo_session__preserve_fd(session, other, EPOLL_BUSY + 1), -EBUSY,
		 "one in use is refused when it is preserved");
	check(handler_logged("another task is at it"), "and it says so");
}

static void watch_directories(int inotify, int from, int to)
{
	char path[32];

	for (int i = from; i < to; i++) {
		snprintf(path, sizeof(path), "/tmp/watched-%d", i);
		mkdir(path, 0700);
		watch_add(inotify, path, IN_CREATE);
	}
}

static void make_inotifies(struct luo_session *session)
{
	int inotify = must(inotify_init1(0), "inotify_init1");

	watch_directories(inotify, 0, WATCHES + 1);
	handler_log_mark();
	check_eq(luo_session__preserve_fd(session, inotify, INOTIFY), -ENOSPC,
		 "inotify: too many watches are refused when it is preserved");
	check(handler_logged("has more watches than can be carried over"), "and it says so");

	inotify = must(inotify_init1(0), "inotify_init1");
	watch_directories(inotify, 0, WATCHES);
	check_eq(luo_session__preserve_fd(session, inotify, INOTIFY), 0, "just as many are taken");
	watch_directories(inotify, WATCHES, WATCHES + 1);
}

static int lost_lines(const char *reason, int from, int to)
{
	int lines = 0;
	char line[256];

	for (int token = from; token <= to; token++) {
		snprintf(line, sizeof(line),
			 "file 0x%x of session 'lost': it will not come back: .*%s", token, reason);
		lines += vm_log_count(line);
	}
	return lines;
}

/* All are frozen, then one that fails has it all undone. */
static void freeze_in_vain(struct luo_device *device)
{
	struct luo_handler *handler = handler_open("probe");
	struct luo_session *session = session_create(device, "last");
	struct probe_control *probe;

	must(luo_handler__attach(handler), "attach the probe");
	probe = handler_variable(handler, "probe");
	must(luo_session__preserve_fd(session, must(eventfd(0, 0), "eventfd"), 1), "preserve");
	probe->fail[PROBE_FREEZE] = -EXDEV;
	vm_log_mark();
	check_eq(vm_kexec(), -EXDEV, "what is lost refuses no kexec: the last file is asked");
	luo_session__close(session);

	for (int i = 0; i < LOSSES; i++)
		check_eq(lost_lines(losses[i].reason, 2 * i, 2 * i + 1), losses[i].lines,
			 "%s: the log says that it is lost, and why", losses[i].name);
	check_eq(lost_lines("not preserved", ALONE, ALONE), 1, "one alone: likewise");
	check_eq(lost_lines("file descriptors", FIXED, FIXED + 1), 1, "one to mend: likewise");
	check_eq(lost_lines("watches more files", EPOLL, EPOLL), 1, "watches: likewise");
	check_eq(lost_lines("another task", EPOLL_BUSY, EPOLL_BUSY), 1, "epoll_wait: likewise");
	check_eq(lost_lines("more watches", INOTIFY, INOTIFY), 1, "inotify: likewise");
	check_eq(lost_lines("", WHOLE, WHOLE + 1), 0, "not so of one that is whole");
}

static void before(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_create(device, "lost");
	int fds[2], fixed[2];
	char byte;

	handler_attach("pipe");
	handler_attach("socketpair");
	attach_limited("epoll");
	attach_limited("inotify");
	for (int i = 0; i < LOSSES; i++) {
		make_ends(session, losses[i].type, 2 * i, fds);
		losses[i].happens(fds);
	}
	pair(SOCK_STREAM, fds);
	must(luo_session__preserve_fd(session, fds[0], ALONE), "preserve one end");
	close(fds[1]);
	make_ends(session, SOCK_STREAM, FIXED, fixed);
	send_fd(fixed);
	make_epolls(session);
	make_inotifies(session);
	make_ends(session, 0, WHOLE, fds);
	must(write(fds[1], "whole", 5), "write");

	freeze_in_vain(device);
	must(read(fixed[1], &byte, 1), "take the descriptor");
	must(write(fixed[0], "mended", 6), "write");
}

static void check_lost(struct luo_session *session, uint64_t token, int want, const char *name)
{
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, token), want, "%s: file %d", name, (int)token);
	check(handler_logged("could not be carried over|is one object with|was not preserved"),
	      "and it says so");
	check_eq(luo_session__retrieve_fd(session, token), want, "%s: asked again", name);
}

static void check_back(struct luo_session *session, uint64_t from, uint64_t to, const char *text)
{
	int in = luo_session__retrieve_fd(session, from);
	int out = luo_session__retrieve_fd(session, to);
	char got[16] = {};

	check(in >= 0 && out >= 0 && read(out, got, sizeof(got)) == (ssize_t)strlen(text) &&
	      !strcmp(got, text), "%s: back, with what is in it", text);
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_retrieve(device, "lost");

	handler_attach("pipe");
	handler_attach("socketpair");
	handler_attach("epoll");
	handler_attach("inotify");
	for (int i = 0; i < LOSSES; i++) {
		check_lost(session, 2 * i, losses[i].want, losses[i].name);
		check_lost(session, 2 * i + 1, losses[i].want, losses[i].name);
	}
	check_lost(session, ALONE, -ENOTCONN, "one alone");
	check_lost(session, EPOLL, -ENOSPC, "watches");
	check_lost(session, EPOLL_BUSY, -EBUSY, "epoll_wait");
	check_lost(session, INOTIFY, -ENOSPC, "inotify");
	check_back(session, FIXED, FIXED + 1, "mended");
	check_back(session, WHOLE + 1, WHOLE, "whole");
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
