/* SPDX-License-Identifier: GPL-2.0 */
/* The memfds that the demo preserves, and what can be seen of them. */
#ifndef SELFTESTS_DEMO_FILES_H
#define SELFTESTS_DEMO_FILES_H

#include <stdint.h>

#define DEMO_FILES 3

/* What can be seen of a file from outside. */
struct look {
	uint64_t size, allocated, position;
	uint32_t seals;
	char sha256[65];
};

/* A new memfd of its kind, from 0 to DEMO_FILES - 1, filled. */
int file_make(int which);
void file_show_head(void);
/* Look at it and show that as a line. */
void file_show(int which, int fd, struct look *look);
/* Five results: is all as it was? */
void file_compare(int which, const struct look *was, const struct look *is);

#endif
