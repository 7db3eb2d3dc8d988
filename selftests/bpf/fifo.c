// SPDX-License-Identifier: GPL-2.0
/*
 * FIFOs through a kexec: their ends by name, in every order, and what is in them, once and in
 * front of what others write. /data is on a disk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "busy.h"
#include "handler.h"
#include "orders.h"
#include "tap.h"
#include "vm.h"

enum { READER, WRITER, BOTH, ENDS };

/* Tokens of those that are alone */
enum { ALONE_READER = 10, ALONE_WRITER, REPLACED, SIZED, SMALL, PACKETS, OPENED, HELD, WAITED,
	TWO };

#define PAGE 4096

static struct luo_device *device;
static struct luo_session *session;

static const int flags[] = { O_RDONLY | O_NONBLOCK, O_WRONLY, O_RDWR };

static int make(const char *path, int end)
{
	if (mkfifo(path, 0600) && errno != EEXIST)
		tap_bail("mkfifo %s: %m", path);
	return must(open(path, flags[end]), "open %s", path);
}

static void preserve(struct luo_session *to, int fd, int token)
{
	must(luo_session__preserve_fd(to, fd, token), "preserve %d", token);
}

static const char *order_path(int i)
{
	static char path[32];

	snprintf(path, sizeof(path), "/data/order-%d", i);
	return path;
}

static void put(int fd, const char *text)
{
	ssize_t len = strlen(text);

	must(write(fd, text, len) == len ? 0 : -errno, "write %s", text);
}

/* What one read(2) of it gives; "" for end-of-file, or nothing */
static const char *take(int fd)
{
	static char text[100];
	ssize_t len = read(fd, text, sizeof(text) - 1);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

static bool gives(int fd, const char *want)
{
	const char *got = take(fd);

	if (strcmp(got, want))
		tap_note("  \"%s\", should be \"%s\"", got, want);
	return !strcmp(got, want);
}

static int queued(int fd)
{
	int n = -1;

	ioctl(fd, FIONREAD, &n);
	return n;
}

/* One file of it, with this in it */
static int make_left(const char *path, const char *text, int token)
{
	int fd = make(path, BOTH);

	put(fd, text);
	preserve(session, fd, token);
	return fd;
}

static void leave(void)
{
	int fd = make_left("/data/sized", "some", SIZED), other;

	put(fd, "thing");
	must(fcntl(fd, F_SETPIPE_SZ, 4 * PAGE), "F_SETPIPE_SZ");

	make("/data/small", READER);
	fd = make("/data/small", WRITER);
	put(fd, "small");
	must(fcntl(fd, F_SETPIPE_SZ, 4 * PAGE), "F_SETPIPE_SZ");
	preserve(session, fd, SMALL);

	fd = make("/data/packets", BOTH);
	must(fcntl(fd, F_SETFL, O_DIRECT), "F_SETFL");
	put(fd, "one");
	put(fd, "two");
	preserve(session, fd, PACKETS);

	make_left("/data/opened", "before", OPENED);
	make_left("/data/held", "held", HELD);
	make_left("/data/waited", "at last", WAITED);

	/* In two sessions, with one that is not preserved */
	fd = make_left("/data/two", "once", TWO);
	other = make("/data/two", BOTH);
	preserve(session_create(device, "two"), other, TWO);
	make("/data/two", BOTH);
}

static void refuse(void)
{
	int fd = make("/tmp/fifo", BOTH);

	handler_log_mark();
	check_eq(luo_session__preserve_fd(session, fd, 100), -EOPNOTSUPP, "a FIFO in memory");
	check(handler_logged("no identity that lasts"), "the report says why");
	fd = make("/data/deleted", BOTH);
	unlink("/data/deleted");
	check_eq(luo_session__preserve_fd(session, fd, 100), -ESTALE, "one that was deleted");
}

static void before(void)
{
	int fd;

	device = device_open();
	session = session_create(device, "fifo");
	handler_attach("fifo");
	for (int i = 0; i < order_count(ENDS); i++) {
		struct luo_session *to = session_create(device, order_path(i) + 6);

		for (int end = 0; end < ENDS; end++)
			preserve(to, make(order_path(i), end), end);
		put(open(order_path(i), O_RDWR), "left");
	}
	preserve(session, make("/data/alone-r", READER), ALONE_READER);
	put(make("/data/alone-r", BOTH), "a");
	make("/data/alone-w", READER);
	preserve(session, make("/data/alone-w", WRITER), ALONE_WRITER);
	leave();
	fd = make("/data/used", BOTH);
	preserve(session, fd, REPLACED);
	refuse();
	sync();
}

static bool passes(int from, int to, char what)
{
	char got = 0;

	return write(from, &what, 1) == 1 && read(to, &got, 1) == 1 && got == what;
}

static void check_orders(void)
{
	int order[ORDER_MAX], fds[ENDS], wrong = 0;

	for (int i = 0; i < order_count(ENDS); i++) {
		struct luo_session *from = session_retrieve(device, order_path(i) + 6);

		order_get(i, ENDS, order);
		for (int j = 0; j < ENDS; j++) {
			int end = order[j];

			fds[end] = luo_session__retrieve_fd(from, end);
			wrong += fds[end] < 0;
			wrong += (fcntl(fds[end], F_GETFL) & (O_ACCMODE | O_NONBLOCK)) !=
				 flags[end];
		}
		wrong += !gives(fds[READER], "left") || queued(fds[READER]);
		wrong += !passes(fds[WRITER], fds[READER], 'a') ||
			 !passes(fds[BOTH], fds[READER], 'b') ||
			 !passes(fds[WRITER], fds[BOTH], 'c');
		wrong += luo_session__finish(from) != 0;
		for (int end = 0; end < ENDS; end++)
			close(fds[end]);
	}
	check_eq(wrong, 0, "in every order: ends that are not as they were");
}

static void check_alone(void)
{
	int fd = luo_session__retrieve_fd(session, ALONE_READER), other;
	char byte;

	check(fd >= 0 && gives(fd, "a"), "a reader alone gets what was left");
	check(!read(fd, &byte, 1), "and is at the end then");
	other = must(open("/data/alone-r", O_WRONLY), "open the other end");
	check(passes(other, fd, 'x'), "until somebody opens the other end");
	fd = luo_session__retrieve_fd(session, ALONE_WRITER);
	check(fd >= 0 && write(fd, "x", 1) < 0 && errno == EPIPE, "a writer alone has no reader");
	other = must(open("/data/alone-w", O_RDONLY | O_NONBLOCK), "open the other end");
	check(passes(fd, other, 'x'), "until somebody opens the other end");
}

/* A task that is to read this from it; its exit status says whether it did. */
static pid_t wait_for(const char *path, const char *text)
{
	int fd = must(open(path, O_RDWR), "open %s", path);
	pid_t pid = must(fork(), "fork");

	if (!pid)
		_exit(!gives(fd, text));
	close(fd);
	/* It is asleep, or about to be: the one is looked at as much as the other. */
	usleep(100000);
	return pid;
}

static void check_left(void)
{
	int fd = luo_session__retrieve_fd(session, SIZED), other, status;
	char page[PAGE] = "later";
	pid_t pid;

	check(fd >= 0 && gives(fd, "something"), "what was left is there");
	check_eq(fcntl(fd, F_GETPIPE_SZ), 4 * PAGE, "and how much it can hold");
	fd = luo_session__retrieve_fd(session, SMALL);
	other = make("/data/small", READER);
	check(fd >= 0 && gives(other, "small"), "from a writer alone, too");
	check_eq(fcntl(other, F_GETPIPE_SZ), 4 * PAGE, "and how much it can hold");
	close(other);
	fd = luo_session__retrieve_fd(session, PACKETS);
	check(fd >= 0 && gives(fd, "one") && gives(fd, "two"), "packets are packets");

	/* Full of what somebody has written who was here first */
	other = make("/data/opened", BOTH);
	must(fcntl(other, F_SETPIPE_SZ, PAGE), "F_SETPIPE_SZ");
	must(write(other, page, PAGE) == PAGE ? 0 : -errno, "write");
	fd = luo_session__retrieve_fd(session, OPENED);
	check_eq(queued(fd), 6 + PAGE, "what was left is added to what is there");
	check(read(fd, page, 6) == 6 && !memcmp(page, "before", 6), "in front of it");
	check(gives(other, "later"), "which is behind it");

	pid = wait_for("/data/waited", "at last");
	check(luo_session__retrieve_fd(session, WAITED) >= 0, "while somebody waits for it");
	must(waitpid(pid, &status, 0) == pid ? 0 : -errno, "waitpid");
	check_eq(status, 0, "who is woken");
}

/* Nobody waits for who does not end, and asks again later. */
static void check_held(void)
{
	pid_t pid = hold_pipe(make("/data/held", BOTH));
	int fd;

	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, HELD), -EBUSY, "while another task is at it");
	check(handler_logged("can't be opened"), "the report says so");
	let_go(pid);
	fd = luo_session__retrieve_fd(session, HELD);
	check(fd >= 0 && gives(fd, "held"), "and when that has ended, it comes");
}

static void check_two(void)
{
	struct luo_session *two = session_retrieve(device, "two");
	int a = luo_session__retrieve_fd(session, TWO), b = luo_session__retrieve_fd(two, TWO);

	check_eq(queued(a), 4, "two files of one FIFO: what was left is there once");
	check(gives(b, "once"), "for both");
	check_eq(luo_session__finish(two), 0, "finish");
}

static void check_refused(void)
{
	must(rename("/data/used", "/data/kept") ? -errno : 0, "rename");
	close(must(open("/data/used", O_WRONLY | O_CREAT, 0600), "create"));
	check_eq(luo_session__retrieve_fd(session, REPLACED), -ESTALE, "one that is a file now");
	must(rename("/data/kept", "/data/used") ? -errno : 0, "rename");
	check(luo_session__retrieve_fd(session, REPLACED) >= 0, "and when it is back, it comes");
}

static void after(void)
{
	signal(SIGPIPE, SIG_IGN);
	device = device_open();
	session = session_retrieve(device, "fifo");
	handler_attach("fifo");
	check_orders();
	check_alone();
	check_left();
	check_held();
	check_two();
	check_refused();
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
