/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel of the base does otherwise than ours. */
#ifndef SELFTESTS_STOCK_H
#define SELFTESTS_STOCK_H

#include "tap.h"

/* Takes --stock out of the arguments: the program runs on the base's kernel. */
void stock_args(int argc, char **argv);
/* The errno of case @name: @ours, unless the table of differences has another. */
long want(const char *name, long ours);

/* One case: its name is what the table of differences refers to. */
#define expect(got, ours, name) check_eq(got, want(name, ours), "%s", name)

#endif
