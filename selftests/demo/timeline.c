// SPDX-License-Identifier: GPL-2.0
/*
 * The old kernel traces into a ring buffer that crosses the kexec, the new one
 * from its boot on (demo.vm has the words for the command line). Each has a
 * clock of its own, so each gets a mark that says what ticks() was at that time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "ticks.h"
#include "timeline.h"
#include "trace.h"

#define KEPT "instances/demo"
#define MAX_ROWS 64

struct row {
	double at, took;	/* ms */
	int kernel;
	long files, bytes;
	char what[24], whose[64];
};

static struct row rows[MAX_ROWS];
static int nr_rows, kernel;

static uint64_t mark(const char *instance)
{
	uint64_t now = ticks();
	char text[40];

	snprintf(text, sizeof(text), "ticks=%ju", (uintmax_t)now);
	trace_mark(instance, text);
	return now;
}

void timeline_start(struct timeline *times)
{
	trace_start(KEPT);
	times->asked = mark(KEPT);
}

/* What one kernel says of the same is one row. */
static struct row *row(double at, const char *what, const char *whose)
{
	struct row *r;

	for (r = rows; r < rows + nr_rows; r++)
		if (r->kernel == kernel && !strcmp(r->what, what) &&
		    !strcmp(r->whose, whose))
			return r;
	if (nr_rows == MAX_ROWS)
		tap_bail("more than %d rows", MAX_ROWS);
	nr_rows++;
	*r = (struct row) { .at = at, .kernel = kernel };
	snprintf(r->what, sizeof(r->what), "%s", what);
	snprintf(r->whose, sizeof(r->whose), "%s", whose);
	return r;
}

static const struct trace_event *find_mark(const struct trace_event *events, size_t n)
{
	while (n--)
		if (!strcmp(events[n].name, "tracing_mark_write"))
			return &events[n];
	tap_bail("no mark in the trace");
}

static uint64_t mark_ticks(const struct trace_event *mark)
{
	char value[32];

	trace_field(mark, "ticks", value, sizeof(value));
	return strtoull(value, NULL, 10);
}

static void add_file(const struct trace_event *event, double at, bool ends)
{
	char callback[24], handler[64];
	struct row *r;

	trace_field(event, "callback", callback, sizeof(callback));
	trace_field(event, "handler", handler, sizeof(handler));
	if (!strcmp(callback, "can_finish"))
		return;
	r = row(at, callback, handler);
	r->took += ends ? at : -at;
	if (!ends)
		return;
	r->files++;
	r->bytes += trace_number(event, "bytes");
}

static void add_session(const struct trace_event *event, double at, bool ends)
{
	char step[24], name[64], whose[80];
	struct row *r;

	trace_field(event, "step", step, sizeof(step));
	trace_field(event, "session", name, sizeof(name));
	/* Of a freeze and a finish, the files are what takes time. */
	if (strcmp(step, "write") && strcmp(step, "retrieve"))
		return;
	snprintf(whose, sizeof(whose), "session %s", name);
	r = row(at, step, whose);
	r->took += ends ? at : -at;
	r->files = trace_number(event, "files");
}

static void add_event(const struct trace_event *event, double at)
{
	bool ends = !!strstr(event->name, "_end");
	char text[64];

	if (!strncmp(event->name, "luo_file_", 9)) {
		add_file(event, at, ends);
	} else if (!strncmp(event->name, "luo_session_", 12)) {
		add_session(event, at, ends);
	} else if (!strncmp(event->name, "luo_sessions_read", 17)) {
		row(at, "read", "list of sessions")->took += ends ? at : -at;
	} else if (!strcmp(event->name, "luo_root_read")) {
		snprintf(text, sizeof(text), "root record: live update %ld",
			 trace_number(event, "update"));
		row(at, "read", text);
	} else if (!strcmp(event->name, "luo_reboot_start")) {
		row(at, "kexec", "luod calls reboot(2)");
	} else if (!strcmp(event->name, "luo_reboot_end")) {
		row(at, "kexec", "can't be refused any more");
	}
}

static void add_kernel(const struct trace_event *events, size_t n,
		       const struct trace_event *mark, double mark_at)
{
	kernel++;
	for (size_t i = 0; i < n; i++)
		add_event(&events[i], mark_at + 1000 * (events[i].at - mark->at));
}

static int earlier(const void *a, const void *b)
{
	double x = ((const struct row *)a)->at, y = ((const struct row *)b)->at;

	return x < y ? -1 : x > y;
}

static void print_row(const struct row *r)
{
	char took[16] = "", files[48] = "";

	if (r->took)
		snprintf(took, sizeof(took), "%.2f", r->took);
	if (r->files)
		snprintf(files, sizeof(files), ", %ld file%s", r->files, r->files > 1 ? "s" : "");
	if (r->bytes)
		snprintf(files + strlen(files), sizeof(files) - strlen(files), ", %ld KiB",
			 r->bytes / 1024);
	tap_note("    %8.1f %6s  %-8s %s%s", r->at, took, r->what, r->whose, files);
}

/* Events have other numbers in a kernel of another version, which can't read them. */
static void add_old_kernel(void)
{
	struct trace_event *events;
	size_t n = trace_read(KEPT, &events);

	add_kernel(events, n, find_mark(events, n), 0);
	free(events);
}

static void add_new_kernel(uint64_t zero)
{
	const struct trace_event *now;
	struct trace_event *events;
	double now_at;
	size_t n;

	mark("");
	n = trace_read("", &events);
	now = find_mark(events, n);
	now_at = 1000 * seconds(mark_ticks(now) - zero);
	row(now_at - 1000 * now->at, "kernel", "the next one has a clock");
	add_kernel(events, n, now, now_at);
	free(events);
}

void timeline_print(const struct timeline *times, bool old)
{
	row(0, "update", "asked for, with luoctl");
	if (old)
		add_old_kernel();
	row(1000 * seconds(times->stopped - times->asked), "user", "the last moment");
	add_new_kernel(times->asked);
	row(1000 * seconds(times->back - times->asked), "user", "the first moment: init");

	qsort(rows, nr_rows, sizeof(rows[0]), earlier);
	tap_note("Where the time went, in ms of an emulated machine:");
	tap_note("    %8s %6s", "at", "took");
	for (int i = 0; i < nr_rows; i++)
		print_row(&rows[i]);
}
