// SPDX-License-Identifier: GPL-2.0
/* Messages: text to a request that was checked, an answer to text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#define DEPTH_MAX	8
/* Beyond that, JSON in other languages rounds. */
#define INT_LIMIT	(INT64_C(1) << 53)
#define TIMEOUT_MAX	(24 * 60 * 60 * 1000)
#define LIMIT_MAX	INT32_MAX

const struct command_type command_types[CMD_COUNT] = {
	[CMD_HELLO] = { "HELLO", .fields = {
		{ "version", FIELD_INT, .min = 1, .max = INT32_MAX } } },
	[CMD_SUBSCRIBE] = { "SUBSCRIBE", RIGHT_NAME, .silent = true, .fields = {
		{ "id", FIELD_NAME } } },
	[CMD_UNSUBSCRIBE] = { "UNSUBSCRIBE" },
	[CMD_READY] = { "READY", .silent = true },
	[CMD_FAILED] = { "FAILED", .fields = { { "message", FIELD_STRING, .optional = true } } },
	[CMD_CREATE] = { "CREATE", RIGHT_NAME, .fields = {
		{ "id", FIELD_NAME }, { "keep", FIELD_BOOL, .optional = true } } },
	[CMD_KEEP] = { "KEEP", RIGHT_NAME, 1, 1, .fields = { { "id", FIELD_NAME } } },
	[CMD_RELEASE] = { "RELEASE", RIGHT_NAME, .fields = {
		{ "id", FIELD_NAME }, { "finish", FIELD_BOOL, .optional = true } } },
	[CMD_CLAIM] = { "CLAIM", RIGHT_NAME, .fields = { { "id", FIELD_NAME } } },
	[CMD_LIST] = { "LIST", .fields = {
		{ "after", FIELD_AFTER, .optional = true },
		{ "limit", FIELD_INT, .optional = true, .min = 1, .max = LIMIT_MAX } } },
	[CMD_STATUS] = { "STATUS", RIGHT_STATUS },
	[CMD_LOAD] = { "LOAD", RIGHT_UPDATE, 1, 2, .fields = {
		{ "cmdline", FIELD_STRING, .optional = true },
		{ "reuse_cmdline", FIELD_BOOL, .optional = true } } },
	[CMD_UPDATE] = { "UPDATE", RIGHT_UPDATE, .fields = {
		{ "timeout", FIELD_INT, .optional = true, .min = 0, .max = TIMEOUT_MAX },
		{ "policy", FIELD_POLICY, .optional = true },
		{ "force", FIELD_BOOL, .optional = true },
		{ "dry_run", FIELD_BOOL, .optional = true } } },
	[CMD_CANCEL] = { "CANCEL", RIGHT_UPDATE, .fields = {
		{ "reason", FIELD_STRING, .optional = true } } },
	[CMD_HANDLERS] = { "HANDLERS", RIGHT_HANDLERS, .fields = {
		{ "after", FIELD_AFTER, .optional = true },
		{ "limit", FIELD_INT, .optional = true, .min = 1, .max = LIMIT_MAX } } },
	[CMD_HANDLER_LOAD] = { "HANDLER_LOAD", RIGHT_HANDLERS, 1, 1, .fields = {
		{ "name", FIELD_FILE_NAME } } },
	[CMD_HANDLER_UPGRADE] = { "HANDLER_UPGRADE", RIGHT_HANDLERS, 1, 1, .fields = {
		{ "name", FIELD_FILE_NAME } } },
	[CMD_HANDLER_UNLOAD] = { "HANDLER_UNLOAD", RIGHT_HANDLERS, .fields = {
		{ "name", FIELD_FILE_NAME } } },
	[CMD_LOG] = { "LOG", RIGHT_STATUS, .fields = {
		{ "lines", FIELD_INT, .optional = true, .min = 1, .max = 10000 } } },
	[CMD_RELOAD] = { "RELOAD", RIGHT_ROOT },
};

static bool is_control(unsigned char c)
{
	return c < ' ' || c == 127;
}

bool name_is_valid(const char *name, size_t len)
{
	if (!len || len > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (is_control(name[i]) || name[i] == '/')
			return false;
	}
	return true;
}

const char *errno_name(int err)
{
	static char number[16];
	const char *name = strerrorname_np(err);

	if (name)
		return name;
	snprintf(number, sizeof(number), "%d", err);
	return number;
}

struct json_object *object_parse(const char *text, size_t len, bool strict, size_t *end)
{
	const char *nul = memchr(text, '\0', len);
	struct json_tokener *tokener;
	struct json_object *object;

	/* The tokener would take a NUL for the end. */
	if (end)
		*end = nul ? (size_t)(nul - text) : 0;
	if (nul)
		return NULL;
	tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8 |
			       (strict ? JSON_TOKENER_STRICT : 0));
	object = json_tokener_parse_ex(tokener, text, len);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    json_tokener_get_parse_end(tokener) != len ||
	    !json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		object = NULL;
	}
	if (end)
		*end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	return object;
}

/* What a value is not, or NULL if it is right. */
static const char *value_wrong(const struct field *field, struct json_object *value)
{
	const char *text = json_object_get_string(value);
	size_t len;

	if (field->type == FIELD_BOOL)
		return json_object_is_type(value, json_type_boolean) ? NULL : "true or false";
	if (field->type == FIELD_INT) {
		int64_t n = json_object_get_int64(value);

		return json_object_is_type(value, json_type_int) && n >= field->min &&
		       n <= field->max ? NULL : "an integer in range";
	}
	if (!json_object_is_type(value, json_type_string))
		return "a string";
	len = json_object_get_string_len(value);
	if (strlen(text) != len)
		return "a string without NUL";
	if (field->type == FIELD_NAME && !name_is_valid(text, len))
		return "a name: 1 to 63 bytes without '/' and control characters";
	if (field->type == FIELD_AFTER && (!len || len > NAME_MAX_BYTES))
		return "a name: 1 to 63 bytes";
	if (field->type == FIELD_FILE_NAME && (!name_is_valid(text, len) || text[0] == '.'))
		return "the name of a handler: 1 to 63 bytes without '/', no '.' first";
	if (field->type == FIELD_POLICY && strcmp(text, "abort") && strcmp(text, "go"))
		return "abort or go";
	return NULL;
}

static const struct field *find_field(const struct field *fields, size_t count, const char *name)
{
	for (size_t i = 0; i < count && fields[i].name; i++) {
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	}
	return NULL;
}

static bool is_known(const char *const *known, const char *name)
{
	for (; known && *known; known++) {
		if (!strcmp(*known, name))
			return true;
	}
	return false;
}

bool fields_check(struct json_object *object, const struct field *fields, size_t count,
		  const char *const *known, char *message, size_t size, const char **at)
{
	const struct field *field;
	const char *wrong;

	*at = NULL;
	json_object_object_foreach(object, name, value) {
		field = find_field(fields, count, name);
		if (!field && is_known(known, name))
			continue;
		*at = name;
		if (!field) {
			snprintf(message, size, "field '%.64s' is not known here", name);
			return false;
		}
		wrong = value_wrong(field, value);
		if (wrong) {
			snprintf(message, size, "field '%s' must be %s", field->name, wrong);
			return false;
		}
	}
	*at = NULL;
	for (size_t i = 0; i < count && fields[i].name; i++) {
		if (!fields[i].optional &&
		    !json_object_object_get_ex(object, fields[i].name, NULL)) {
			snprintf(message, size, "field '%s' is missing", fields[i].name);
			return false;
		}
	}
	return true;
}

static int find_command(const char *name)
{
	for (int i = 0; i < CMD_COUNT; i++) {
		if (!strcmp(command_types[i].name, name))
			return i;
	}
	return -1;
}

static void request_fail(struct request *request, int err, const char *text)
{
	request->error = err;
	if (text)
		snprintf(request->message, sizeof(request->message), "%s", text);
}

/* seq goes back as it came, so it has to be one that is not rounded. */
static bool seq_is_valid(struct json_object *object)
{
	static const struct field seq = {
		"seq", FIELD_INT, .min = -INT_LIMIT, .max = INT_LIMIT
	};
	struct json_object *value;

	return !json_object_object_get_ex(object, "seq", &value) || !value_wrong(&seq, value);
}

static void check_command(struct request *request, int fds)
{
	static const char *const known[] = { "cmd", "seq", NULL };
	struct json_object *cmd;
	const char *at;
	int command;

	if (!seq_is_valid(request->object)) {
		json_object_object_del(request->object, "seq");
		request_fail(request, EINVAL, "field 'seq' must be an integer of 53 bits");
		return;
	}
	if (!json_object_object_get_ex(request->object, "cmd", &cmd) ||
	    !json_object_is_type(cmd, json_type_string)) {
		request_fail(request, EINVAL, "field 'cmd' must be a string");
		return;
	}
	command = find_command(json_object_get_string(cmd));
	if (command < 0) {
		request_fail(request, EOPNOTSUPP, "this command is not known: send HELLO to see which version luod speaks");
		return;
	}
	request->command = command;
	request->type = &command_types[command];
	if (!fields_check(request->object, request->type->fields, FIELDS_MAX, known,
			  request->message, sizeof(request->message), &at))
		request->error = EINVAL;
	else if (fds < request->type->min_fds || fds > request->type->max_fds)
		request_fail(request, EBADF, request->type->max_fds ?
			     "send the descriptor with the first byte of the message" :
			     "this command takes no descriptors");
}

void request_parse(struct request *request, const char *line, size_t len, int fds)
{
	memset(request, 0, sizeof(*request));
	if (len >= MESSAGE_MAX) {
		request_fail(request, EMSGSIZE, "a message has 65536 bytes at most");
		return;
	}
	while (len && strchr(" \t\r", line[len - 1]) && line[len - 1])
		len--;
	request->object = object_parse(line, len, true, NULL);
	if (request->object)
		check_command(request, fds);
	else
		request_fail(request, EPROTO, "a message is one JSON object in UTF-8 and a newline");
}

void request_done(struct request *request)
{
	json_object_put(request->object);
	request->object = NULL;
}

const char *request_string(const struct request *request, const char *field)
{
	struct json_object *value;

	return json_object_object_get_ex(request->object, field, &value) ?
	       json_object_get_string(value) : NULL;
}

int64_t request_int(const struct request *request, const char *field, int64_t otherwise)
{
	struct json_object *value;

	return json_object_object_get_ex(request->object, field, &value) ?
	       json_object_get_int64(value) : otherwise;
}

bool request_bool(const struct request *request, const char *field)
{
	struct json_object *value;

	return json_object_object_get_ex(request->object, field, &value) &&
	       json_object_get_boolean(value);
}

/* How many bytes make one character of UTF-8; 0 if these do not. */
static size_t character_length(const unsigned char *c)
{
	size_t len = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 :
		     c[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < len; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Longer than need be, half of a pair, beyond the last one */
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
	    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return len;
}

bool text_is_utf8(const char *text)
{
	while (*text) {
		size_t len = character_length((const unsigned char *)text);

		if (!len)
			return false;
		text += len;
	}
	return true;
}

void text_mend(char *text)
{
	while (*text) {
		size_t len = character_length((const unsigned char *)text);

		if (!len)
			*text = '?';
		text += len ?: 1;
	}
}

void message_add_string(struct json_object *object, const char *key, const char *value)
{
	struct json_object *string = NULL;
	char *copy = value ? strdup(value) : NULL;

	/* A text may have been cut anywhere, or hold a name that somebody else made. */
	if (copy) {
		text_mend(copy);
		string = json_object_new_string(copy);
	}
	json_object_object_add(object, key, string);
	free(copy);
}

void message_add_int(struct json_object *object, const char *key, int64_t value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

void message_add_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

struct json_object *answer_new(const struct request *request, int err, const char *message)
{
	struct json_object *answer = json_object_new_object(), *value;

	if (!answer)
		return NULL;
	if (json_object_object_get_ex(request->object, "cmd", &value))
		json_object_object_add(answer, "cmd", json_object_get(value));
	if (json_object_object_get_ex(request->object, "seq", &value))
		json_object_object_add(answer, "seq", json_object_get(value));
	message_add_string(answer, "status", err ? "error" : "ok");
	if (err) {
		message_add_string(answer, "error", errno_name(err));
		message_add_string(answer, "message",
				   message && *message ? message : strerror(err));
	}
	return answer;
}

struct json_object *event_new(const char *event)
{
	struct json_object *object = json_object_new_object();

	if (object)
		message_add_string(object, "event", event);
	return object;
}

char *message_line(struct json_object *object, size_t *len)
{
	const char *text = object ?
		json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE) : NULL;
	char *line = NULL;

	if (!text || asprintf(&line, "%s\n", text) < 0)
		return NULL;
	*len = strlen(line);
	return line;
}
