/* SPDX-License-Identifier: GPL-2.0 */
/* Inotify files in a test: what they watch, and what they tell. */
#ifndef SELFTESTS_WATCH_H
#define SELFTESTS_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/inotify.h>

/* Bails out if that fails; the watch descriptor. */
int watch_add(int inotify, const char *path, uint32_t mask);
/* The events that @wd watches for, as /proc has them, or -ENOENT. */
long watch_mask(int inotify, int wd);
/* Whether the inode that it watches is the one at @path. */
bool watch_is_at(int inotify, int wd, const char *path);
/* How many watches there are, or -errno. */
int watch_count(int inotify);
/* The next event is this one; @name may be NULL for none. Shows what there is if not. */
bool watch_told(int inotify, int wd, uint32_t mask, const char *name);
/* There is no further event. */
bool watch_silent(int inotify);

/* An empty file, opened and closed again */
void make_file(const char *path);
/* A byte is written to the file there, which opens and closes it. */
void touch_file(const char *path);

#endif
