// SPDX-License-Identifier: GPL-2.0
/*
 * The pipe handler through a kexec: what is in a pipe, its ends preserved and retrieved in
 * each order, one of them alone, and what is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "handler.h"
#include "kho.h"
#include "tap.h"
#include "vm.h"

/* Of the kernel's fcntl.h, which the C library's excludes */
#ifndef O_NOTIFICATION_PIPE
#define O_NOTIFICATION_PIPE O_EXCL
#endif

#define R 0
#define W 1
#define MOST (1 << 20)

static char pattern[MOST], got[MOST];

static void put(int fd, size_t from, size_t len)
{
	must(write(fd, pattern + from, len) == (ssize_t)len ? 0 : -errno, "write");
}

static int take(int fd, size_t len)
{
	ssize_t n = read(fd, got, len);

	return n < 0 ? -errno : n;
}

/* Reads @len bytes, as many as come at a time. */
static bool has(int fd, size_t from, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, got + done, len - done);

		if (n <= 0)
			return false;
		done += n;
	}
	return !memcmp(got, pattern + from, len);
}

static int events(int fd)
{
	struct pollfd poll_fd = { fd, POLLIN | POLLOUT, 0 };

	poll(&poll_fd, 1, 0);
	return poll_fd.revents;
}

static int queued(int fd)
{
	int n = -1;

	ioctl(fd, FIONREAD, &n);
	return n;
}

/* What is in the pipe: filled before PRESERVE_FD, and after; then checked. */

static void fill_bytes(const int fds[2])
{
	put(fds[W], 0, 5000);
	put(fds[W], 5000, 100);
	take(fds[R], 700);
}

static void check_bytes(const int fds[2])
{
	check_eq(queued(fds[R]), 4400, "bytes: how many");
	put(fds[W], 5100, 10);
	check(has(fds[R], 700, 4410), "bytes: in order, and more behind them");
}

static void fill_packets(const int fds[2])
{
	fcntl(fds[W], F_SETFL, O_DIRECT);
	put(fds[W], 0, 10);
	put(fds[W], 10, 4096);
	put(fds[W], 4106, 1);
	fcntl(fds[W], F_SETFL, 0);
	put(fds[W], 4107, 20);
	put(fds[W], 4127, 20);
	fcntl(fds[W], F_SETFL, O_DIRECT | O_NONBLOCK);
}

static void check_packets(const int fds[2])
{
	check_eq(fcntl(fds[W], F_GETFL) & (O_DIRECT | O_NONBLOCK), O_DIRECT | O_NONBLOCK,
		 "packets: flags of the end to write");
	check_eq(fcntl(fds[R], F_GETFL) & (O_DIRECT | O_NONBLOCK), 0,
		 "packets: of the end to read");
	check_eq(take(fds[R], 100), 10, "packets: the first");
	check_eq(take(fds[R], 100), 100, "packets: a part of the second");
	check(got[99] == pattern[109], "packets: its bytes");
	check_eq(take(fds[R], 100), 1, "packets: the third");
	check_eq(take(fds[R], 100), 40, "packets: bytes");
	put(fds[W], 0, 3);
	put(fds[W], 0, 4);
	check_eq(take(fds[R], 100), 3, "packets: and on");
	check_eq(take(fds[R], 100), 4, "packets: and on");
}

static void fill_full(const int fds[2])
{
	must(fcntl(fds[W], F_SETPIPE_SZ, MOST), "F_SETPIPE_SZ");
	put(fds[W], 0, MOST);
	fcntl(fds[W], F_SETFL, O_NONBLOCK);
}

static void check_full(const int fds[2])
{
	check_eq(fcntl(fds[R], F_GETPIPE_SZ), MOST, "full: size");
	check_eq(events(fds[W]), 0, "full: nothing can be written");
	check_eq(write(fds[W], "x", 1) < 0 ? -errno : 0, -EAGAIN, "full: EAGAIN");
	check(has(fds[R], 0, MOST), "full: all of it");
	check_eq(events(fds[W]), POLLOUT, "full: then there is room");
}

static void fill_small(const int fds[2])
{
	must(fcntl(fds[W], F_SETPIPE_SZ, 4096), "F_SETPIPE_SZ");
	fcntl(fds[R], F_SETFL, O_NONBLOCK);
}

static void check_small(const int fds[2])
{
	check_eq(fcntl(fds[R], F_GETPIPE_SZ), 4096, "small: size");
	check_eq(take(fds[R], 1), -EAGAIN, "small: empty, not at its end");
	put(fds[W], 0, 4096);
	check_eq(events(fds[W]), 0, "small: full");
	check(has(fds[R], 0, 4096), "small: used");
}

/* Pages of a file, of a mapping, and of another pipe: the file changes later. */
static void fill_spliced(const int fds[2])
{
	int file = must(memfd_create("spliced", 0), "memfd_create"), other[2];
	char *mapped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	struct iovec iov = { mapped + 100, 8000 };
	loff_t from = 50;

	must(pipe(other), "pipe");
	put(file, 0, 20000);
	must(splice(file, &from, fds[W], NULL, 9000, 0) == 9000 ? 0 : -EIO, "splice");
	memcpy(mapped, pattern, 8192);
	must(vmsplice(fds[W], &iov, 1, 0) == 8000 ? 0 : -EIO, "vmsplice");
	put(other[W], 0, 300);
	must(tee(other[R], fds[W], 300, 0) == 300 ? 0 : -EIO, "tee");
}

static void check_spliced(const int fds[2])
{
	check_eq(queued(fds[R]), 17300, "spliced: how many");
	check(has(fds[R], 50, 9000), "spliced: from a file");
	check(has(fds[R], 100, 8000), "spliced: from memory");
	check(has(fds[R], 0, 300), "spliced: from a pipe");
}

static void fill_later(const int fds[2])
{
	put(fds[W], 0, 10);
}

static void more_later(const int fds[2])
{
	must(fcntl(fds[W], F_SETPIPE_SZ, 256 << 10), "F_SETPIPE_SZ");
	put(fds[W], 10, 200 << 10);
}

static void check_later(const int fds[2])
{
	check_eq(fcntl(fds[R], F_GETPIPE_SZ), 256 << 10, "later: size");
	check(has(fds[R], 0, 10 + (200 << 10)), "later: what was written after PRESERVE_FD");
}

static const struct kind {
	const char *name;
	void (*fill)(const int fds[2]);
	void (*more)(const int fds[2]);
	void (*verify)(const int fds[2]);
} kinds[] = {
	{ "bytes", fill_bytes, NULL, check_bytes },
	{ "packets", fill_packets, NULL, check_packets },
	{ "full", fill_full, NULL, check_full },
	{ "small", fill_small, NULL, check_small },
	{ "spliced", fill_spliced, NULL, check_spliced },
	{ "later", fill_later, more_later, check_later },
};

#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

/* Bit 0: the end to write is preserved first; bit 1: it is retrieved first. */
#define ORDERS 4

/* What is alone: the other end is closed, or open but not preserved. */
enum { READ_CLOSED, READ_OPEN, WRITE_CLOSED, WRITE_OPEN, ALONE };

static uint64_t token(int kind, int order, int end)
{
	return (kind * ORDERS + order) * 2 + end;
}

static void preserve_pipe(struct luo_session *session, int kind, int order)
{
	int fds[2], first = order & 1 ? W : R;

	must(pipe(fds), "pipe");
	kinds[kind].fill(fds);
	for (int i = 0; i < 2; i++) {
		int end = i ? !first : first;

		must(luo_session__preserve_fd(session, fds[end], token(kind, order, end)),
		     "%s: preserve", kinds[kind].name);
	}
	if (kinds[kind].more)
		kinds[kind].more(fds);
	close(fds[R]);
	close(fds[W]);
}

static void preserve_alone(struct luo_session *session)
{
	for (int i = 0; i < ALONE; i++) {
		int fds[2], end = i < WRITE_CLOSED ? R : W;

		must(pipe(fds), "pipe");
		put(fds[W], 0, 6000);
		must(luo_session__preserve_fd(session, fds[end], 1000 + i), "preserve one end");
		if (i == READ_CLOSED || i == WRITE_CLOSED)
			close(fds[!end]);
	}
}

static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return must(open(path, flags), "open %s", path);
}

static void check_report(struct luo_session *session, int fd, int want, const char *message)
{
	handler_log_mark();
	check_eq(luo_session__preserve_fd(session, fd, 5000), want, "refused: %s", message);
	check(handler_logged(message), "and it says so");
}

static void refused(struct luo_device *device)
{
	struct luo_session *here = session_create(device, "here");
	struct luo_session *there = session_create(device, "there");
	long kho = must(kho_preserved(), "count what KHO preserves");
	int fds[2], notifications[2], again;

	must(pipe(fds), "pipe");
	must(luo_session__preserve_fd(here, fds[R], 1), "preserve");
	check(kho_preserved() >= kho + (64 << 10), "there is memory for as much as it can hold");
	check_report(there, fds[W], -EXDEV, "other end is in another session");
	again = reopen(fds[R], O_RDONLY);
	check_report(here, again, -EEXIST, "another file of the same end");
	again = reopen(fds[W], O_RDWR);
	check_report(here, again, -EOPNOTSUPP, "to both read and write");
	if (!pipe2(notifications, O_NOTIFICATION_PIPE))
		check_report(here, notifications[R], -EOPNOTSUPP, "queue of notifications");
	else
		tap_note("this kernel has no queues of notifications");
	must(fcntl(fds[R], F_SETPIPE_SZ, 128 << 20), "F_SETPIPE_SZ");
	luo_session__close(here);
	check_eq(kho_preserved(), kho, "given back with the session");

	check_report(there, fds[R], -ENOSPC, "over quota");
	must(fcntl(fds[R], F_SETPIPE_SZ, 4096), "F_SETPIPE_SZ");
	check_eq(luo_session__preserve_fd(there, fds[W], 1), 0, "now the ends may be elsewhere");
	check_eq(luo_session__preserve_fd(there, fds[R], 2), 0, "and both");
	luo_session__close(there);
	check_eq(kho_preserved(), kho, "given back");
}

static void before(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_create(device, "pipes"), *alone;

	handler_attach("pipe");
	refused(device);
	for (int kind = 0; kind < KINDS; kind++) {
		for (int order = 0; order < ORDERS; order++)
			preserve_pipe(session, kind, order);
	}
	alone = session_create(device, "alone");
	preserve_alone(alone);
}

static void after_pipe(struct luo_session *session, int kind, int order)
{
	int fds[2], first = order & 2 ? W : R;

	fds[first] = luo_session__retrieve_fd(session, token(kind, order, first));
	fds[!first] = luo_session__retrieve_fd(session, token(kind, order, !first));
	if (!check(fds[R] >= 0 && fds[W] >= 0, "%s, order %d: back", kinds[kind].name, order))
		return;
	check_eq(fcntl(fds[R], F_GETFL) & O_ACCMODE, O_RDONLY, "one to read");
	check_eq(fcntl(fds[W], F_GETFL) & O_ACCMODE, O_WRONLY, "one to write");
	kinds[kind].verify(fds);
	close(fds[R]);
	close(fds[W]);
}

static void after_alone(struct luo_session *session)
{
	for (int i = 0; i < ALONE; i++) {
		int fd = must(luo_session__retrieve_fd(session, 1000 + i), "retrieve one end");

		if (i < WRITE_CLOSED) {
			check_eq(events(fd), POLLIN | POLLHUP, "alone to read: nobody writes");
			check(has(fd, 0, 6000), "alone to read: what was in it");
			check_eq(take(fd, 1), 0, "alone to read: then its end");
		} else {
			check(events(fd) & POLLERR, "alone to write: nobody reads");
			check_eq(write(fd, "x", 1) < 0 ? -errno : 0, -EPIPE,
				 "alone to write: EPIPE");
		}
	}
	check_eq(luo_session__finish(session), 0, "finish");
}

/* Who has one end only when the session is finished sees the other one closed. */
static void finish_with_one(struct luo_session *session)
{
	int fd = must(luo_session__retrieve_fd(session, token(0, 0, R)), "retrieve");

	check_eq(events(fd) & POLLHUP, 0, "before FINISH the other end is open");
	check_eq(luo_session__finish(session), 0, "finish");
	check_eq(events(fd) & POLLHUP, POLLHUP, "and closed after it");
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_retrieve(device, "pipes");

	signal(SIGPIPE, SIG_IGN);
	handler_attach("pipe");
	for (int kind = 1; kind < KINDS; kind++) {
		for (int order = 0; order < ORDERS; order++)
			after_pipe(session, kind, order);
	}
	for (int order = 1; order < ORDERS; order++)
		after_pipe(session, 0, order);
	finish_with_one(session);
	after_alone(session_retrieve(device, "alone"));
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	for (int i = 0; i < MOST; i++)
		pattern[i] = i * 7 + i / 251;
	vm_run_stages(stages, 2);
}
