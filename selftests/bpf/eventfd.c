// SPDX-License-Identifier: GPL-2.0
/*
 * The eventfd handler through a kexec: what its contract says survives, files
 * whose handler comes late, and what is left over when all is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "handler.h"
#include "kho.h"
#include "tap.h"
#include "vm.h"

#define SESSION "eventfds"
#define LATE 1000

static const struct {
	const char *name;
	int flags;
	uint64_t preserved, written;	/* before PRESERVE_FD, and after */
} files[] = {
	{ "empty", 0, 0, 0 },
	{ "counter", 0, 5, 0 },
	{ "written to later", 0, 5, 37 },
	{ "only written later", 0, 0, 1 },
	{ "semaphore", EFD_SEMAPHORE, 3, 0 },
	{ "nonblocking", EFD_NONBLOCK, 0, 0 },
	{ "nonblocking semaphore", EFD_NONBLOCK | EFD_SEMAPHORE, 2, 2 },
	{ "full", 0, UINT64_MAX - 1, 0 },
};

#define FILES ((int)(sizeof(files) / sizeof(*files)))

static void add(int fd, uint64_t n)
{
	if (n)
		must(write(fd, &n, sizeof(n)) == sizeof(n) ? 0 : -errno, "write");
}

static int64_t take(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? (int64_t)n : -errno;
}

/* What is preserved and given up again leaves nothing behind. */
static void give_up(struct luo_device *device)
{
	long kho = must(kho_preserved(), "count what KHO preserves");
	struct luo_session *session = session_create(device, "given up");

	for (int i = 0; i < 100; i++) {
		int fd = must(eventfd(i, 0), "eventfd");

		must(luo_session__preserve_fd(session, fd, i), "preserve %d", i);
		close(fd);
	}
	check(kho_preserved() >= kho + 100 * getpagesize(), "a page a file is preserved");
	luo_session__close(session);
	check_eq(kho_preserved(), kho, "and given back with the session");
}

static void before(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_create(device, SESSION);
	int fds[FILES], i;

	fds[0] = must(eventfd(0, 0), "eventfd");
	handler_log_mark();
	check_eq(luo_session__preserve_fd(session, fds[0], 0), -ENOENT, "no handler yet");
	check(handler_logged("no handler takes files"), "and the library says so");
	handler_attach("eventfd");
	give_up(device);

	for (i = 0; i < FILES; i++) {
		fds[i] = must(eventfd(0, files[i].flags), "eventfd");
		add(fds[i], files[i].preserved);
		must(luo_session__preserve_fd(session, fds[i], i), "%s: preserve", files[i].name);
	}
	/* Flags too may change until the kexec. */
	i = must(eventfd(9, 0), "eventfd");
	must(luo_session__preserve_fd(session, i, LATE), "preserve");
	must(fcntl(i, F_SETFL, O_NONBLOCK), "F_SETFL");

	check_eq(luo_session__preserve_fd(session, fds[1], 77), -EBUSY, "a file is preserved once");
	for (i = 0; i < FILES; i++)
		add(fds[i], files[i].written);
}

static void check_file(int i, int fd)
{
	uint64_t count = files[i].preserved + files[i].written;
	bool semaphore = files[i].flags & EFD_SEMAPHORE;
	int nonblock = fcntl(fd, F_GETFL) & O_NONBLOCK;

	check_eq(!!nonblock, !!(files[i].flags & EFD_NONBLOCK), "%s: O_NONBLOCK", files[i].name);
	check_eq(fcntl(fd, F_GETFD), FD_CLOEXEC, "%s: close-on-exec", files[i].name);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	check_eq(take(fd), count ? semaphore ? 1 : (int64_t)count : -EAGAIN,
		 "%s: first read", files[i].name);
	if (!semaphore)
		count = 0;
	while (count > 1 && take(fd) == 1)
		count--;
	check_eq(take(fd), -EAGAIN, "%s: last read", files[i].name);
	add(fd, 7);
	check_eq(take(fd), semaphore ? 1 : 7, "%s: written to again", files[i].name);
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_retrieve(device, SESSION);
	int fd;

	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, 1), -EUNATCH, "the handler is not attached");
	check(handler_logged("handler of token 1 is not attached"), "and the library says so");
	handler_attach("eventfd");

	for (int i = FILES - 1; i >= 0; i--) {
		fd = luo_session__retrieve_fd(session, i);
		if (check(fd >= 0, "%s: back", files[i].name))
			check_file(i, fd);
	}
	fd = must(luo_session__retrieve_fd(session, LATE), "retrieve");
	check_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK, "O_NONBLOCK set after preserve");
	check_eq(luo_session__finish(session), 0, "finish");
	check_eq(take(fd), 9, "the file lives on");
	luo_session__close(session);

	session = luo_session__retrieve(device, SESSION);
	check(!session && errno == ENOENT, "the session is gone");
	check_eq(handler_detach("eventfd-v1"), 0, "detach");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
