// SPDX-License-Identifier: GPL-2.0
/*
 * update FILES MIB: a whole live update, from reboot(2) to the next kernel's init, with as
 * many memfds of one page and one of that size; of our kernels the tracepoints say where
 * the time goes. bench/guests has the words that keep the old kernel's trace.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "ticks.h"
#include "trace.h"
#include "vm.h"

#define KEPT "instances/bench"
#define EVENTS "/sys/kernel/tracing/" KEPT "/events/luo"

#define NOTES 0	/* tokens */
#define LARGE 1
#define SMALL 2

/* When reboot(2) is called, in a page that goes through the kexec. */
static volatile uint64_t *asked_ticks;
static long nr_files;
static bool traced;

static void mark(const char *instance)
{
	char text[40];

	snprintf(text, sizeof(text), "ticks=%ju", (uintmax_t)ticks());
	trace_mark(instance, text);
}

static void map_notes(int fd)
{
	asked_ticks = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (asked_ticks == MAP_FAILED)
		tap_bail("mmap");
}

static void preserve(int session, int fd, long token)
{
	must(luo_preserve(session, fd, token), "preserve");
	close(fd);
}

static void update_before(char **args)
{
	int session = must(luo_create(bench_luo, "update"), "create");
	int notes = mem_filled("notes", 0, page_size(), 0);

	nr_files = atol(args[0]);
	map_notes(notes);
	preserve(session, notes, NOTES);
	preserve(session, mem_filled("large", 0, MIB(atol(args[1])), 1), LARGE);
	for (long i = 0; i < nr_files; i++)
		preserve(session, mem_filled("small", 0, page_size(), i), SMALL + i);
	traced = !access(EVENTS, F_OK);
}

static void update_at_kexec(void)
{
	if (traced) {
		trace_start(KEPT);
		mark(KEPT);
	}
	*asked_ticks = ticks();
}

/* Event times of one kernel as ticks, by the mark it has. */
struct clock {
	struct trace_event *events;
	size_t nr;
	double offset;	/* seconds from the event clock's zero to ticks' zero */
};

static void clock_read(struct clock *clock, const char *instance)
{
	clock->nr = trace_read(instance, &clock->events);
	for (size_t i = 0; i < clock->nr; i++) {
		const struct trace_event *event = &clock->events[i];
		char value[32];

		trace_field(event, "ticks", value, sizeof(value));
		if (strcmp(event->name, "tracing_mark_write") || !value[0])
			continue;
		clock->offset = seconds(strtoull(value, NULL, 10)) - event->at;
		return;
	}
	tap_bail("no mark in %s/trace", instance);
}

/* When the first such event was, in seconds of ticks(). */
static double clock_find(const struct clock *clock, const char *name)
{
	for (size_t i = 0; i < clock->nr; i++)
		if (!strcmp(clock->events[i].name, name))
			return clock->events[i].at + clock->offset;
	tap_bail("no event %s", name);
}

static void split(double asked, double init)
{
	struct clock old, new;
	double frozen, start, root;

	mark("");
	clock_read(&old, KEPT);
	clock_read(&new, "");
	frozen = clock_find(&old, "luo_reboot_end");
	start = new.offset;
	root = clock_find(&new, "luo_root_read");
	bench_figure("update_freeze", nr_files, 1e9 * (frozen - asked));
	bench_figure("update_jump", nr_files, 1e9 * (start - frozen));
	bench_figure("update_early", nr_files, 1e9 * (root - start));
	bench_figure("update_late", nr_files, 1e9 * (init - root));
	free(old.events);
	free(new.events);
}

static void update_after(char **args)
{
	double init = seconds(strtoull(getenv("LUO_INIT_TICKS") ?: "0", NULL, 10));
	int session = must(luo_retrieve(bench_luo, "update"), "retrieve");
	double asked;

	nr_files = atol(args[0]);
	map_notes(must(luo_retrieve_fd(session, NOTES), "retrieve"));
	asked = seconds(*asked_ticks);
	must(luo_finish(session), "finish");
	check(init > asked && asked > 0, "without user space for %.3f s", init - asked);
	bench_figure("update_total", nr_files, 1e9 * (init - asked));
	if (!access(EVENTS, F_OK))
		split(asked, init);
}

const struct workload update_workload = {
	.name = "update", .usage = "FILES MIB", .nr_args = 2,
	.before = update_before, .at_kexec = update_at_kexec, .after = update_after,
};
