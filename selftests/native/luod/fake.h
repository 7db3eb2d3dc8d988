/* SPDX-License-Identifier: GPL-2.0 */
/* luod without a kernel that has live update: what it serves with, in a child. */
#ifndef NATIVE_LUOD_FAKE_H
#define NATIVE_LUOD_FAKE_H

#include <stdbool.h>
#include <sys/types.h>

/* What becomes of a kexec: refused, at first; or systemd is asked for it. */
enum fake_kexec { FAKE_REFUSED, FAKE_COMING, FAKE_GIVEN_UP };

extern struct fake {
	enum fake_kexec kexec;
	bool twice;			/* each is incoming, too, and one more is not UTF-8 */
	bool full;			/* nothing more is kept */
	bool blind;			/* sessions can't be listed */
} *fake;

/* Under this id a client was ready before luod died, with fake_start_remembering(). */
#define FAKE_REMEMBERED "before"

/* A luod that listens at @path; it leaks nothing. */
pid_t fake_start(const char *path);
pid_t fake_start_remembering(const char *path);
/* Ask it to end: its exit status, which is that of the sanitizers if they found something. */
int fake_stop(pid_t pid);

#endif
