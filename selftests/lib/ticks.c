// SPDX-License-Identifier: GPL-2.0
#include <time.h>

#include "ticks.h"

uint64_t ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t t;

	asm volatile("isb; mrs %0, cntvct_el0" : "=r"(t));
	return t;
#else
#error "name a counter that a kexec does not reset"
#endif
}

double seconds(uint64_t t)
{
	static double hz;
	struct timespec a, b, nap = { .tv_nsec = 200000000 };
	uint64_t start = ticks();

	if (!hz) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		nanosleep(&nap, NULL);
		clock_gettime(CLOCK_MONOTONIC, &b);
		hz = (ticks() - start) / (b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9);
	}
	return (int64_t)t / hz;
}
