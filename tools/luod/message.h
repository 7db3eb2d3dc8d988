/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The messages of the protocol, Documentation/userspace-api/luod.rst: requests are
 * parsed and checked against one table, answers and events are built. No I/O here.
 */
#ifndef LUOD_MESSAGE_H
#define LUOD_MESSAGE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_VERSION	1
#define MESSAGE_MAX		65536	/* with its newline */
#define MESSAGE_FDS		16
#define NAME_MAX_BYTES		63
#define FIELDS_MAX		4

enum field_type {
	FIELD_STRING,
	FIELD_NAME,
	FIELD_AFTER,			/* a name that somebody else may have made */
	FIELD_FILE_NAME,
	FIELD_INT,
	FIELD_BOOL,
	FIELD_POLICY,
};

/* Of a command; a name is a right of its own */
enum right {
	RIGHT_UPDATE = 1,
	RIGHT_HANDLERS = 2,
	RIGHT_STATUS = 4,
	RIGHT_NAME = 8,
	RIGHT_ROOT = 16,		/* which no rule gives */
};

enum command {
	CMD_HELLO,
	CMD_SUBSCRIBE,
	CMD_UNSUBSCRIBE,
	CMD_READY,
	CMD_FAILED,
	CMD_CREATE,
	CMD_KEEP,
	CMD_RELEASE,
	CMD_CLAIM,
	CMD_LIST,
	CMD_STATUS,
	CMD_LOAD,
	CMD_UPDATE,
	CMD_CANCEL,
	CMD_HANDLERS,
	CMD_HANDLER_LOAD,
	CMD_HANDLER_UPGRADE,
	CMD_HANDLER_UNLOAD,
	CMD_LOG,
	CMD_RELOAD,
	CMD_COUNT,
};

struct field {
	const char *name;
	enum field_type type;
	bool optional;
	int64_t min;			/* of an integer */
	int64_t max;
};

struct command_type {
	const char *name;
	enum right right;		/* 0: none */
	int min_fds;
	int max_fds;
	bool silent;			/* no answer if it succeeds and has no seq */
	struct field fields[FIELDS_MAX];
};

extern const struct command_type command_types[CMD_COUNT];

struct request {
	struct json_object *object;	/* NULL: not a message at all, the connection ends */
	const struct command_type *type;	/* NULL if it is unknown */
	enum command command;
	int error;			/* errno, or 0 */
	char message[160];
};

/*
 * Parse the @len bytes of @line, without its newline, that came with @fds descriptors.
 * What is wrong is in request->error; request_done() in any case.
 */
void request_parse(struct request *request, const char *line, size_t len, int fds);
void request_done(struct request *request);

/* Fields of a request without error; @otherwise if it does not have it. */
const char *request_string(const struct request *request, const char *field);
int64_t request_int(const struct request *request, const char *field, int64_t otherwise);
bool request_bool(const struct request *request, const char *field);

bool name_is_valid(const char *name, size_t len);
/* Like EINVAL; for one that has no name, its number */
const char *errno_name(int err);

/* The answer to @request, which may have no object; to be added to, and put. */
struct json_object *answer_new(const struct request *request, int err, const char *message);
struct json_object *event_new(const char *event);
/* Bytes of @text that are no UTF-8 become question marks. */
void text_mend(char *text);
bool text_is_utf8(const char *text);
/* Mended, or null */
void message_add_string(struct json_object *object, const char *key, const char *value);
void message_add_int(struct json_object *object, const char *key, int64_t value);
void message_add_bool(struct json_object *object, const char *key, bool value);
/* The line to send, with its newline; to be freed. NULL if there is no memory. */
char *message_line(struct json_object *object, size_t *len);

/*
 * Check @object against @fields. False if one is wrong: @message says which, and *@at is its
 * name there, or NULL if it is missing. @known are keys that are allowed besides.
 */
bool fields_check(struct json_object *object, const struct field *fields, size_t count,
		  const char *const *known, char *message, size_t size, const char **at);
/*
 * JSON in UTF-8 that is one object, strict or with comments; NULL if it is anything else,
 * and then *@end is where it stops to be that, unless @end is NULL.
 */
struct json_object *object_parse(const char *text, size_t len, bool strict, size_t *end);

#endif
