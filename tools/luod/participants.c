// SPDX-License-Identifier: GPL-2.0
/*
 * Who takes part in an update: every subscriber, and sessions of those that were ready
 * for a luod that died. An update that fails takes all participants with it, so whoever
 * fails one looks at the list from its beginning again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "participants.h"

/* How often the name of a session is tried that a client has open still. */
#define RETRY_US	(50 * 1000)

struct participant {
	struct participant *next;
	char name[NAME_MAX_BYTES + 1];
	struct client *client;		/* NULL: gone, or not back yet */
	int fd;				/* of its session, until it is ready; or -1 */
	const char *why;		/* why it has failed, which only itself is told */
	enum {
		NO_SESSION,		/* that of an update before is open still */
		PRESERVING,
		ABSENT,			/* was ready for another luod, and is not back yet */
		READY,
	} state;
};

static struct participant *participants;
static struct json_object *voided;
static sd_event_source *retry;
static int timeout_ms;

static struct participant *find_name(const char *name)
{
	for (struct participant *p = participants; p; p = p->next) {
		if (!strcmp(p->name, name))
			return p;
	}
	return NULL;
}

static struct participant *find_client(const struct client *client)
{
	for (struct participant *p = participants; p; p = p->next) {
		if (p->client == client)
			return p;
	}
	return NULL;
}

static struct participant *add(const char *name, struct client *client)
{
	struct participant *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->client = client;
	p->fd = -1;
	p->next = participants;
	participants = p;
	return p;
}

static void unlink_participant(struct participant *p)
{
	for (struct participant **at = &participants; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			return;
		}
	}
}

/* Its session is void; the client may have it open for as long as it likes, though. */
static void discard(struct participant *p, int err, const char *message)
{
	struct session *session = session_find(SESSION_READY, p->name);
	struct json_object *event;

	if (p->fd >= 0)
		close(p->fd);
	if (session)
		session_drop(session);
	if (p->client && p->state != NO_SESSION) {
		event = event_new("CANCELLED");
		message_add_string(event, "id", p->name);
		message_add_string(event, "error", errno_name(-err));
		message_add_string(event, "message", p->why ?: message);
		client_send(p->client, event, -1);
	}
	free(p);
}

static void fail(struct participant *p, int err, const char *why)
{
	char name[sizeof(p->name)];

	snprintf(name, sizeof(name), "%s", p->name);
	p->why = why;
	if (!update_participant_failed(err, name, why))
		return;
	unlink_participant(p);
	json_object_array_add(voided, json_object_new_string(name));
	discard(p, err, why);
	update_advance();
}

/* Starting */

static int give_session(struct participant *p)
{
	struct json_object *event;

	p->fd = device_create(p->name);
	if (p->fd < 0)
		return p->fd;
	p->state = PRESERVING;
	event = event_new("START_PRESERVATION");
	message_add_string(event, "id", p->name);
	message_add_int(event, "timeout", timeout_ms);
	client_send(p->client, event, p->fd);
	return 0;
}

static struct participant *find_state(int state)
{
	for (struct participant *p = participants; p; p = p->next) {
		if ((int)p->state == state)
			return p;
	}
	return NULL;
}

static struct participant *try_sessions(int *err)
{
	for (struct participant *p = participants; p; p = p->next) {
		*err = p->state == NO_SESSION ? give_session(p) : 0;
		if (*err && *err != -EEXIST)
			return p;
	}
	return NULL;
}

static void give_sessions(void)
{
	struct participant *bad;
	int err;

	while ((bad = try_sessions(&err)))
		fail(bad, err, *log_said() ? log_said() : "its session can't be made");
}

/* Who heard of the end of an update before may take a moment to close its session. */
static int on_retry(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)usec;
	(void)ctx;
	give_sessions();
	if (!find_state(NO_SESSION))
		return 0;
	sd_event_source_set_time_relative(source, RETRY_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void add_subscriber(struct client *client)
{
	struct participant *p;

	if (!client->subscription)
		return;
	p = add(client->subscription, client);
	if (!p)
		log_text(LOG_ERR, "no memory: '%s' does not take part", client->subscription);
	else if (session_find(SESSION_READY, p->name))
		p->state = READY;
}

static void add_remembered(struct session *session)
{
	struct participant *p = find_name(session->name) ? NULL : add(session->name, NULL);

	if (p)
		p->state = ABSENT;
}

void participants_start(int timeout)
{
	timeout_ms = timeout;
	voided = json_object_new_array();
	server_for_each(add_subscriber);
	session_for_each(SESSION_READY, add_remembered);
	if (sd_event_add_time_relative(luod.event, &retry, CLOCK_MONOTONIC, 0, 1000, on_retry,
				       NULL) < 0)
		log_text(LOG_ERR, "no timer: subscribers get no session before the deadline");
}

/* On the way */

static struct participant *find_unready(void)
{
	for (struct participant *p = participants; p; p = p->next) {
		if (p->state != READY)
			return p;
	}
	return NULL;
}

bool participants_are_ready(void)
{
	return !find_unready();
}

struct json_object *participants_waiting(void)
{
	struct json_object *names = json_object_new_array();

	for (struct participant *p = participants; p; p = p->next) {
		if (p->state != READY)
			json_object_array_add(names, json_object_new_string(p->name));
	}
	return names;
}

static struct json_object *would;

static void add_name(struct client *client)
{
	if (client->subscription)
		json_object_array_add(would, json_object_new_string(client->subscription));
}

struct json_object *participants_would(void)
{
	would = json_object_new_array();
	server_for_each(add_name);
	return would;
}

/* What luod keeps is whole, whoever put it there: its client may have said KEEP since. */
struct json_object *participants_voided(void)
{
	struct json_object *names = json_object_new_array(), *name;

	for (size_t i = 0; names && i < json_object_array_length(voided); i++) {
		name = json_object_array_get_idx(voided, i);
		if (!session_find(SESSION_KEPT, json_object_get_string(name)))
			json_object_array_add(names, json_object_get(name));
	}
	return names;
}

/* That there is another one of that name means that the void one is gone. */
void update_created(const char *name)
{
	size_t i = voided ? json_object_array_length(voided) : 0;

	while (i--) {
		if (!strcmp(json_object_get_string(json_object_array_get_idx(voided, i)), name))
			json_object_array_del_idx(voided, i, 1);
	}
}

int update_ready(struct client *client, char message[ERROR_MAX])
{
	struct participant *p = find_client(client);
	int err;

	if (!p || p->state != PRESERVING) {
		snprintf(message, ERROR_MAX, "no update waits for this client");
		return -EINVAL;
	}
	err = session_hold(SESSION_READY, p->name, p->fd);
	if (err) {
		snprintf(message, ERROR_MAX, "its session can't be kept: %s", strerror(-err));
		fail(p, err, message);
		return err;
	}
	p->fd = -1;
	p->state = READY;
	update_participant_ready(p->name);
	return 0;
}

int update_failed(struct client *client, const char *reason)
{
	struct participant *p = find_client(client);

	/* Once all were ready it is too late: the kexec, which may be under way, needs them. */
	if (!p || !update_is_preserving())
		return -EINVAL;
	fail(p, -ECANCELED, reason && *reason ? reason : "it says that it can't");
	return 0;
}

bool update_expects(const char *id)
{
	struct participant *p = find_name(id);

	return p && !p->client && (p->state == ABSENT || p->state == READY);
}

void update_subscribed(struct client *client)
{
	struct participant *p = find_name(client->subscription);

	if (!p)
		return;
	p->client = client;
	if (p->state == ABSENT) {
		p->state = READY;
		update_participant_ready(p->name);
	}
}

/* Once it was ready, all is said and done; and until then nothing is. */
void participants_client_gone(struct client *client)
{
	struct participant *p = find_client(client);

	if (!p)
		return;
	p->client = NULL;
	if (p->state != READY)
		fail(p, -ECANCELED, "its client went away before it was ready");
}

void update_unsubscribed(struct client *client)
{
	struct participant *p = find_client(client);
	struct session *session;

	if (p && !update_is_preserving()) {
		p->client = NULL;
		return;
	}
	if (!update_failed(client, "it has unsubscribed"))
		return;
	session = session_find(SESSION_READY, client->subscription);
	if (session)
		session_drop(session);
}

void participants_too_late(void)
{
	struct participant *p;

	/* However short the time is, each has been asked. */
	give_sessions();
	while ((p = find_unready()))
		fail(p, -ETIMEDOUT, p->state == NO_SESSION ?
		     "its client has the session of an update before open still" :
		     p->state == ABSENT ? "it was ready, and did not come back" :
		     "it was not ready in time");
}

/* Ends */

static void forget(void)
{
	sd_event_source_disable_unref(retry);
	retry = NULL;
	json_object_put(voided);
	voided = NULL;
}

void participants_kexec(void)
{
	for (struct participant *p = participants; p; p = p->next) {
		struct json_object *event = p->client ? event_new("KEXEC") : NULL;

		if (!event)
			continue;
		message_add_string(event, "id", p->name);
		client_send(p->client, event, -1);
	}
}

void participants_cancel(int err, const char *message)
{
	struct participant *p;

	while ((p = participants)) {
		participants = p->next;
		discard(p, err, message);
	}
	forget();
}
