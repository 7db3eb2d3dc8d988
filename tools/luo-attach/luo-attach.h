/* SPDX-License-Identifier: GPL-2.0 */
/* What luo-attach's parts share. */
#ifndef LUO_ATTACH_H
#define LUO_ATTACH_H

#include <libluo-bpf.h>
#include <stdbool.h>

/* say.c: levels are those of syslog(3) */
void say_open(bool kmsg, int level);
/* One line, to whoever watches: standard error, or the kernel's log and so the console. */
void say(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What libluo-bpf said to explain an error, since library_said_forget(). */
const char *library_said(void);
void library_said_forget(void);

struct attach_count {
	bool in_initrd;
	unsigned int seconds;		/* that each may take */
	int files;
	int attached;
	int failed;			/* and what is wrong besides */
};

/* main.c: false with a line, for one of luo_handler__find() that can't be */
bool file_can_be_used(const struct luo_handler_file *file, struct attach_count *count);

/*
 * attach.c: attach and pin this one, unless it is attached already; for luo_handler__find() and
 * a struct attach_count
 */
int attach_file(const struct luo_handler_file *file, void *ctx);

/*
 * limit.c: returns -1 in a child, which does the work; and to its parent the child's status, or
 * that of a failure after so many seconds. If there can't be a child, there is no limit.
 */
int limit_time(int seconds);

#endif
