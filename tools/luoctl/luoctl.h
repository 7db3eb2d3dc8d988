/* SPDX-License-Identifier: GPL-2.0 */
/*
 * luoctl: what a person or a script asks of luod, or of the kernel itself.
 *
 *	main.c		the verbs, their options, help
 *	daemon.c	requests to luod
 *	kernel.c	sessions, files and handlers from the kernel, without luod
 *	needs.c		what a handler's object needs
 *	output.c	tables and JSON
 *
 * and a file for the verbs of a kind: sessions.c, handlers.c, check.c, update.c.
 */
#ifndef LUOCTL_H
#define LUOCTL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "libluo-bpf.h"

/* Exit codes: part of the interface, see luoctl(1). */
enum code {
	CODE_OK,
	CODE_FAILED,
	CODE_USAGE,
	CODE_NO_LUOD,
	CODE_NO_RIGHT,
	CODE_ABORTED,
	CODE_LOSS,
};

struct args {
	const char *words[2];
	int nr_words;
	bool json;
	bool kernel;			/* ask the kernel, though luod runs */
	const char *socket;
	const char *initrd;
	const char *cmdline;
	bool reuse_cmdline;
	bool dry_run;
	bool force;
	long long timeout;		/* ms; negative: not given */
	const char *policy;
	const char *reason;
	const char *name;
	long long lines;		/* negative: not given */
};

/* A verb prints its result, and says on standard error why it has none. */
int verb_status(const struct args *args);
int verb_sessions(const struct args *args);
int verb_files(const struct args *args);
int verb_handlers_list(const struct args *args);
int verb_handlers_load(const struct args *args);
int verb_handlers_unload(const struct args *args);
int verb_handlers_upgrade(const struct args *args);
int verb_handlers_check(const struct args *args);
int verb_load(const struct args *args);
int verb_update(const struct args *args);
int verb_cancel(const struct args *args);
int verb_log(const struct args *args);
int verb_reload(const struct args *args);

/* output.c */
struct column {
	const char *title;
	const char *key;
	bool right;			/* numbers, to the right */
};

__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);
/* Text from elsewhere can't reach the terminal's controls. */
void print_text(const char *text);
void print_json(struct json_object *json);
/* One line for each element of @rows, under the titles. */
void print_table(const struct column *columns, size_t nr, struct json_object *rows);
/* "key  value" for each field that is neither of the protocol's own; arrays by their length. */
void print_fields(struct json_object *json);
/* @allocated, or the end of the program. */
void *need(void *allocated);
/* NULL, without an end or a word for it, if memory runs out: never. */
struct json_object *new_object(void);
struct json_object *new_array(void);
void put_string(struct json_object *json, const char *key, const char *value);
void put_number(struct json_object *json, const char *key, long long value);
void put_bool(struct json_object *json, const char *key, bool value);
void put(struct json_object *json, const char *key, struct json_object *value);
void append(struct json_object *array, struct json_object *value);
const char *get_string(struct json_object *json, const char *key);

/* daemon.c */
struct request {
	struct json_object *json;
	int fds[2];
	size_t nr_fds;
	int (*event)(const struct luo_event *event, void *ctx);
	void *ctx;
	int timeout;			/* as in struct luo_request_opts */
	struct json_object *answer;	/* out, or NULL */
	int error;			/* out: negative, or 0 */
};

struct request request_new(const char *cmd);
/* NULL with the exit code in *code. With @quiet, nothing is said if luod does not run. */
struct luo_client *daemon_connect(const struct args *args, bool quiet, int *code);
/* The exit code; takes the request's JSON, and closes its descriptors. */
int daemon_call(struct luo_client *client, struct request *request);
/* Connect, call, and print the answer as JSON if that is asked for. */
int daemon_request(const struct args *args, struct request *request);
void request_free(struct request *request);
int code_of(int err);
/*
 * Is @answer from luod, or must the kernel be asked? CODE_NO_LUOD is the latter. With @key, what
 * comes in pages is one answer, in which that array has all elements.
 */
int daemon_ask(const struct args *args, const char *cmd, const char *key,
	       struct json_object **answer);

/* kernel.c: arrays, or NULL with the exit code. */
struct json_object *kernel_sessions(int *code);
struct json_object *kernel_files(const char *session, int *code);
struct json_object *kernel_handlers(int *code);

/* needs.c: an array of kind, name, here, weak; NULL if the object can't be read. */
struct json_object *object_needs(struct luo_handler *handler, const char *path);

#endif /* LUOCTL_H */
