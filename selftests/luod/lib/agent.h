/* SPDX-License-Identifier: GPL-2.0 */
/* A luod in a test, and clients of it that say exactly what the test says. */
#ifndef SELFTESTS_AGENT_H
#define SELFTESTS_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define AGENT_LINE 65536

/* Start it with this configuration; bails out unless it serves. */
void agent_start(const char *conf);
/* From another file */
void agent_start_program(const char *program, const char *conf);
/* Only write what luod reads when it starts again. */
void agent_conf(const char *conf);
/* The usual one: handlers of the VM, and its iterators. */
#define AGENT_CONF "{ \"handlers\": [ \"/handlers\" ], \"iterators\": \"/iterators\" }"
#define AGENT_NO_HANDLERS "{ \"handlers\": [], \"iterators\": \"/iterators\" }"

/* The process that serves, not its keeper. */
pid_t agent_pid(void);
/* Its keeper, or 0 for a moment */
pid_t agent_keeper_pid(void);
/* Kill it, and wait until another one serves. */
void agent_kill(void);

/* Connections bail out where there is no luod at all. */
int agent_connect(void);
/* A line; with a descriptor unless @fd is negative. -errno */
int agent_send(int client, int fd, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int agent_send_fds(int client, const int *fds, int count, const char *line);
/*
 * The next line, into a buffer that is good until the next call; NULL at the end of the
 * connection. A descriptor that came with it is in *fd, or else -1.
 */
const char *agent_line(int client, int *fd);
/* Is there nothing to read, now that luod has seen all that was sent to it? */
bool agent_silent(int client);

/* Send a line, and check its answer: one result. */
bool agent_ok(int client, const char *line, const char *what);
bool agent_error(int client, const char *line, const char *error, const char *what);
/* The next line is this event: one result; *fd as agent_line() has it. */
bool agent_event(int client, const char *event, int *fd, const char *what);
/* Without a result: the descriptor in the answer, or bails out. */
int agent_session(int client, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Does the element of LIST for this id have all these texts? Shows it if not. */
bool agent_lists(const char *id, const char *const *texts);
#define agent_listed(id, ...) agent_lists(id, (const char *const[]){ __VA_ARGS__, NULL })
bool agent_lists_nothing(const char *id);
/* Does HANDLERS say this? Shows what it says if not. */
bool agent_lists_handler(int client, const char *text);
/* What it says of the eventfd handler when that is attached */
#define AGENT_EVENTFD(file, version)						\
	"\"name\":\"eventfd\",\"file\":" file ",\"compatible\":\"eventfd-v1\","	\
	"\"version\":" version ",\"error\":null"

/* A client that has subscribed */
int agent_subscribe(const char *id);

/* Wait for START_PRESERVATION: the session. No result, for a kernel may be loaded. */
int agent_preserving(int client);

/* Load the next kernel through luod; no result may be printed after that. */
void agent_load(int client);
/* How an update that was asked for has failed: the last line; not at all if it did not. */
const char *agent_outcome(int client);
/* Ask for one, with these fields. */
const char *agent_update(int client, const char *fields);

#endif
