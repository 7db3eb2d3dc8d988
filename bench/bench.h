/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of bench share: a workload is set up in one kernel, goes through the
 * kexec, and is taken back in the next one; on the way it prints, as TAP comments,
 *
 *	bench FIGURE SIZE VALUE		what bench/run collects
 *	curve FIGURE SIZE AT VALUE	one more of them, when there are AT of SIZE
 *	kexec WHAT COUNT		that many of them go through the kexec
 *
 * In a VM whose clock counts instructions (ICOUNT=1) a nanosecond is an instruction.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* Of whatever there may be many of */
#define BENCH_MAX 100000

/* The open /dev/liveupdate, and what opening it has cost. */
extern int bench_luo;
extern uint64_t bench_open_time;
/* Room for a descriptor of each */
extern int bench_fds[BENCH_MAX];

uint64_t bench_now(void);
void bench_figure(const char *name, long size, double value);
void bench_kexec_with(const char *what, long count);

/*
 * Call @call with 0 to @count - 1, each measured alone; the mean over all of them is the
 * figure @name, of the size @size. With 1,000 or more, print a curve of 100 points too.
 */
void bench_calls(const char *name, long size, long count, int (*call)(long i));
void bench_close_fds(long count);

/*
 * The words after the workload's name are @args, as many as it has asked for. @at_kexec is
 * called when the next kernel is loaded already.
 */
struct workload {
	const char *name, *usage;
	int nr_args;
	void (*before)(char **args);
	void (*at_kexec)(void);
	void (*after)(char **args);
};

extern const struct workload eventfds_workload, files_workload, files_left_workload,
	memfd_workload, sessions_workload, update_workload;

#endif
