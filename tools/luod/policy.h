/* SPDX-License-Identifier: GPL-2.0 */
/* luod.conf, and who may do what. */
#ifndef LUOD_POLICY_H
#define LUOD_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "message.h"

struct rule {
	bool by_group;
	id_t id;			/* of the user or group */
	unsigned int rights;
	char **names;			/* ends with NULL; with a '*' last it is a beginning */
};

struct policy {
	struct rule *rules;
	size_t count;
};

struct conf {
	int timeout;			/* of an update, in milliseconds */
	bool go;			/* without who is not ready in time */
	char **handlers;		/* directories, the last wins */
	char *iterators;
	struct policy policy;
};

/* Who is at the other end of a connection */
struct peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t group_count;
};

/* What luod.conf says; -errno, with what is wrong, and in which line, in @message. */
int conf_parse(struct conf *conf, const char *text, size_t len, char *message, size_t size);
/* The same from a file; without one, what holds if nothing is said. */
int conf_read(struct conf *conf, const char *path, char *message, size_t size);
/* All but who may do what, for a time at which nobody can say what users there are. */
int conf_read_no_rules(struct conf *conf, const char *path, char *message, size_t size);
/* What holds if nothing is said */
int conf_default(struct conf *conf);
/* Where handlers are then; it need not be there. */
bool conf_is_usual_dir(const char *dir);
void conf_free(struct conf *conf);

/* conf_line.c: where something is: a key; an element of the array that it has; a key of that */
struct place {
	const char *key;
	int element;			/* negative: none of them */
	const char *inner;
};

/* The line of that, counted from 1; of the innermost that is there, or 0. */
size_t conf_line_of(const char *text, size_t len, const struct place *place);
/* The line that byte @len is in */
size_t conf_line_at(const char *text, size_t len);

bool policy_allows(const struct policy *policy, const struct peer *peer, enum right right);
bool policy_allows_name(const struct policy *policy, const struct peer *peer, const char *name);
/* Is there any name that it allows? */
bool policy_allows_some_name(const struct policy *policy, const struct peer *peer);
/* luod's own sessions */
bool name_is_reserved(const char *name);

#endif
