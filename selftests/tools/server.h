/* SPDX-License-Identifier: GPL-2.0 */
/* In the place of luod: a thread that plays a script on a socket. */
#ifndef SELFTESTS_SERVER_H
#define SELFTESTS_SERVER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * One step: wait for a line that has @want in it, then send @send, in which $S stands for the
 * number of the last request. In both, ' stands for ". The first step without anything ends
 * the script.
 */
struct server_step {
	const char *want;
	const char *send;
	int fds;			/* memfds that go with the first byte */
	const char *name;		/* of those; it passes for a session's */
	int takes;			/* descriptors that must have come with the request */
	size_t fill;			/* send that many letters 'a' first */
	bool stray;			/* the descriptors go with the last byte */
	bool bytewise;			/* one byte at a time */
	bool hang_up;			/* close the connection */
};

struct server;

/* @text with " for each ', to be freed */
char *server_quoted(const char *text);
/* HELLO is answered before the script, unless its first step wants it. */
struct server *server_start(const struct server_step *steps);
const char *server_path(const struct server *server);
/* Waits until the script is over; was it played as it is written? Says what was not. */
bool server_end(struct server *server);

#endif
