/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel of the base does otherwise than ours. */
#ifndef SELFTESTS_STOCK_H
#define SELFTESTS_STOCK_H

#include "tap.h"

/* Takes --stock out of the arguments: the program runs on the base's kernel. */
void stock_args(int argc, char **argv);
/* One case: @ours is right, unless the table of differences names the case. */
#define expect(got, ours, name) stock_expect(got, ours, TAP_HERE, name)
bool stock_expect(long got, long ours, const char *where, const char *name);

#endif
