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

/* objects.c */
struct object {
	struct object *next;
	char *name;			/* of the file, without .bpf.o */
	char *path;
};

/* Those in these directories, by name; of two of the same name the last directory's. */
struct object *objects_find(char *const *dirs);
void objects_free(struct object *objects);

/* attach.c: attach and pin what is not there yet, or older; how many could not be */
int attach_all(const struct object *objects);

/*
 * limit.c: returns -1 in a child, which does the work; and to its parent the child's status, or
 * that of a failure after so many seconds. If there can't be a child, there is no limit.
 */
int limit_time(int seconds);

#endif
