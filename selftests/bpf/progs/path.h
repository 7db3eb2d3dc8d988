/* SPDX-License-Identifier: GPL-2.0 */
/* What a test and its handler path.bpf.c have in common, in the object's .bss. */
#ifndef PATH_H
#define PATH_H

/* In retrieve, before the file is opened: the byte at @at of its path's record is changed. */
struct path_control {
	unsigned int at;
	unsigned char flip;	/* these bits; 0 for nothing */
	int small;		/* it says that the record is of 8 bytes only */
	int error;		/* of bpf_luo_open_same(), 0 if it made a file */
};

#endif
