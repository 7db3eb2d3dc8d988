// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/* What luod says unasked: from JSON to a structure, and kept until somebody wants it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

bool luo_json_string(struct json_object *json, const char *key, const char **value)
{
	struct json_object *field;

	*value = NULL;
	if (!json_object_object_get_ex(json, key, &field) || !field)
		return true;
	if (!json_object_is_type(field, json_type_string))
		return false;
	*value = json_object_get_string(field);
	return strlen(*value) == (size_t)json_object_get_string_len(field);
}

int luo_errno_of(const char *name)
{
	for (int err = 1; err < 4096; err++) {
		const char *known = strerrorname_np(err);

		if (known && !strcmp(known, name))
			return -err;
	}
	return -EREMOTEIO;
}

static enum luo_event_type type_of(const char *name)
{
	static const struct {
		const char *name;
		enum luo_event_type type;
	} types[] = {
		{ "START_PRESERVATION", LUO_EVENT_START_PRESERVATION },
		{ "CANCELLED", LUO_EVENT_CANCELLED },
		{ "KEXEC", LUO_EVENT_KEXEC },
		{ "PROGRESS", LUO_EVENT_PROGRESS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (!strcmp(types[i].name, name))
			return types[i].type;
	}
	return 0;
}

static bool take_fields(struct luo_event *event, struct json_object *json)
{
	struct json_object *timeout;
	const char *error;

	if (!luo_json_string(json, "id", &event->id) ||
	    !luo_json_string(json, "step", &event->step) ||
	    !luo_json_string(json, "message", &event->message) ||
	    !luo_json_string(json, "error", &error))
		return false;
	event->error = error ? luo_errno_of(error) : 0;
	if (json_object_object_get_ex(json, "timeout", &timeout) && timeout) {
		if (!json_object_is_type(timeout, json_type_int) ||
		    json_object_get_int64(timeout) < 0)
			return false;
		event->timeout = json_object_get_int64(timeout);
	}
	event->json = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN);
	return event->json;
}

/* What came must be a session, and that of the name. */
static bool take_session(struct luo_event *event, struct luo_message *message)
{
	char name[64];

	if (event->type != LUO_EVENT_START_PRESERVATION)
		return !message->nr_fds;
	if (message->nr_fds != 1)
		return false;
	event->session = luo_session__from_fd(message->fds[0]);
	if (!event->session)
		return false;
	message->nr_fds = 0;
	return !luo_session__get_name(event->session, name, sizeof(name)) &&
	       (!event->id || !strcmp(event->id, name));
}

struct luo_queued *luo_event_new(struct luo_client *client, struct luo_message *message, int *err)
{
	struct luo_queued *queued;
	const char *name;

	*err = 0;
	if (!luo_json_string(message->json, "event", &name) || !name) {
		*err = luo_client_break(client, -EPROTO, "an event without a name");
		return NULL;
	}
	if (!type_of(name))
		return NULL;
	queued = calloc(1, sizeof(*queued));
	if (!queued) {
		*err = luo_client_break(client, -ENOMEM, "no memory for an event");
		return NULL;
	}
	queued->json = json_object_get(message->json);
	queued->event.type = type_of(name);
	if (!take_fields(&queued->event, queued->json))
		*err = luo_client_break(client, -EPROTO, "an event with a field of the wrong type");
	else if (!take_session(&queued->event, message))
		*err = luo_client_break(client, -EPROTO, "an event with the wrong descriptors");
	if (!*err)
		return queued;
	luo_event_free(queued);
	return NULL;
}

int luo_event_queue(struct luo_client *client, struct luo_queued *queued)
{
	if (client->queued == LUO_EVENTS_MAX) {
		luo_event_free(queued);
		return luo_client_break(client, -ENOBUFS, "too many events that nobody waits for");
	}
	queued->next = NULL;
	*client->last = queued;
	client->last = &queued->next;
	client->queued++;
	return 0;
}

void luo_event_free(struct luo_queued *queued)
{
	if (!queued)
		return;
	luo_session__close(queued->event.session);
	json_object_put(queued->json);
	free(queued);
}

/* The next event from the connection; answers that come too late are not wanted any more. */
static int receive_event(struct luo_client *client, long long deadline)
{
	struct luo_queued *queued = NULL;
	struct luo_message message;
	int err;

	err = luo_client_receive(client, &message, deadline);
	if (err)
		return err;
	if (json_object_object_get_ex(message.json, "event", NULL))
		queued = luo_event_new(client, &message, &err);
	luo_message_free(&message);
	return queued ? luo_event_queue(client, queued) : err;
}

static void show(struct luo_client *client, struct luo_event *event)
{
	struct luo_queued *queued = client->first;
	size_t sz = event->sz;

	client->first = queued->next;
	if (!client->first)
		client->last = &client->first;
	client->queued--;
	client->shown = queued;

	memset(event, 0, sz);
	memcpy(event, &queued->event, sz < sizeof(*event) ? sz : sizeof(*event));
	event->sz = sz;
	queued->event.session = NULL;
}

int luo_client__wait(struct luo_client *client, struct luo_event *event, int timeout)
{
	long long deadline = luo_deadline(timeout);
	int err = 0;

	if (event->sz < offsetofend(struct luo_event, json))
		return -EINVAL;
	luo_event_free(client->shown);
	client->shown = NULL;
	while (!err && !client->first)
		err = receive_event(client, deadline);
	if (err)
		return err == -ETIME ? -EAGAIN : err;
	show(client, event);
	return 0;
}
