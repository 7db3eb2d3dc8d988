/* SPDX-License-Identifier: GPL-2.0 */
/* Where the time of a live update goes, from the tracepoints of both kernels. */
#ifndef SELFTESTS_DEMO_TIMELINE_H
#define SELFTESTS_DEMO_TIMELINE_H

#include <stdint.h>

/* A counter that runs on through a kexec. */
uint64_t ticks(void);
double seconds(uint64_t ticks);

/* In the old kernel: from here on; and now it is asked for the kexec. */
void timeline_start(void);
void timeline_reboot(void);
/* In the new one. User space was gone from @stopped to @back. */
void timeline_print(uint64_t stopped, uint64_t back);

#endif
