/* SPDX-License-Identifier: GPL-2.0 */
/* What a test and its handler links.bpf.c have in common, in the object's .bss. */
#ifndef LINKS_H
#define LINKS_H

struct links_control {
	unsigned long long token;	/* of the file that the epoll file watches */
	int error;			/* why it has none */
};

#endif
