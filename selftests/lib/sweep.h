/* SPDX-License-Identifier: GPL-2.0 */
/* Every memory allocation of a call fails once. */
#ifndef SELFTESTS_SWEEP_H
#define SELFTESTS_SWEEP_H

#include <stdbool.h>

#define SWEEP_MAX 250	/* more than any call has allocations */

/* Once in a program, before the rest: bails out without fault injection. */
void sweep_start(void);
/* Let the @n th allocation of this thread from now on fail. */
void sweep_arm(int n);
/* Whether it has failed since then. */
bool sweep_disarm(void);

struct sweep {
	const char *what;
	/* The @n th object of its kind: a failed call is made again. */
	int (*call)(int n);
	/* Whether a failed call left nothing behind; optional. */
	bool (*untouched)(int n);
	/* Whether it has what it should after it succeeded; optional. */
	bool (*good)(int n, int ret);
};

/* Two results: all of its allocations were swept, and every failure was clean. */
void sweep_call(const struct sweep *sweep);

#endif
