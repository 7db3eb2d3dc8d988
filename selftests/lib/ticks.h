/* SPDX-License-Identifier: GPL-2.0 */
/* Time that runs on through a kexec. */
#ifndef SELFTESTS_TICKS_H
#define SELFTESTS_TICKS_H

#include <stdint.h>

/* The processor's counter, which a kexec does not reset. */
uint64_t ticks(void);
/* What a number of them lasts. */
double seconds(uint64_t ticks);

#endif
