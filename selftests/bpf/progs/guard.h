/* SPDX-License-Identifier: GPL-2.0 */
/* What a test and guard.bpf.c have in common, in the object's .bss. */
#ifndef GUARD_H
#define GUARD_H

/* For threads of process @pid */
struct guard_control {
	int pid;
	int locked_down;	/* no BPF program reads the kernel's memory */
	int no_receive;		/* it may receive no file */
	unsigned int no_ioctl;	/* nor call this ioctl */
	int asked;		/* how often it tried */
};

#endif
