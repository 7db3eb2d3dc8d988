/* SPDX-License-Identifier: GPL-2.0 */
/* What a test and its handler shared.bpf.c have in common, in the object's .bss. */
#ifndef SHARED_H
#define SHARED_H

/* In the memory that crosses the kexec */
struct shared_state {
	unsigned long long preserved, frozen, retrieved, finished;
};

struct shared_control {
	int no_state;		/* preserve does without */
	int fail;		/* what preserve returns */
	int error;		/* why there was no state, of the last call */
	struct shared_state seen;	/* by the last retrieve or finish */
};

#endif
