// SPDX-License-Identifier: GPL-2.0
/*
 * Files of every kind through two kexecs: the kernel in between takes them back, looks
 * at them, and hands them on in a session of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "handler.h"
#include "memfile.h"
#include "progs/zero.h"
#include "tap.h"
#include "vm.h"

#define PIECE KIB(64)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static const struct {
	const char *name;
	off_t size, step;	/* a piece of data at each step, the rest are holes */
	off_t position;
	int flags, seals;
} memfds[] = {
	{ "small", 40, PIECE, 8, O_APPEND, 0 },
	{ "sparse", MIB(256), MIB(8) + KIB(4), MIB(100) + 1, 0, 0 },
	{ "hole", MIB(1), 0, 0, O_NONBLOCK, 0 },
	{ "large", MIB(192), PIECE, 0, 0, F_SEAL_GROW },
	{ "sealed", MIB(4), PIECE, MIB(4), 0, SEALS | F_SEAL_SEAL },
};

#define MEMFDS ((int)(sizeof(memfds) / sizeof(*memfds)))
#define BLOB ((3UL << 20) + 5)

/* Tokens behind those of the memfds */
enum { COUNTER = MEMFDS, ZERO, NEEDED, NEEDS, FILES };

static int fds[FILES];

static off_t piece(int i, off_t at)
{
	off_t left = memfds[i].size - at;

	return left < PIECE ? left : PIECE;
}

static int make_memfd(int i)
{
	int fd = mem_create(memfds[i].name, MFD_ALLOW_SEALING, memfds[i].size);

	for (off_t at = 0; memfds[i].step && at < memfds[i].size; at += memfds[i].step)
		mem_fill(fd, at, piece(i, at), i);
	must(fcntl(fd, F_ADD_SEALS, memfds[i].seals), "seal %s", memfds[i].name);
	must(fcntl(fd, F_SETFL, memfds[i].flags), "flags of %s", memfds[i].name);
	must(lseek(fd, memfds[i].position, SEEK_SET), "position of %s", memfds[i].name);
	return fd;
}

static void check_data(int i, int fd)
{
	off_t step = memfds[i].step, allocated = 0;
	int bad = 0;

	for (off_t at = 0; step && at < memfds[i].size; at += step) {
		off_t hole = at + PIECE, end = at + step;

		bad += !mem_is(fd, at, piece(i, at), i);
		if (end > memfds[i].size)
			end = memfds[i].size;
		if (hole < end)
			bad += !mem_is_zero(fd, hole, end - hole);
		allocated += (piece(i, at) + page_size() - 1) & -page_size();
	}
	check_eq(mem_allocated(fd), allocated, "%s: allocated", memfds[i].name);
	check_eq(bad, 0, "%s: contents", memfds[i].name);
}

static void check_memfd(int i, int fd)
{
	int mask = O_APPEND | O_NONBLOCK | O_ACCMODE;

	check_eq(lseek(fd, 0, SEEK_CUR), memfds[i].position, "%s: position", memfds[i].name);
	check_eq(mem_size(fd), memfds[i].size, "%s: size", memfds[i].name);
	check_eq(fcntl(fd, F_GETFL) & mask, memfds[i].flags | O_RDWR, "%s: flags", memfds[i].name);
	check_eq(fcntl(fd, F_GET_SEALS), memfds[i].seals, "%s: seals", memfds[i].name);
	check_data(i, fd);
}

static void count(int fd, uint64_t n)
{
	must(write(fd, &n, sizeof(n)) == sizeof(n) ? 0 : -errno, "write");
}

static uint64_t counted(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* Both serve eventfds, so only one is attached at a time. */
static struct luo_handler *attach(const char *name)
{
	struct luo_handler *handler = handler_open(name);
	uint64_t quota = BLOB + 4096;

	memcpy(handler_member(handler, "max_bytes"), &quota, sizeof(quota));
	must(luo_handler__attach(handler), "attach %s", name);
	return handler;
}

/* What is preserved keeps its handler. */
static void detach(struct luo_handler *handler)
{
	must(luo_handler__detach(handler), "detach");
	luo_handler__close(handler);
}

static void preserve(struct luo_session *session, int first, int last)
{
	for (int i = first; i <= last; i++)
		must(luo_session__preserve_fd(session, fds[i], i), "preserve %d", i);
}

static void hand_on(struct luo_session *session)
{
	struct luo_handler *handler;

	preserve(session, 0, MEMFDS - 1);
	handler = attach("eventfd");
	preserve(session, COUNTER, COUNTER);
	detach(handler);
	handler = attach("zero");
	((struct zero_control *)handler_variable(handler, "zero"))->bytes = BLOB;
	preserve(session, ZERO, ZERO);
	detach(handler);
	handler = attach("chain");
	preserve(session, NEEDED, NEEDS);
	detach(handler);
	count(fds[COUNTER], 100);
}

static void retrieve(struct luo_session *session, int i)
{
	fds[i] = luo_session__retrieve_fd(session, i);
	check(fds[i] >= 0, "token %d is back", i);
}

static void take_back(struct luo_session *session)
{
	struct luo_handler *handler;
	struct zero_control *zero;

	for (int i = 0; i < MEMFDS; i++) {
		retrieve(session, i);
		check_memfd(i, fds[i]);
	}
	handler = attach("eventfd");
	retrieve(session, COUNTER);
	detach(handler);
	handler = attach("zero");
	zero = handler_variable(handler, "zero");
	retrieve(session, ZERO);
	check_eq(zero->pages_read, (BLOB + 4095) / 4096, "all of its blob was read");
	detach(handler);
	/* Asked for before what it needs. */
	handler = attach("chain");
	retrieve(session, NEEDS);
	retrieve(session, NEEDED);
	detach(handler);
	check_eq(luo_session__finish(session), 0, "finish");
	luo_session__close(session);
}

/* A file of the handler chain says by its count which file it needs. */
static uint64_t chain_count(int token)
{
	return token == NEEDS ? (NEEDED + 1UL) << 32 | 2 : 1;
}

static void say_kernel(void)
{
	struct utsname u;

	uname(&u);
	tap_note("kernel %d: Linux %s", vm_stage(), u.release);
}

static void first(void)
{
	say_kernel();
	for (int i = 0; i < MEMFDS; i++)
		fds[i] = make_memfd(i);
	fds[COUNTER] = must(eventfd(7, EFD_SEMAPHORE | EFD_NONBLOCK), "eventfd");
	fds[ZERO] = must(open("/dev/zero", O_RDWR), "/dev/zero");
	for (int i = NEEDED; i <= NEEDS; i++) {
		fds[i] = must(eventfd(0, 0), "eventfd");
		count(fds[i], chain_count(i));
	}
	hand_on(session_create(device_open(), "there"));
}

static void second(void)
{
	struct luo_device *device = device_open();

	say_kernel();
	take_back(session_retrieve(device, "there"));
	count(fds[COUNTER], 1000);
	hand_on(session_create(device, "back"));
}

static void third(void)
{
	int sum = 0;

	say_kernel();
	take_back(session_retrieve(device_open(), "back"));
	while (counted(fds[COUNTER]) == 1)
		sum++;
	check_eq(sum, 7 + 100 + 1000 + 100, "the eventfd has what each kernel added");
	for (int i = NEEDED; i <= NEEDS; i++)
		check(counted(fds[i]) == chain_count(i), "token %d counts as at first", i);
	/* They are files like any other by now. */
	mem_fill(fds[1], 0, memfds[1].size / 8, 99);
	check(mem_is(fds[1], 0, memfds[1].size / 8, 99), "holes can be filled");
}

int main(void)
{
	static const vm_stage_fn stages[] = { first, second, third };

	vm_run_stages(stages, 3);
}
