// SPDX-License-Identifier: GPL-2.0
/*
 * A service that gives systemd a file of each type to store; and which, when it is started with
 * what has been stored, compares that with what it was.
 *
 * FDSTORE_LOST in its environment has the names of those that can't come back, separated by
 * blanks.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "tap.h"

#define DIR	"/var/lib/fdstore/"
#define TEXT	"kept by systemd"
#define SIZE	(1 << 20)
#define PIPE	(1 << 17)
#define HOUR	3600

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct file {
	const char *name;
	int fd;
} files[] = {
	{ "memfd", -1 }, { "eventfd", -1 }, { "timerfd", -1 }, { "pipe-read", -1 },
	{ "pipe-write", -1 }, { "epoll", -1 }, { "signalfd", -1 }, { "socket-a", -1 },
	{ "socket-b", -1 }, { "file", -1 },
};

#define NR_FILES ((int)ARRAY_SIZE(files))

static int *fd_of(const char *name)
{
	for (int i = 0; i < NR_FILES; i++) {
		if (!strcmp(files[i].name, name))
			return &files[i].fd;
	}
	return NULL;
}

static bool is_lost(const char *name)
{
	const char *lost = getenv("FDSTORE_LOST") ?: "", *at = strstr(lost, name);
	size_t len = strlen(name);

	return at && (at == lost || at[-1] == ' ') && (!at[len] || at[len] == ' ');
}

/* What a file's flags were is in DIR, for the time after the kexec. */
static void put_flags(const struct file *file)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), DIR "%s.flags", file->name);
	f = fopen(path, "we");
	must(f && fprintf(f, "%d\n", fcntl(file->fd, F_GETFL)) > 0 && !fclose(f) ? 0 : -EIO,
	     "%s", path);
}

static int get_flags(const struct file *file)
{
	char path[64];
	int flags = -1;
	FILE *f;

	snprintf(path, sizeof(path), DIR "%s.flags", file->name);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%d", &flags) != 1)
		tap_bail("%s can't be read", path);
	fclose(f);
	return flags;
}

static void make_memfd(void)
{
	int fd = must(memfd_create("fdstore", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd");

	must(ftruncate(fd, SIZE), "truncate");
	must(pwrite(fd, TEXT, sizeof(TEXT), SIZE / 2), "write");
	must(lseek(fd, 7, SEEK_SET), "seek");
	must(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), "seal");
	*fd_of("memfd") = fd;
}

static void check_memfd(int fd)
{
	char text[sizeof(TEXT)] = "";
	struct stat st;

	check(!fstat(fd, &st) && st.st_size == SIZE, "memfd: size");
	check(pread(fd, text, sizeof(text), SIZE / 2) == sizeof(text) && !strcmp(text, TEXT),
	      "memfd: bytes");
	check_eq(lseek(fd, 0, SEEK_CUR), 7, "memfd: position");
	check_eq(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW, "memfd: seals");
}

static void make_eventfd(void)
{
	*fd_of("eventfd") = must(eventfd(5, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE),
				 "eventfd");
}

static void check_eventfd(int fd)
{
	uint64_t one;
	int count = 0;

	while (read(fd, &one, sizeof(one)) == sizeof(one) && one == 1)
		count++;
	check_eq(count, 5, "eventfd: count, one by one as from a semaphore");
	check(errno == EAGAIN, "eventfd: then nothing");
}

static void make_timerfd(void)
{
	struct itimerspec when = { .it_value.tv_sec = HOUR, .it_interval = { 60, 5 } };
	int fd = must(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd");

	must(timerfd_settime(fd, 0, &when, NULL), "set it");
	*fd_of("timerfd") = fd;
}

static void check_timerfd(int fd)
{
	struct itimerspec left = {};
	uint64_t expired;

	check_eq(timerfd_gettime(fd, &left), 0, "timerfd: it is one");
	check(left.it_value.tv_sec < HOUR && left.it_value.tv_sec > HOUR / 2,
	      "timerfd: less than an hour is left, and not much less");
	check(left.it_interval.tv_sec == 60 && left.it_interval.tv_nsec == 5,
	      "timerfd: interval");
	check(read(fd, &expired, sizeof(expired)) < 0 && errno == EAGAIN,
	      "timerfd: it has not expired");
}

static void make_pipe(void)
{
	int ends[2];

	must(pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe");
	must(fcntl(ends[1], F_SETPIPE_SZ, PIPE), "size");
	must(write(ends[1], TEXT, sizeof(TEXT)), "write");
	*fd_of("pipe-read") = ends[0];
	*fd_of("pipe-write") = ends[1];
}

static void check_pipe(int in, int out)
{
	char text[64] = "";

	check_eq(fcntl(in, F_GETPIPE_SZ), PIPE, "pipe: size");
	check(read(in, text, sizeof(text)) == sizeof(TEXT) && !strcmp(text, TEXT),
	      "pipe: bytes");
	check(write(out, "more", 5) == 5 && read(in, text, sizeof(text)) == 5 &&
	      !strcmp(text, "more"), "pipe: its ends are still those of one");
}

/* On the eventfd, and on a pipe that is still full of something */
static void make_epoll(void)
{
	struct epoll_event on_eventfd = { EPOLLIN, { .u64 = 42 } };
	struct epoll_event on_pipe = { EPOLLIN | EPOLLONESHOT, { .u64 = 43 } };
	int fd = must(epoll_create1(EPOLL_CLOEXEC), "epoll");

	must(epoll_ctl(fd, EPOLL_CTL_ADD, *fd_of("eventfd"), &on_eventfd), "watch");
	must(epoll_ctl(fd, EPOLL_CTL_ADD, *fd_of("pipe-read"), &on_pipe), "watch");
	*fd_of("epoll") = fd;
}

/* While both are readable */
static void check_epoll(int fd)
{
	struct epoll_event events[4];
	uint64_t sum = 0;
	int n;

	n = epoll_wait(fd, events, 4, 0);
	for (int i = 0; i < n; i++)
		sum += events[i].data.u64;
	check(n == 2 && sum == 42 + 43, "epoll: the eventfd and the pipe are ready");
	n = epoll_wait(fd, events, 4, 0);
	check(n == 1 && events[0].data.u64 == 42, "epoll: the pipe only once");
}

static void make_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 3);
	*fd_of("signalfd") = must(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
}

static void check_signalfd(int fd)
{
	struct signalfd_siginfo info;
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR2);
	raise(SIGUSR1);
	check(read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR1,
	      "signalfd: a signal of its mask");
	check(read(fd, &info, sizeof(info)) < 0 && errno == EAGAIN,
	      "signalfd: and none but those");
	raise(SIGRTMIN + 3);
	check(read(fd, &info, sizeof(info)) == sizeof(info) &&
	      (int)info.ssi_signo == SIGRTMIN + 3, "signalfd: the other one");
}

static void make_sockets(void)
{
	int ends[2];

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
	     "socketpair");
	must(write(ends[0], "one", 3), "send");
	must(write(ends[0], "three", 5), "send");
	must(write(ends[1], "back", 4), "send");
	*fd_of("socket-a") = ends[0];
	*fd_of("socket-b") = ends[1];
}

static void check_sockets(int a, int b)
{
	char text[64];

	check(read(b, text, sizeof(text)) == 3 && read(b, text, sizeof(text)) == 5 &&
	      !memcmp(text, "three", 5), "sockets: messages one way");
	check(read(a, text, sizeof(text)) == 4 && !memcmp(text, "back", 4),
	      "sockets: and the other way");
	check(write(a, "new", 3) == 3 && read(b, text, sizeof(text)) == 3,
	      "sockets: they are still a pair");
}

static void make_file(void)
{
	int fd = must(open(DIR "file", O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
		      DIR "file");

	must(write(fd, "12345678", 8), "write");
	must(lseek(fd, 3, SEEK_SET), "seek");
	*fd_of("file") = fd;
}

static void check_file(int fd)
{
	char text[16] = "";
	struct stat by_fd, by_path;

	check_eq(lseek(fd, 0, SEEK_CUR), 3, "file: position");
	check(read(fd, text, sizeof(text)) == 5 && !strcmp(text, "45678"), "file: bytes");
	lseek(fd, 0, SEEK_SET);
	check(write(fd, "9", 1) == 1 && pread(fd, text, sizeof(text), 0) == 9,
	      "file: it is appended to");
	check(!fstat(fd, &by_fd) && !stat(DIR "file", &by_path) &&
	      by_fd.st_ino == by_path.st_ino && by_fd.st_dev == by_path.st_dev,
	      "file: the one that is there");
}

static void store(void)
{
	make_memfd();
	make_eventfd();
	make_timerfd();
	make_pipe();
	make_epoll();
	make_signalfd();
	make_sockets();
	make_file();
	for (int i = 0; i < NR_FILES; i++) {
		char state[64];

		put_flags(&files[i]);
		snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=%s", files[i].name);
		must(sd_pid_notify_with_fds(0, 0, state, &files[i].fd, 1), "store %s",
		     files[i].name);
	}
	must(sd_notify(0, "READY=1"), "ready");
	for (;;)
		pause();
}

static bool is_here(const char *name)
{
	return *fd_of(name) >= 0;
}

/* That of an epoll and what it watches in this order: what is read is gone. */
static void compare(void)
{
	for (int i = 0; i < NR_FILES; i++) {
		const struct file *file = &files[i];

		if (is_lost(file->name)) {
			check(file->fd < 0, "%s: it is lost, as it must be", file->name);
			continue;
		}
		if (check(file->fd >= 0, "%s: it is back", file->name))
			check_eq(fcntl(file->fd, F_GETFL), get_flags(file), "%s: flags",
				 file->name);
	}
	if (is_here("memfd"))
		check_memfd(*fd_of("memfd"));
	if (is_here("epoll"))
		check_epoll(*fd_of("epoll"));
	if (is_here("eventfd"))
		check_eventfd(*fd_of("eventfd"));
	if (is_here("timerfd"))
		check_timerfd(*fd_of("timerfd"));
	if (is_here("pipe-read") && is_here("pipe-write"))
		check_pipe(*fd_of("pipe-read"), *fd_of("pipe-write"));
	if (is_here("signalfd"))
		check_signalfd(*fd_of("signalfd"));
	if (is_here("socket-a") && is_here("socket-b"))
		check_sockets(*fd_of("socket-a"), *fd_of("socket-b"));
	if (is_here("file"))
		check_file(*fd_of("file"));
}

static void take(int count, char **names)
{
	for (int i = 0; i < count; i++) {
		int *fd = fd_of(names[i]);

		check(fd && *fd < 0, "a file %s", names[i]);
		if (fd)
			*fd = SD_LISTEN_FDS_START + i;
	}
}

int main(int argc, char **argv)
{
	char **names = NULL;
	int count;

	/* "check" says that there is to be something, even if there is nothing. */
	if (argc < 2 || strcmp(argv[1], "check"))
		store();
	count = must(sd_listen_fds_with_names(1, &names), "what systemd has stored");
	tap_start(true, 0);
	take(count, names);
	compare();
	must(sd_notify(0, "READY=1"), "ready");
	tap_finish();
}
