/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel's tracepoints of the group "luo" say. An instance of the ring
 * buffer is a directory of tracefs: "" the first one, "instances/NAME" another,
 * which the next kernel finds again if it was made with reserve_mem=.
 */
#ifndef SELFTESTS_TRACE_H
#define SELFTESTS_TRACE_H

#include <stdbool.h>
#include <stddef.h>

struct trace_event {
	double at;		/* seconds, of the instance's clock */
	char name[48];
	char text[320];
};

/* Turn all events on in @instance; bails out if it isn't there. */
void trace_start(const char *instance);
/* Leave a line of text, as an event called tracing_mark_write. */
void trace_mark(const char *instance, const char *text);
/* All events, oldest first; their number. To be freed. */
size_t trace_read(const char *instance, struct trace_event **events);
/* The value of KEY=VALUE, "" if there is none. */
void trace_field(const struct trace_event *event, const char *key, char *value, size_t len);
long trace_number(const struct trace_event *event, const char *key);

#endif
