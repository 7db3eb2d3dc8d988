// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/* What luod lists, page after page. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

/* -1 where it is not known, or is no number */
static __s64 number(struct json_object *json, const char *key)
{
	struct json_object *field;

	return json_object_object_get_ex(json, key, &field) &&
	       json_object_is_type(field, json_type_int) ? json_object_get_int64(field) : -1;
}

static bool flag(struct json_object *json, const char *key)
{
	struct json_object *field;

	return json_object_object_get_ex(json, key, &field) &&
	       json_object_is_type(field, json_type_boolean) && json_object_get_boolean(field);
}

/* False if it makes no sense. */
static bool take_session(struct json_object *json, struct luo_session_info *info)
{
	if (!json_object_is_type(json, json_type_object) ||
	    !luo_json_string(json, "id", &info->id) || !info->id ||
	    !luo_json_string(json, "state", &info->state))
		return false;
	info->files = number(json, "files");
	info->bytes = number(json, "bytes");
	info->kept = flag(json, "kept");
	info->subscribed = flag(json, "subscribed");
	info->ready = flag(json, "ready");
	return true;
}

static int show_page(struct luo_client *client, struct json_object *answer,
		     int (*fn)(const struct luo_session_info *info, void *ctx), void *ctx)
{
	struct luo_session_info info;
	struct json_object *rows;
	int err = 0;

	if (!json_object_object_get_ex(answer, "sessions", &rows) ||
	    !json_object_is_type(rows, json_type_array))
		return luo_client_break(client, -EPROTO, "a list without sessions");
	for (size_t i = 0; !err && i < json_object_array_length(rows); i++) {
		if (!take_session(json_object_array_get_idx(rows, i), &info))
			return luo_client_break(client, -EPROTO, "a list that makes no sense");
		err = fn(&info, ctx);
	}
	return err;
}

/* The name that the next page comes after, to be freed. It must lead on, or this has no end. */
static int next_page(struct luo_client *client, struct json_object *answer, char **after)
{
	const char *next;

	if (!luo_json_string(answer, "next", &next) || (next && strcmp(next, *after ?: "") <= 0))
		return luo_client_break(client, -EPROTO, "a list that has no end");
	free(*after);
	*after = next ? strdup(next) : NULL;
	return next && !*after ? -ENOMEM : 0;
}

static struct json_object *request_page(const char *after)
{
	struct json_object *json = json_object_new_object();

	if (json && !json_object_object_add(json, "cmd", json_object_new_string("LIST")) &&
	    (!after || !json_object_object_add(json, "after", json_object_new_string(after))))
		return json;
	json_object_put(json);
	return NULL;
}

int luo_client__list(struct luo_client *client,
		     int (*fn)(const struct luo_session_info *info, void *ctx), void *ctx)
{
	char *after = NULL;
	int err;

	do {
		struct luo_call call = {};

		err = luo_client_call(client, request_page(after), &call);
		if (!err)
			err = show_page(client, call.answer.json, fn, ctx);
		if (!err)
			err = next_page(client, call.answer.json, &after);
		luo_message_free(&call.answer);
	} while (!err && after);
	free(after);
	return err;
}
