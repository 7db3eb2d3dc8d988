/* SPDX-License-Identifier: GPL-2.0 */
/* A compressed swap device in memory, and shmem pages that go there. */
#ifndef SELFTESTS_SWAP_H
#define SELFTESTS_SWAP_H

#include <sys/types.h>

void swap_start(off_t size);
void swap_out(int fd, off_t off, off_t len);
/* Bytes in [off, off + len) that are in swap, not in memory. */
off_t swap_used(int fd, off_t off, off_t len);

#endif
