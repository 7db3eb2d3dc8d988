/* SPDX-License-Identifier: GPL-2.0 */
/* What a test and its handler tap.bpf.c have in common, in the object's .bss. */
#ifndef TAP_BPF_H
#define TAP_BPF_H

struct tap_control {
	int undeclared;		/* preserve: errno of an ioctl that is not in .ioctls */
	unsigned int open_flags;	/* for retrieve, if not 0 */
	int frozen;		/* retrieve: what TUNGETDEVNETNS returned in freeze */
};

#endif
