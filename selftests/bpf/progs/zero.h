/* SPDX-License-Identifier: GPL-2.0 */
/* What a test and its handler zero.bpf.c have in common, in the object's .bss. */
#ifndef ZERO_H
#define ZERO_H

struct zero_control {
	unsigned long long bytes;	/* of the blob that preserve writes, */
	unsigned long long freeze_bytes;	/* and freeze, if it is not 0 */
	unsigned long long pages_read;
	int error;			/* of the last kfunc that failed */
};

#endif
