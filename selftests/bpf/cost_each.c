// SPDX-License-Identifier: GPL-2.0
/*
 * bpf_cost_each HANDLER=INSTRUCTIONS...: what a file's life costs with each handler:
 * PRESERVE_FD, RETRIEVE_FD and FINISH, in a VM whose clock counts instructions (ICOUNT=1).
 * It must be what the documentation says, give or take a quarter. Freezing is not in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "handler.h"
#include "luo.h"
#include "tap.h"
#include "vm.h"

#define FILES 50
#define WARM_UP 10	/* before those: caches, and tables that grow */
#define ALL (WARM_UP + FILES)
#define MAX 32

/* Other machines have other figures, and what a debug kernel adds says nothing. */
static bool counts(void)
{
#if defined(__x86_64__)
	return access("/proc/lockdep", F_OK);
#else
	return false;
#endif
}

static int make_eventfd(int n)
{
	return eventfd(n, 0);
}

static int make_file(int n)
{
	char path[32];

	snprintf(path, sizeof(path), "/data/file-%d", n);
	return open(path, O_RDONLY | O_CREAT, 0600);
}

static int make_fifo(int n)
{
	char path[32];

	snprintf(path, sizeof(path), "/data/fifo-%d", n);
	return mkfifo(path, 0600) ? -1 : open(path, O_RDWR);
}

static int make_chardev(int n)
{
	(void)n;
	return open("/dev/null", O_RDWR);
}

static int make_tun(int n)
{
	struct ifreq ifreq = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = must(open("/dev/net/tun", O_RDWR), "/dev/net/tun");

	snprintf(ifreq.ifr_name, sizeof(ifreq.ifr_name), "luo%d", n);
	return ioctl(fd, TUNSETIFF, &ifreq) ? -1 : fd;
}

static int make_epoll(int n)
{
	(void)n;
	return epoll_create1(0);
}

/* With one watch */
static int make_inotify(int n)
{
	int fd = inotify_init1(0);

	(void)n;
	return inotify_add_watch(fd, "/data", IN_CREATE) == 1 ? fd : -1;
}

/* One end; the other stays open. */
static int make_pipe(int n)
{
	int fds[2];

	(void)n;
	return pipe(fds) ? -1 : fds[0];
}

static int make_signalfd(int n)
{
	sigset_t set;

	(void)n;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return signalfd(-1, &set, 0);
}

/* An end alone does not come back: one after the other. */
static int make_socketpair(int n)
{
	static int fds[2];

	if (n % 2)
		return fds[1];
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) ? -1 : fds[0];
}

static int make_timerfd(int n)
{
	struct itimerspec when = { .it_value.tv_sec = 1000 + n };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	return timerfd_settime(fd, 0, &when, NULL) ? -1 : fd;
}

/* The simplest file of each type */
static const struct maker {
	const char *handler;
	int (*make)(int n);
} makers[] = {
	{ "chardev", make_chardev },
	{ "epoll", make_epoll },
	{ "eventfd", make_eventfd },
	{ "fifo", make_fifo },
	{ "file", make_file },
	{ "inotify", make_inotify },
	{ "pipe", make_pipe },
	{ "signalfd", make_signalfd },
	{ "socketpair", make_socketpair },
	{ "timerfd", make_timerfd },
	{ "tun", make_tun },
};

static char handlers[MAX][32];
static long documented[MAX];
static int nr;

static void read_arguments(int argc, char **argv)
{
	for (int i = 1; i < argc; i++, nr++) {
		if (nr == MAX || sscanf(argv[i], "%31[^=]=%ld", handlers[nr], &documented[nr]) != 2)
			tap_bail("not HANDLER=INSTRUCTIONS: %s", argv[i]);
	}
	if (!nr)
		tap_bail("no handler is named");
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static int make(const char *handler, int n)
{
	for (size_t i = 0; i < sizeof(makers) / sizeof(*makers); i++) {
		if (!strcmp(makers[i].handler, handler))
			return must(makers[i].make(n) ?: -errno, "make a file of %s", handler);
	}
	tap_bail("this test can't make a file for the handler %s: add it to makers", handler);
}

/* For each of the files that count, on average */
static long preserve(int luo, const char *handler)
{
	int session = must(luo_create(luo, handler), "create"), fds[ALL];
	uint64_t start = 0;

	for (int i = 0; i < ALL; i++)
		fds[i] = make(handler, i);
	for (int i = 0; i < ALL; i++) {
		if (i == WARM_UP)
			start = now();
		must(luo_preserve(session, fds[i], i), "%s: preserve", handler);
	}
	return (now() - start) / FILES;
}

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	char key[48];

	for (int i = 0; i < nr; i++) {
		handler_attach(handlers[i]);
		snprintf(key, sizeof(key), "cost_%s", handlers[i]);
		/* What was just attached has things to do in the background. */
		sync();
		sleep(1);
		vm_kexec_arg(key, "%ld", preserve(luo, handlers[i]));
	}
	sync();
}

static long retrieve(int luo, const char *handler, long *finish)
{
	int session = must(luo_retrieve(luo, handler), "session %s", handler);
	uint64_t start = 0;
	long cost;

	for (int i = 0; i < ALL; i++) {
		if (i == WARM_UP)
			start = now();
		must(luo_retrieve_fd(session, i), "%s: retrieve", handler);
	}
	cost = (now() - start) / FILES;
	start = now();
	must(luo_finish(session), "finish");
	*finish = (now() - start) / ALL;
	close(session);
	return cost;
}

static void check_handler(int luo, int i)
{
	long preserved, retrieved, finished, sum;
	const char *handler = handlers[i];
	char key[48];

	snprintf(key, sizeof(key), "cost_%s", handler);
	preserved = vm_arg_num(key, 0);
	handler_attach(handler);
	sleep(1);
	retrieved = retrieve(luo, handler, &finished);
	sum = preserved + retrieved + finished;
	tap_note("%s: PRESERVE_FD %ld, RETRIEVE_FD %ld, FINISH %ld instructions a file", handler,
		 preserved, retrieved, finished);
	check(labs(sum - documented[i]) * 4 <= documented[i] || !counts(),
	      "%s: a file's life is %ld instructions, documented are %ld", handler, sum,
	      documented[i]);
}

/* What a file system reads from its disk is not what is looked at here. */
static void read_inodes(void)
{
	struct stat st;
	char path[32];

	for (int i = 0; i < ALL; i++) {
		snprintf(path, sizeof(path), "/data/file-%d", i);
		stat(path, &st);
		snprintf(path, sizeof(path), "/data/fifo-%d", i);
		stat(path, &st);
	}
}

static void after(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");

	read_inodes();
	for (int i = 0; i < nr; i++)
		check_handler(luo, i);
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };

	read_arguments(argc, argv);
	vm_run_stages(stages, 2);
}
