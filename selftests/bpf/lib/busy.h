/* SPDX-License-Identifier: GPL-2.0 */
/* Others who are at something, and do not end. */
#ifndef SELFTESTS_BPF_BUSY_H
#define SELFTESTS_BPF_BUSY_H

#include <sys/types.h>

/* Waits until @child sleeps, which it does in one place only. */
void wait_for_sleep(pid_t child);
/* A child that has the mutex of the pipe that can be written to by @fd, until it is killed. */
pid_t hold_pipe(int fd);
/* Likewise of the epoll file, which must have something to tell; and the lock of the file. */
pid_t hold_epoll(int epoll);
pid_t hold_file(int fd);
/* Ends one of these. */
void let_go(pid_t child);

#endif
