// SPDX-License-Identifier: GPL-2.0
/*
 * eventfds C|BPF COUNT: eventfds, by a handler in C (selftests/modules/luo_eventfd.c) or
 * the one in BPF (bpf/handlers/eventfd.bpf.c), which do the same
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench.h"
#include "handler.h"
#include "luo.h"
#include "tap.h"
#include "vm.h"

/* Before those that count, so that no hash table grows meanwhile. */
#define WARM_UP 1000

static const char *side;
static int session;

static void set_side(const char *name)
{
	side = name;
	if (!strcmp(side, "BPF"))
		handler_attach("eventfd");
	else
		must(vm_insmod("luo_eventfd", ""), "load luo_eventfd");
	/* What the kernel still has to do for it is no file's cost. */
	sleep(1);
}

static const char *figure_name(const char *call)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s_%s", call, side);
	return name;
}

static int preserve(long i)
{
	return luo_preserve(session, bench_fds[i], i);
}

static int retrieve(long i)
{
	bench_fds[i] = luo_retrieve_fd(session, i);
	return bench_fds[i];
}

static void make(long count)
{
	for (long i = 0; i < count; i++)
		bench_fds[i] = must(eventfd(i + 1, EFD_NONBLOCK), "eventfd");
}

static void warm_up(void)
{
	session = must(luo_create(bench_luo, "warm-up"), "create");
	make(WARM_UP);
	for (long i = 0; i < WARM_UP; i++)
		must(preserve(i), "preserve");
	bench_close_fds(WARM_UP);
	close(session);
}

static void eventfds_before(char **args)
{
	const long count = atol(args[1]);

	set_side(args[0]);
	warm_up();
	session = must(luo_create(bench_luo, side), "create");
	make(count);
	bench_calls(figure_name("preserve"), count, count, preserve);
	bench_close_fds(count);
	bench_kexec_with(side, count);
}

static void eventfds_after(char **args)
{
	const long count = atol(args[1]);
	uint64_t start, value;
	long wrong = 0;

	set_side(args[0]);
	session = must(luo_retrieve(bench_luo, side), "retrieve");
	bench_calls(figure_name("retrieve"), count, count, retrieve);
	start = bench_now();
	must(luo_finish(session), "finish");
	bench_figure(figure_name("finish"), count, (double)(bench_now() - start) / count);
	for (long i = 0; i < count; i++)
		wrong += read(bench_fds[i], &value, sizeof(value)) < 0 || value != (uint64_t)i + 1;
	check_eq(wrong, 0, "%s: eventfds with another count", side);
	bench_close_fds(count);
	close(session);
}

const struct workload eventfds_workload = {
	.name = "eventfds", .usage = "C|BPF COUNT", .nr_args = 2,
	.before = eventfds_before, .after = eventfds_after,
};
