/* SPDX-License-Identifier: GPL-2.0 */
/* The ioctls of /dev/liveupdate as functions; errors come back as -errno. */
#ifndef SELFTESTS_LUO_H
#define SELFTESTS_LUO_H

#include <linux/liveupdate.h>
#include <stddef.h>
#include <stdint.h>

#define LUO_NAME_MAX LIVEUPDATE_SESSION_NAME_LENGTH

int luo_open(void);
int luo_create(int luo, const char *name);
int luo_retrieve(int luo, const char *name);
int luo_preserve(int session, int fd, uint64_t token);
int luo_retrieve_fd(int session, uint64_t token);
int luo_finish(int session);
int luo_get_name(int session, char name[LUO_NAME_MAX]);

/* Any ioctl, -errno on failure. */
int luo_ioctl(int fd, unsigned long cmd, void *arg);

/* Value of "KEY:\tVALUE" in the fdinfo of @fd, or -ENOENT. */
int luo_fdinfo(int fd, const char *key, char *value, size_t len);
/* Target of /proc/self/fd/@fd. */
int fd_link(int fd, char *target, size_t len);

#endif
