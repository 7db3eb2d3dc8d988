// SPDX-License-Identifier: GPL-2.0
/* Every memory allocation fails once, of the calls in which a BPF handler has a part. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "handler.h"
#include "kho.h"
#include "progs/zero.h"
#include "sweep.h"
#include "tap.h"
#include "vm.h"

#define BLOB (5 << 20)
#define ZERO 1000	/* tokens of the files with a blob */

static struct luo_session *session;
static struct bpf_map *map;
static int fds[SWEEP_MAX], zeros[SWEEP_MAX];
static long kho;

/* By hand: the library has allocations of its own, which may fail as well. */
static int attach_call(int n)
{
	(void)n;
	return bpf_link_create(bpf_map__fd(map), 0, BPF_STRUCT_OPS, NULL);
}

static bool close_it(int n, int fd)
{
	(void)n;
	return !close(fd);
}

static void sweep_attach(void)
{
	static const struct sweep attach = { "attach", attach_call, NULL, close_it };
	struct luo_handler *handler = handler_open("eventfd");

	/* Its map has its value once it was attached. */
	must(luo_handler__attach(handler), "attach");
	must(luo_handler__detach(handler), "detach");
	map = handler_map(handler);
	sweep_call(&attach);
	luo_handler__close(handler);
}

static int preserve_call(int n)
{
	kho = kho_preserved();
	return luo_session__preserve_fd(session, fds[n], n);
}

static int preserve_blob_call(int n)
{
	kho = kho_preserved();
	return luo_session__preserve_fd(session, zeros[n], ZERO + n);
}

static bool nothing_preserved(int n)
{
	(void)n;
	return kho_preserved() == kho;
}

/* Sessions to be finished with nothing retrieved: with handlers there, and without */
#define ENDS 40

static const char *const ways[] = { "bound", "unbound" };
static struct luo_session *ends[2][ENDS];

static const char *end_name(int way, int n)
{
	static char name[32];

	snprintf(name, sizeof(name), "%s %d", ways[way], n);
	return name;
}

static void preserve_ends(struct luo_device *device)
{
	for (int i = 0; i < 2 * ENDS; i++) {
		struct luo_session *end = session_create(device, end_name(i % 2, i / 2));
		int fd = must(eventfd(i, 0), "eventfd");
		int zero = must(open("/dev/zero", O_RDWR), "/dev/zero");

		must(luo_session__preserve_fd(end, fd, 1), "preserve an eventfd");
		must(luo_session__preserve_fd(end, zero, 2), "preserve a blob");
		close(fd);
		close(zero);
	}
}

static void retrieve_ends(struct luo_device *device)
{
	for (int i = 0; i < 2 * ENDS; i++)
		ends[i % 2][i / 2] = session_retrieve(device, end_name(i % 2, i / 2));
}

/* What a handler's file lacks memory for keeps FINISH waiting. */
static int finish_call(int way, int n)
{
	int err = n < ENDS ? luo_session__finish(ends[way][n]) : -ERANGE;

	return err == -EBUSY ? -ENOMEM : err;
}

static int finish_bound_call(int n)
{
	return finish_call(0, n);
}

static int finish_unbound_call(int n)
{
	return finish_call(1, n);
}

static struct zero_control *attach_zero(void)
{
	struct luo_handler *handler = handler_open("zero");

	memcpy(handler_member(handler, "max_bytes"), &(uint64_t){ 2 * BLOB }, 8);
	must(luo_handler__attach(handler), "attach zero");
	return handler_variable(handler, "zero");
}

static void before(void)
{
	static const struct sweep preserve = {
		"preserve", preserve_call, nothing_preserved, NULL,
	};
	static const struct sweep preserve_blob = {
		"preserve a blob", preserve_blob_call, nothing_preserved, NULL,
	};

	struct luo_device *device = device_open();
	struct zero_control *zero;

	sweep_start();
	session = session_create(device, "nth");
	sweep_attach();
	handler_attach("eventfd");
	zero = attach_zero();
	zero->bytes = 1 << 16;
	preserve_ends(device);
	zero->bytes = BLOB;
	for (int n = 0; n < SWEEP_MAX; n++) {
		fds[n] = must(eventfd(n, EFD_NONBLOCK), "eventfd");
		zeros[n] = must(open("/dev/zero", O_RDWR), "/dev/zero");
	}
	sweep_call(&preserve);
	sweep_call(&preserve_blob);
	for (int n = 1; n < SWEEP_MAX; n++)
		luo_session__preserve_fd(session, fds[n], n);
	/* A few are enough, for memory's sake. */
	for (int n = 1; n < 60; n++)
		luo_session__preserve_fd(session, zeros[n], ZERO + n);
}

static int retrieve_call(int n)
{
	return luo_session__retrieve_fd(session, n);
}

static bool retrieved(int n, int fd)
{
	uint64_t count;
	bool good = read(fd, &count, sizeof(count)) == sizeof(count) && count == (uint64_t)n;

	close(fd);
	return good;
}

static int retrieve_blob_call(int n)
{
	return luo_session__retrieve_fd(session, ZERO + n);
}

static void after(void)
{
	static const struct sweep retrieve = { "retrieve", retrieve_call, NULL, retrieved };
	static const struct sweep retrieve_blob = {
		"retrieve a blob", retrieve_blob_call, NULL, close_it,
	};

	static const struct sweep finish_unbound = {
		"finish without handlers", finish_unbound_call, NULL, NULL,
	};
	static const struct sweep finish_bound = { "finish", finish_bound_call, NULL, NULL };
	struct luo_device *device = device_open();

	sweep_start();
	session = session_retrieve(device, "nth");
	retrieve_ends(device);
	vm_log_mark();
	sweep_call(&finish_unbound);
	handler_attach("eventfd");
	attach_zero();
	sweep_call(&retrieve);
	sweep_call(&retrieve_blob);
	sweep_call(&finish_bound);
	check_eq(vm_log_count("stays reserved"), 0, "no memory was given up");
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
