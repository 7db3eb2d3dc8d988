/* SPDX-License-Identifier: GPL-2.0 */
/* What a test and its handler greedy.bpf.c have in common, in the object's .bss. */
#ifndef GREEDY_H
#define GREEDY_H

/* Errnos of what retrieve tried, 0 if it succeeded */
struct greedy_control {
	unsigned long long other;	/* token of a tap in the same session */
	int device;		/* open /dev/liveupdate */
	int ioctl_other;	/* an ioctl on a file that it did not open */
	int ioctl_again;	/* and on one of its own that it gave away */
	int ninth;		/* open a ninth file */
	int after_put;		/* open one when another was put */
};

#endif
