/* SPDX-License-Identifier: GPL-2.0 */
/* What a test and its handler probe.bpf.c have in common, in the object's .bss. */
#ifndef PROBE_H
#define PROBE_H

enum probe_call {
	PROBE_CAN_PRESERVE,
	PROBE_PRESERVE,
	PROBE_UNPRESERVE,
	PROBE_FREEZE,
	PROBE_UNFREEZE,
	PROBE_RETRIEVE,
	PROBE_CAN_FINISH,
	PROBE_FINISH,
	PROBE_GET_ID,
	PROBE_CALLS,
};

/* Ways for retrieve to go wrong */
enum probe_retrieve {
	PROBE_RIGHT,
	PROBE_NO_FILE,		/* 0 without a file */
	PROBE_WRONG_FILE,	/* of another type */
	PROBE_TWO_FILES,
	PROBE_FILE_AND_ERROR,	/* a file, and an error all the same */
};

struct probe_control {
	int fail[PROBE_CALLS];		/* what it returns; can_*: != 0 for no */
	int calls[PROBE_CALLS];
	int retrieve;			/* enum probe_retrieve */
	int state_size;			/* preserve asks for that many bytes: 0, 8, 4096, 3072 */

	/* The last call's context */
	unsigned long long token;
	char session[64];
	unsigned int version;
	int status;
	unsigned int f_flags;
};

#endif
