// SPDX-License-Identifier: GPL-2.0
/*
 * The epoll handler through a kexec: what each file is watched for, epoll files in epoll
 * files, files that are not preserved, and any order of preserving and retrieving.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "busy.h"
#include "handler.h"
#include "tap.h"
#include "vm.h"

#define FIRST 100	/* number of the first watched file: the same in both kernels */
#define EPOLL 50	/* tokens */
#define INNER 51
#define PIPE_W 52
#define MANY 2000
#define NESTS 4
#define DATA(i) (0x1234567800000000ULL + (i))

enum { READY, NOT_READY, EDGE, FIRED, ONESHOT, EXCLUSIVE, WAKEUP, PIPE, NESTED, TWICE,
	STRANGER, FILES };

static const uint32_t events[FILES] = {
	[READY] = EPOLLIN,
	[NOT_READY] = EPOLLIN | EPOLLPRI,
	[EDGE] = EPOLLIN | EPOLLET,
	[FIRED] = EPOLLIN | EPOLLONESHOT,
	[ONESHOT] = EPOLLIN | EPOLLONESHOT,
	[EXCLUSIVE] = EPOLLIN | EPOLLEXCLUSIVE,
	[WAKEUP] = EPOLLIN | EPOLLWAKEUP,
	[PIPE] = EPOLLIN | EPOLLRDHUP,
	[NESTED] = EPOLLIN,
	[TWICE] = EPOLLOUT,
	[STRANGER] = EPOLLIN,
};

/* How the session is named, and in which order it is retrieved */
static const char *const orders[] = { "epoll first", "epoll last", "handler late" };

static void add(int epoll, int fd, uint32_t mask, uint64_t data)
{
	struct epoll_event event = { .events = mask, .data.u64 = data };

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0, "EPOLL_CTL_ADD");
}

static void add_to(int fd)
{
	uint64_t one = 1;

	must(write(fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno, "write");
}

/* Which of the files are ready, as a mask; -1 for data that nobody gave. */
static int ready(int epoll)
{
	struct epoll_event got[2 * FILES];
	int n = epoll_wait(epoll, got, 2 * FILES, 0), mask = 0;

	for (int i = 0; i < n; i++) {
		if (got[i].data.u64 < DATA(0) || got[i].data.u64 >= DATA(FILES))
			return -1;
		mask |= 1 << (got[i].data.u64 - DATA(0));
	}
	return n < 0 ? -errno : mask;
}

/* Its events, as /proc has them; -ENOENT if it is not watched. */
static long watched_for(int epoll, int tfd)
{
	char path[64], text[4096], *line, *rest = text;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epoll);
	must(read_file(path, text, sizeof(text)), "%s", path);
	while ((line = strsep(&rest, "\n"))) {
		unsigned long long data;
		unsigned int mask;
		int fd;

		if (sscanf(line, "tfd: %d events: %x data: %llx", &fd, &mask, &data) == 3 &&
		    fd == tfd)
			return data == DATA(fd - FIRST) ? (long)mask : -EBADMSG;
	}
	return -ENOENT;
}

static int make_file(int i, int inner)
{
	int fd = i == NESTED ? dup(inner) : eventfd(0, EFD_NONBLOCK), at;

	at = must(dup2(fd, FIRST + i), "dup2");
	close(fd);
	return at;
}

static void preserve(struct luo_session *session, int fd, uint64_t token)
{
	must(luo_session__preserve_fd(session, fd, token), "preserve %d", (int)token);
}

static void make(struct luo_device *device, const char *name)
{
	struct luo_session *session = session_create(device, name);
	int epoll = must(epoll_create1(0), "epoll_create1"), inner = epoll_create1(0);
	int ends[2], innermost = must(eventfd(0, 0), "eventfd");

	/* Last stored first, as systemd does */
	preserve(session, epoll, EPOLL);
	add(inner, innermost, EPOLLIN, 1);
	must(pipe(ends), "pipe");
	for (int i = 0; i < FILES; i++) {
		int fd = make_file(i, inner);

		if (i == PIPE)
			must(dup2(ends[0], fd), "dup2");
		if (i == TWICE)
			must(dup2(FIRST + READY, fd), "dup2");
		add(epoll, fd, events[i], DATA(i));
		if (i != STRANGER && i != TWICE)
			preserve(session, fd, i);
	}
	preserve(session, innermost, INNER);
	preserve(session, ends[1], PIPE_W);
	add_to(FIRST + FIRED);
	check_eq(ready(epoll), 1 << FIRED | 1 << TWICE, "%s: before", name);
	add_to(FIRST + READY);
	add_to(FIRST + EDGE);
	add_to(FIRST + STRANGER);
	/* Kept by the session, and by nothing else; but the one that is not in it. */
	must(dup(FIRST + STRANGER), "dup");
	for (int i = 0; i < FILES; i++)
		close(FIRST + i);
	close(innermost);
	close(inner);
	close(ends[1]);
}

static void make_many(struct luo_device *device)
{
	struct luo_session *session = session_create(device, "many");
	int epoll = must(epoll_create1(0), "epoll_create1");

	for (int i = 0; i < MANY; i++) {
		int fd = must(eventfd(i % 10 == 0, 0), "eventfd");

		add(epoll, fd, EPOLLIN, i);
		preserve(session, fd, i + 1);
		/* Added later than preserved, too */
		if (i == MANY / 2)
			preserve(session, epoll, 0);
		close(fd);
	}
}

static void make_nested(struct luo_device *device)
{
	struct luo_session *session = session_create(device, "nested");
	int fd = must(eventfd(0, 0), "eventfd"), outer;

	preserve(session, fd, 0);
	for (int i = 1; i <= NESTS; i++) {
		outer = must(epoll_create1(0), "epoll_create1");
		add(outer, fd, EPOLLIN, i);
		preserve(session, outer, i);
		fd = outer;
	}
}

static void before(void)
{
	struct luo_device *device = device_open();

	handler_attach("eventfd");
	handler_attach("pipe");
	handler_attach("epoll");
	for (int i = 0; i < 3; i++)
		make(device, orders[i]);
	make_many(device);
	make_nested(device);
}

static int retrieve(struct luo_session *session, uint64_t token)
{
	return must(luo_session__retrieve_fd(session, token), "retrieve %d", (int)token);
}

/* What is left of the flags: EPOLLWAKEUP needs a kernel that can sleep. */
static uint32_t expected(int i)
{
	return i == FIRED ? EPOLLONESHOT : events[i] | EPOLLERR | EPOLLHUP;
}

static void check_watches(int epoll)
{
	int bad = 0;

	for (int i = 0; i < FILES; i++) {
		long mask = watched_for(epoll, FIRST + i);

		if (i == STRANGER) {
			check_eq(mask, -ENOENT, "what is not preserved is not watched");
		} else if ((mask | EPOLLWAKEUP) != (expected(i) | EPOLLWAKEUP)) {
			tap_note("  file %d: events %#lx", i, mask);
			bad++;
		}
	}
	check_eq(bad, 0, "files watched for something else");
}

static void check_events(struct luo_session *session, int epoll)
{
	struct epoll_event again = { .events = EPOLLIN, .data.u64 = DATA(FIRED) };
	const int always = 1 << READY | 1 << TWICE;
	int fds[FILES];

	check_eq(ready(epoll), always | 1 << EDGE, "ready: those that were, and the edge");
	check_eq(ready(epoll), always, "an edge is seen once");
	for (int i = 0; i < TWICE; i++)
		fds[i] = retrieve(session, i);
	add_to(fds[EDGE]);
	check_eq(ready(epoll), always | 1 << EDGE, "and again when there is more");
	add_to(fds[ONESHOT]);
	check_eq(ready(epoll), always | 1 << ONESHOT, "a one-shot fires");
	check_eq(ready(epoll), always, "once");
	add_to(fds[FIRED]);
	check_eq(ready(epoll), always, "one that had fired before does not");
	must(dup2(fds[FIRED], FIRST + FIRED), "dup2");
	check_eq(epoll_ctl(epoll, EPOLL_CTL_MOD, FIRST + FIRED, &again) ? -errno : 0, 0,
		 "it is armed again, by the number that it had");
	check_eq(ready(epoll), always | 1 << FIRED, "and fires");
	add_to(retrieve(session, INNER));
	must(write(retrieve(session, PIPE_W), "x", 1), "write");
	add_to(fds[EXCLUSIVE]);
	add_to(fds[WAKEUP]);
	add_to(fds[NOT_READY]);
	check_eq(ready(epoll), always | 1 << FIRED | 1 << NESTED | 1 << PIPE | 1 << EXCLUSIVE |
		 1 << WAKEUP | 1 << NOT_READY, "one in another, a pipe, and the others");
	for (int i = 0; i < TWICE; i++)
		close(fds[i]);
	close(FIRST + FIRED);
}

static void check_order(struct luo_device *device, int order)
{
	struct luo_session *session = session_retrieve(device, orders[order]);
	int epoll, before[FILES];

	tap_note("%s", orders[order]);
	for (int i = 0; i < TWICE && order == 1; i++)
		before[i] = retrieve(session, i);
	vm_log_mark();
	epoll = retrieve(session, EPOLL);
	check_eq(vm_log_count("epoll-v1': file 0x32 .*: 1 watched files are not preserved"), 1,
		 "the log says that one is left out");
	check_watches(epoll);
	check_events(session, epoll);
	check_eq(luo_session__finish(session), 0, "finish");
	for (int i = 0; i < TWICE && order == 1; i++)
		close(before[i]);
	close(epoll);
}

static void check_many(struct luo_device *device)
{
	struct luo_session *session = session_retrieve(device, "many");
	struct epoll_event got[MANY];
	int epoll = retrieve(session, 0);
	int n = epoll_wait(epoll, got, MANY, 0), bad = 0;

	check_eq(n, MANY / 10, "of %d, so many are ready", MANY);
	for (int i = 0; i < n; i++)
		bad += got[i].data.u64 % 10 != 0;
	check_eq(bad, 0, "and are not those");
	check_eq(luo_session__finish(session), 0, "finish");
}

/* Nobody waits for who has the one inside and does not end, and asks again later. */
static void check_nested_held(struct luo_session *session, int inner)
{
	int epoll = retrieve(session, 1);
	uint64_t value;
	pid_t pid;

	add_to(inner);
	pid = hold_epoll(epoll);
	check_eq(luo_session__retrieve_fd(session, NESTS), -EBUSY, "while one inside is held");
	let_go(pid);
	must(read(inner, &value, sizeof(value)) == sizeof(value) ? 0 : -errno, "read");
}

static void check_nested(struct luo_device *device)
{
	struct luo_session *session = session_retrieve(device, "nested");
	int inner = retrieve(session, 0), outer;
	struct epoll_event got;

	check_nested_held(session, inner);
	outer = retrieve(session, NESTS);
	check_eq(epoll_wait(outer, &got, 1, 0), 0, "%d in one another: nothing yet", NESTS);
	add_to(inner);
	check_eq(epoll_wait(outer, &got, 1, 0), 1, "and what happens inside is seen outside");
	check_eq(got.data.u64, NESTS, "there");
	check_eq(luo_session__finish(session), 0, "finish");
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *late = session_retrieve(device, orders[2]);

	handler_attach("epoll");
	handler_attach("pipe");
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(late, EPOLL), -EUNATCH,
		 "what it watches has no handler yet");
	check(handler_logged("which it watches, can't be retrieved"), "and it says so");
	luo_session__close(late);

	handler_attach("eventfd");
	for (int i = 0; i < 3; i++)
		check_order(device, i);
	check_many(device);
	check_nested(device);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };
	struct rlimit limit = { 1 << 13, 1 << 13 };

	setrlimit(RLIMIT_NOFILE, &limit);
	vm_run_stages(stages, 2);
}
