// SPDX-License-Identifier: GPL-2.0
/*
 * What live update costs:
 *
 *	bench WORKLOAD [ARG...]		one of those below; bench/guests has what is measured
 *	bench smoke			all of them, too small to measure anything
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "luo.h"
#include "tap.h"
#include "vm.h"

#define TRACING "/sys/kernel/tracing/"
#define POINTS 100

int bench_luo = -1;
uint64_t bench_open_time;
int bench_fds[BENCH_MAX];

uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

void bench_figure(const char *name, long size, double value)
{
	tap_note("bench %s %ld %.1f", name, size, value);
}

void bench_kexec_with(const char *what, long count)
{
	tap_note("kexec %s %ld", what, count);
}

void bench_calls(const char *name, long size, long count, int (*call)(long i))
{
	const long step = count >= 1000 ? count / POINTS : 0;
	uint64_t sum = 0, before = 0;
	long failed = 0;

	for (long i = 0; i < count; i++) {
		uint64_t start = bench_now();

		failed += call(i) < 0;
		sum += bench_now() - start;
		if (!step || (i + 1) % step)
			continue;
		tap_note("curve %s %ld %ld %.1f", name, size, i + 1, (double)(sum - before) / step);
		before = sum;
	}
	bench_figure(name, size, (double)sum / count);
	check_eq(failed, 0, "%s: failed calls of %ld", name, count);
}

void bench_close_fds(long count)
{
	for (long i = 0; i < count; i++)
		close(bench_fds[i]);
}

/*
 * With tp_printk on the command line, the log will tell when the kernel went into
 * liveupdate_reboot() and when it came out.
 */
static void trace_freeze(void)
{
	must(write_file(TRACING "kprobe_events",
			"p:luo_freeze liveupdate_reboot\nr:luo_frozen liveupdate_reboot\n"),
	     "kprobe_events");
	must(write_file(TRACING "events/kprobes/enable", "1"), "enable kprobes");
}

static void empty_before(char **args)
{
	(void)args;
}

static void empty_after(char **args)
{
	(void)args;
	check(true, "nothing came back");
}

/* Nothing: what a kexec costs without. */
static const struct workload empty_workload = {
	.name = "empty", .before = empty_before, .after = empty_after,
};

static const struct workload *const workloads[] = {
	&empty_workload, &sessions_workload, &files_workload, &files_left_workload,
	&memfd_workload, &eventfds_workload, &update_workload,
};

static char *smoke[][3] = {
	{ "empty" },
	{ "sessions", "20" },
	{ "files", "1", "30" },
	{ "files", "3", "10" },
	{ "files-left", "1", "25" },
	{ "memfd", "in_order", "1" },
	{ "memfd", "shifted", "1" },
	{ "memfd", "scattered", "1" },
	{ "memfd", "64k", "1" },
	{ "memfd", "2m", "2" },
	{ "memfd", "sparse", "4" },
	{ "eventfds", "C", "20" },
	{ "eventfds", "BPF", "20" },
};

static const struct workload *workload(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++)
		if (!strcmp(name, workloads[i]->name))
			return workloads[i];
	return NULL;
}

/* The stage's part of a workload, which is given as on the command line. */
static void run(char **words)
{
	const struct workload *of = workload(words[0]);

	if (!of)
		tap_bail("no workload is named %s", words[0]);
	if (vm_stage())
		of->after(words + 1);
	else
		of->before(words + 1);
}

static int usage(void)
{
	fprintf(stderr, "usage: bench smoke\n");
	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++)
		fprintf(stderr, "       bench %s %s\n", workloads[i]->name, workloads[i]->usage ?: "");
	return 2;
}

int main(int argc, char **argv)
{
	const struct workload *of = argc > 1 ? workload(argv[1]) : NULL;
	bool all = argc == 2 && !strcmp(argv[1], "smoke");
	struct rlimit limit = { 1 << 20, 1 << 20 };

	if (!all && (!of || argc - 2 != of->nr_args))
		return usage();
	setrlimit(RLIMIT_NOFILE, &limit);
	/* A table of descriptors that has to grow is no cost of ours. */
	dup2(0, 2 * BENCH_MAX + 100);
	/* Nor is what is read from the disk meanwhile. */
	must(mlockall(MCL_CURRENT), "mlockall");

	tap_start(!vm_stage(), vm_arg_num("luo_results", 0));
	bench_open_time = bench_now();
	bench_luo = must(luo_open(), "/dev/liveupdate");
	bench_open_time = bench_now() - bench_open_time;
	for (size_t i = 0; all && i < ARRAY_SIZE(smoke); i++)
		run(smoke[i]);
	if (!all)
		run(argv + 1);
	if (vm_stage())
		tap_finish();
	must(vm_kexec_load(), "load");
	trace_freeze();
	if (of && of->at_kexec)
		of->at_kexec();
	tap_bail_at(vm_kexec(), "main", "kexec");
}
