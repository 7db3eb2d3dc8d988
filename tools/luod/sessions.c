// SPDX-License-Identifier: GPL-2.0
/* The sessions that luod holds, each stored as well; and the list of all. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

static struct session *sessions;

struct session *session_find(enum session_kind kind, const char *name)
{
	for (struct session *s = sessions; s; s = s->next) {
		if (s->kind == kind && !strcmp(s->name, name))
			return s;
	}
	return NULL;
}

static void store_name(enum session_kind kind, const char *name, char out[STORE_NAME_MAX])
{
	snprintf(out, STORE_NAME_MAX, "%s%s", kind == SESSION_READY ? STORE_READY : "", name);
}

static struct session *session_add(enum session_kind kind, const char *name, int fd)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->kind = kind;
	session->fd = fd;
	snprintf(session->name, sizeof(session->name), "%s", name);
	session->next = sessions;
	sessions = session;
	return session;
}

int session_hold(enum session_kind kind, const char *name, int fd)
{
	char stored[STORE_NAME_MAX];
	struct session *session;
	int err;

	if (session_find(kind, name))
		return -EEXIST;
	session = session_add(kind, name, fd);
	if (!session)
		return -ENOMEM;
	store_name(kind, name, stored);
	err = store_add(stored, fd);
	if (err) {
		session->fd = -1;
		session_drop(session);
	}
	return err;
}

void session_drop(struct session *session)
{
	char stored[STORE_NAME_MAX];

	for (struct session **p = &sessions; *p; p = &(*p)->next) {
		if (*p == session) {
			*p = session->next;
			break;
		}
	}
	store_name(session->kind, session->name, stored);
	store_remove(stored);
	if (session->fd >= 0)
		close(session->fd);
	free(session);
}

void session_drop_all(enum session_kind kind)
{
	struct session *next;

	for (struct session *s = sessions; s; s = next) {
		next = s->next;
		if (s->kind == kind)
			session_drop(s);
	}
}

void session_for_each(enum session_kind kind, void (*fn)(struct session *session))
{
	for (struct session *s = sessions; s; s = s->next) {
		if (s->kind == kind)
			fn(s);
	}
}

/*
 * An incoming one comes from systemd, which has taken it out of the kernel: it goes
 * back there, to be claimed. Another luod's has the kind that its name in the store says.
 */
void session_restore(const char *stored, int fd)
{
	bool ready = !strncmp(stored, STORE_READY, strlen(STORE_READY));
	enum session_kind kind = ready ? SESSION_READY : SESSION_KEPT;
	struct kernel_session session;

	if (device_describe(fd, &session) || strcmp(session.state, "outgoing") ||
	    !session_add(kind, session.name, fd)) {
		log_text(LOG_INFO, "%s: given back to the kernel (%s)", stored,
			 *session.state ? session.state : "no session");
		store_remove(stored);
		close(fd);
	} else {
		log_text(LOG_INFO, "session '%s': still here, %s", session.name,
			 ready ? "its client was ready" : "kept");
	}
}

/* Lists */

struct list {
	struct json_object *array;
	const struct peer *peer;
};

static bool is_subscribed(struct client *client, const void *name)
{
	return client->subscription && !strcmp(client->subscription, name);
}

static void add_number(struct json_object *object, const char *key, int64_t n)
{
	json_object_object_add(object, key, n < 0 ? NULL : json_object_new_int64(n));
}

static void list_session(const struct kernel_session *session, void *ctx)
{
	struct list *list = ctx;
	bool outgoing = !strcmp(session->state, "outgoing") || !strcmp(session->state, "frozen");
	struct json_object *object;

	if (!policy_allows_name(&luod.conf.policy, list->peer, session->name) ||
	    !strcmp(session->state, "finished"))
		return;
	object = json_object_new_object();
	message_add_string(object, "id", session->name);
	message_add_string(object, "state", *session->state ? session->state : NULL);
	add_number(object, "files", session->files);
	add_number(object, "bytes", session->bytes);
	message_add_bool(object, "kept", outgoing && session_find(SESSION_KEPT, session->name));
	message_add_bool(object, "subscribed", server_find(is_subscribed, session->name));
	message_add_bool(object, "ready", outgoing && session_find(SESSION_READY, session->name));
	json_object_array_add(list->array, object);
}

/* Where the kernel does not list its sessions: those that are open here. */
static void list_held(struct list *list)
{
	struct kernel_session session;

	for (struct session *s = sessions; s; s = s->next) {
		if (!device_describe(s->fd, &session))
			list_session(&session, list);
	}
}

static bool is_listed(struct json_object *array, const char *id)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *value, *object = json_object_array_get_idx(array, i);

		if (json_object_object_get_ex(object, "id", &value) &&
		    !strcmp(json_object_get_string(value), id))
			return true;
	}
	return false;
}

static struct list *listed;

/* Who has subscribed and has no session yet. */
static void list_subscriber(struct client *client)
{
	struct kernel_session session = { .files = -1, .bytes = -1 };

	if (!client->subscription || is_listed(listed->array, client->subscription))
		return;
	snprintf(session.name, sizeof(session.name), "%s", client->subscription);
	list_session(&session, listed);
}

struct json_object *session_list(const struct peer *peer)
{
	struct list list = { .array = json_object_new_array(), .peer = peer };

	if (device_list(list_session, &list))
		list_held(&list);
	listed = &list;
	server_for_each(list_subscriber);
	return list.array;
}

static void list_incoming(const struct kernel_session *session, void *ctx)
{
	if (!strcmp(session->state, "incoming"))
		json_object_array_add(ctx, json_object_new_string(session->name));
}

struct json_object *session_incoming(void)
{
	struct json_object *names = json_object_new_array();

	if (!device_list(list_incoming, names))
		return names;
	json_object_put(names);
	return NULL;
}
