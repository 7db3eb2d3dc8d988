// SPDX-License-Identifier: GPL-2.0
/* FIFOs through a kexec: their ends by name, in every order. /data is on a disk. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler.h"
#include "orders.h"
#include "tap.h"
#include "vm.h"

enum { READER, WRITER, BOTH, ENDS };

/* Tokens of those that are alone */
enum { ALONE_READER = 10, ALONE_WRITER, LEFT, REPLACED };

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
	}
	preserve(session, make("/data/alone-r", READER), ALONE_READER);
	make("/data/alone-w", READER);
	preserve(session, make("/data/alone-w", WRITER), ALONE_WRITER);
	fd = make("/data/left", BOTH);
	preserve(session, fd, LEFT);
	check_eq(write(fd, "something", 9), 9, "something is left in one");
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

	check(fd >= 0 && !read(fd, &byte, 1), "a reader alone is at the end");
	other = must(open("/data/alone-r", O_WRONLY), "open the other end");
	check(passes(other, fd, 'x'), "until somebody opens the other end");
	fd = luo_session__retrieve_fd(session, ALONE_WRITER);
	check(fd >= 0 && write(fd, "x", 1) < 0 && errno == EPIPE, "a writer alone has no reader");
	other = must(open("/data/alone-w", O_RDONLY | O_NONBLOCK), "open the other end");
	check(passes(fd, other, 'x'), "until somebody opens the other end");
}

static void check_refused(void)
{
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, LEFT), -EBUSY, "one with something in it");
	check(handler_logged("something was left in the FIFO"), "the report says why");
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
	check_refused();
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
