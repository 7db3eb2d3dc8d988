/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: making files that have no descriptor yet, and reading
 * what they are to be like.
 *
 * Each function is in the source file of its type. The declarations are here,
 * for headers like <linux/eventfd.h> are part of nearly every file of the kernel.
 */
#ifndef _LINUX_LUO_FILES_H
#define _LINUX_LUO_FILES_H

#include <linux/signal_types.h>
#include <linux/types.h>

struct file;
struct inode;

/* fs/eventfd.c */
struct file *eventfd_getfile(u64 count, int flags);

/* fs/signalfd.c */
struct file *signalfd_getfile(const sigset_t *blocked, int flags);

/**
 * struct luo_timerfd - what a timerfd is at
 * @expires:   when, in ns, by the clock that the timer runs by
 * @remaining: from now until then, negative if that is over
 * @interval:  of a periodic one, in ns, else 0
 * @ticks:     expirations that nobody has read, without that at @expires
 * @clockid:   as for timerfd_create(2)
 * @flags:     as for timerfd_settime(2)
 * @armed:     1 if it expires at @expires, or was to
 * @wall:      1 if @expires is a time of day
 * @cancelled: 1 if the clock was set, and nobody has read that
 * @reserved:  0
 */
struct luo_timerfd {
	s64 expires;
	s64 remaining;
	s64 interval;
	u64 ticks;
	s32 clockid;
	u32 flags;
	u8 armed;
	u8 wall;
	u8 cancelled;
	u8 reserved[5];
};

/* fs/timerfd.c */
struct file *timerfd_getfile(int clockid, int flags);
int timerfd_save(struct file *file, struct luo_timerfd *state);
void timerfd_restore(struct file *file, const struct luo_timerfd *state);

/**
 * struct luo_epoll_item - what an epoll file watches
 * @file:   address of a struct file; only to be compared
 * @data:   as for epoll_ctl(2)
 * @fd:     the number that it had when it was added
 * @events: as for epoll_ctl(2); of a one-shot that has fired, without what it waited
 *          for
 */
struct luo_epoll_item {
	u64 file;
	u64 data;
	s32 fd;
	u32 events;
};

/* fs/eventpoll.c */
struct file *eventpoll_getfile(int flags);
int eventpoll_next(struct file *file, struct luo_epoll_item *item);
int eventpoll_watch(struct file *file, struct file *target,
		    const struct luo_epoll_item *item);

/* fs/notify/inotify/inotify_user.c */
struct file *inotify_getfile(int flags, int next_wd);
int inotify_next(struct file *file, int *wd, u32 *mask, struct inode **inode);
int inotify_watch(struct file *file, struct inode *inode, u32 mask, int wd);
int inotify_queue(struct file *file, int wd, u32 mask);

#endif /* _LINUX_LUO_FILES_H */
