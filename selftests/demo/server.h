/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An event-driven server that a live update carries over as a whole. Requests, "set NAME VALUE" or
 * "get NAME", come through a pipe; a timerfd ticks each second of the wall clock; an eventfd tells
 * it to stop; an epoll file tells it which of them is ready, and a memfd has its data. No memory of
 * the process is part of it: whoever has the files can go on.
 */
#ifndef SELFTESTS_DEMO_SERVER_H
#define SELFTESTS_DEMO_SERVER_H

#include <sys/types.h>

#include "libluo-bpf.h"

enum server_file { STORE, REQUESTS, CLIENT, TIMER, STOP, EPOLL, SERVER_FILES };

struct server {
	int fd[SERVER_FILES];
	struct store *store;
	pid_t pid;
};

/* A new one, that does not run yet */
void server_make(struct server *server);
void server_preserve(const struct server *server, struct luo_session *session);
void server_retrieve(struct server *server, struct luo_session *session);

/* Runs it in a process of its own, which prints what it does, until server_stop(). */
void server_run(struct server *server);
/* It has done all that is asked for when this returns. */
void server_stop(struct server *server);
void server_ask(const struct server *server, const char *request);
/* As long as it runs: until it has ticked @n times more */
void server_wait_ticks(const struct server *server, unsigned int n);

/* What its timer has ticked, and what that should be by the wall clock */
unsigned long server_ticks(const struct server *server);
unsigned long server_due(const struct server *server);
/* How many requests it has answered; what it has for @name, NULL for nothing */
unsigned int server_answered(const struct server *server);
const char *server_value(const struct server *server, const char *name);

#endif
