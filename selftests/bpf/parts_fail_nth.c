// SPDX-License-Identifier: GPL-2.0
/*
 * Every memory allocation fails once, of the calls that preserve and retrieve timers, signals,
 * pipes, pairs of sockets, epoll and inotify files. /data is on a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler.h"
#include "kho.h"
#include "sweep.h"
#include "tap.h"
#include "vm.h"
#include "watch.h"

#define OTHER 1000	/* token of what belongs to a file, beside that of the file */
#define WATCHES 3

static struct luo_session *session;
static int fds[SWEEP_MAX], others[SWEEP_MAX];
static long kho;

static int make_timerfd(int n)
{
	struct itimerspec spec = { .it_value.tv_sec = 100000 };

	fds[n] = must(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd_create");
	must(timerfd_settime(fds[n], 0, &spec, NULL), "timerfd_settime");
	return -1;
}

static bool is_timerfd(int fd, int other)
{
	struct itimerspec spec = {};

	(void)other;
	return !timerfd_gettime(fd, &spec) && spec.it_value.tv_sec > 90000;
}

static int make_signalfd(int n)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	fds[n] = must(signalfd(-1, &set, SFD_NONBLOCK), "signalfd");
	return -1;
}

static bool is_signalfd(int fd, int other)
{
	struct signalfd_siginfo info;

	(void)other;
	raise(SIGUSR1);
	return read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR1;
}

static int make_pipe(int n)
{
	int ends[2];

	must(pipe(ends), "pipe");
	must(write(ends[1], "0123456789", 10), "write");
	fds[n] = ends[0];
	return ends[1];
}

static bool is_pipe(int fd, int other)
{
	char got[20];

	return write(other, "abc", 3) == 3 && read(fd, got, sizeof(got)) == 13 &&
	       !memcmp(got, "0123456789abc", 13);
}

static int make_socketpair(int n)
{
	int ends[2];

	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) ? -errno : 0, "socketpair");
	must(send(ends[1], "0123456789", 10, 0), "send");
	must(send(ends[0], "abc", 3, 0), "send");
	fds[n] = ends[0];
	return ends[1];
}

static bool is_socketpair(int fd, int other)
{
	char got[20];

	return recv(fd, got, sizeof(got), MSG_DONTWAIT) == 10 &&
	       recv(other, got, sizeof(got), MSG_DONTWAIT) == 3;
}

static int make_epoll(int n)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = n };
	int more[WATCHES];

	fds[n] = must(epoll_create1(0), "epoll_create1");
	/* One file by several numbers, which must differ */
	more[0] = must(eventfd(1, EFD_NONBLOCK), "eventfd");
	for (int i = 0; i < WATCHES; i++) {
		if (i)
			more[i] = must(dup(more[0]), "dup");
		must(epoll_ctl(fds[n], EPOLL_CTL_ADD, more[i], &event) ? -errno : 0,
		     "EPOLL_CTL_ADD");
	}
	for (int i = 1; i < WATCHES; i++)
		close(more[i]);
	return more[0];
}

static bool is_epoll(int fd, int other)
{
	struct epoll_event events[2 * WATCHES];

	(void)other;
	return epoll_wait(fd, events, 2 * WATCHES, 0) == WATCHES;
}

/* A file and a directory with names, and one in memory */
static int make_inotify(int n)
{
	fds[n] = must(inotify_init1(IN_NONBLOCK), "inotify_init1");
	watch_add(fds[n], "/data/file", IN_MODIFY);
	watch_add(fds[n], "/data/dir", IN_CREATE);
	watch_add(fds[n], "/tmp", IN_CREATE);
	return -1;
}

static bool is_inotify(int fd, int other)
{
	(void)other;
	if (!watch_told(fd, -1, IN_Q_OVERFLOW, NULL) || !watch_told(fd, 3, IN_UNMOUNT, NULL) ||
	    !watch_told(fd, 3, IN_IGNORED, NULL))
		return false;
	touch_file("/data/file");
	return watch_told(fd, 1, IN_MODIFY, NULL) && watch_mask(fd, 2) == IN_CREATE &&
	       watch_is_at(fd, 2, "/data/dir");
}

/* A type of file, and what belongs to one */
static const struct kind {
	const char *name;
	int (*make)(int n);
	bool (*good)(int fd, int other);
	bool first;	/* what belongs to it is preserved before it is */
} kinds[] = {
	{ "timerfd", make_timerfd, is_timerfd, false },
	{ "signalfd", make_signalfd, is_signalfd, false },
	{ "pipe", make_pipe, is_pipe, false },
	{ "socketpair", make_socketpair, is_socketpair, true },
	{ "epoll", make_epoll, is_epoll, true },
	{ "inotify", make_inotify, is_inotify, false },
};

#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

static const struct kind *kind;

/* Where there is no file for want of an inode, there seem to be too many. */
static int clean(int err)
{
	return err == -ENFILE || err == -ENOBUFS ? -ENOMEM : err;
}

static int preserve_call(int n)
{
	kho = kho_preserved();
	return clean(luo_session__preserve_fd(session, fds[n], n));
}

static bool nothing_preserved(int n)
{
	(void)n;
	return kho_preserved() == kho;
}

static int preserve_other_call(int n)
{
	kho = kho_preserved();
	return clean(luo_session__preserve_fd(session, others[n], OTHER + n));
}

static void sweep_preserve(void)
{
	struct sweep sweep = { kind->name, preserve_call, nothing_preserved, NULL };
	struct sweep other = { kind->name, preserve_other_call, nothing_preserved, NULL };

	for (int n = 1; n < SWEEP_MAX; n++)
		others[n] = kind->make(n);
	if (kind->first)
		sweep_call(&other);
	sweep_call(&sweep);
	/* Those that the sweep did not get to, too */
	for (int n = 1; n < SWEEP_MAX; n++) {
		luo_session__preserve_fd(session, fds[n], n);
		if (others[n] >= 0)
			luo_session__preserve_fd(session, others[n], OTHER + n);
		close(fds[n]);
		if (others[n] >= 0)
			close(others[n]);
	}
}

/* So many as a user may not have otherwise */
static void allow_inotify(void)
{
	must(write_file("/proc/sys/fs/inotify/max_user_instances", "%d", 4 * SWEEP_MAX),
	     "max_user_instances");
}

static void before(void)
{
	struct luo_device *device = device_open();

	sweep_start();
	handler_attach("eventfd");
	allow_inotify();
	must(mkdir("/data/dir", 0755) ? -errno : 0, "mkdir");
	make_file("/data/file");
	for (int i = 0; i < KINDS; i++) {
		kind = &kinds[i];
		handler_attach(kind->name);
		session = session_create(device, kind->name);
		sweep_preserve();
	}
	sync();
}

static int retrieve_call(int n)
{
	return clean(luo_session__retrieve_fd(session, n));
}

static bool retrieved(int n, int fd)
{
	int other = luo_session__retrieve_fd(session, OTHER + n);
	bool good = kind->good(fd, other);

	close(fd);
	if (other >= 0)
		close(other);
	return good;
}

static void after(void)
{
	struct luo_device *device = device_open();
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	sweep_start();
	handler_attach("eventfd");
	allow_inotify();
	for (int i = 0; i < KINDS; i++) {
		struct sweep sweep = { kinds[i].name, retrieve_call, NULL, retrieved };

		kind = &kinds[i];
		handler_attach(kind->name);
		session = session_retrieve(device, kind->name);
		sweep_call(&sweep);
		check_eq(luo_session__finish(session), 0, "finish");
	}
	check_eq(vm_log_count("stays reserved"), 0, "no memory was given up");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };
	struct rlimit limit = { 1 << 13, 1 << 13 };

	setrlimit(RLIMIT_NOFILE, &limit);
	vm_run_stages(stages, 2);
}
