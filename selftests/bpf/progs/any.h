/* SPDX-License-Identifier: GPL-2.0 */
/* What a test and its handler any.bpf.c have in common, in the object's .bss. */
#ifndef ANY_H
#define ANY_H

struct any_control {
	int takes_null;		/* the test has given it the fops of /dev/null, too */
	int wrong;		/* files of that type, if not */
	int preserved;
};

#endif
