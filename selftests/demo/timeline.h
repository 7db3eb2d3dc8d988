/* SPDX-License-Identifier: GPL-2.0 */
/* Where the time of a live update goes, from the tracepoints of both kernels. */
#ifndef SELFTESTS_DEMO_TIMELINE_H
#define SELFTESTS_DEMO_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

/* Times of ticks() */
struct timeline {
	uint64_t asked;			/* for the update */
	uint64_t stopped, back;		/* user space was gone from the one to the other */
};

/* In the old kernel, before the update is asked for */
void timeline_start(struct timeline *times);
/* In the new one. With @old, what the old kernel traced as well. */
void timeline_print(const struct timeline *times, bool old);

#endif
