// SPDX-License-Identifier: GPL-2.0
/*
 * Answers that may be too long for one message come in pages: elements in the order of their
 * names, those that follow a name, as many as fit. So who goes through them sees once what is
 * there all the time, whatever comes and goes meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "luod.h"

/* Of a page: leaves room in the queue of a client for what else it gets. */
#define BYTES_MAX	(256 << 10)

bool page_add(struct page *page, const char *name, struct json_object *element)
{
	size_t len = 0;

	json_object_to_json_string_length(element, JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	/* A name may be that of two sessions, one incoming: the next page is after it. */
	if (page->count && strcmp(name, page->last) &&
	    (page->count >= page->limit || page->bytes + len > BYTES_MAX)) {
		json_object_put(element);
		page->next = json_object_new_string(page->last);
		return false;
	}
	json_object_array_add(page->array, element);
	page->last = name;
	page->count++;
	page->bytes += len + 1;
	return true;
}

bool page_begin(struct page *page, size_t limit)
{
	memset(page, 0, sizeof(*page));
	page->array = json_object_new_array();
	page->limit = limit ?: SIZE_MAX;
	return page->array;
}

/* All sessions of a walk, before it is known which of them are shown */
struct rows {
	struct kernel_session *all;
	size_t count, size;
	const struct peer *peer;
	const char *after;
};

static void add_row(const struct kernel_session *session, void *ctx)
{
	struct rows *rows = ctx;

	if (!policy_allows_name(&luod.conf.policy, rows->peer, session->name) ||
	    !strcmp(session->state, "finished") || strcmp(session->name, rows->after) <= 0)
		return;
	/* A message can't have it, and with another one in its place a page could not go on. */
	if (!text_is_utf8(session->name))
		return;
	if (rows->count == rows->size) {
		size_t size = 2 * rows->size + 64;
		void *larger = reallocarray(rows->all, size, sizeof(*rows->all));

		if (!larger) {
			log_text(LOG_ERR, "no memory: session '%s' is not listed", session->name);
			return;
		}
		rows->all = larger;
		rows->size = size;
	}
	rows->all[rows->count++] = *session;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct kernel_session *)a)->name,
		      ((const struct kernel_session *)b)->name);
}

static void sort(struct rows *rows)
{
	if (rows->count)
		qsort(rows->all, rows->count, sizeof(*rows->all), compare);
}

static struct rows *listed;
static size_t nr_sessions;

/* Who has subscribed and has no session yet */
static void add_subscriber(struct client *client)
{
	struct kernel_session session = { .files = -1, .bytes = -1 };

	if (!client->subscription)
		return;
	snprintf(session.name, sizeof(session.name), "%s", client->subscription);
	if (!nr_sessions ||
	    !bsearch(&session, listed->all, nr_sessions, sizeof(session), compare))
		add_row(&session, listed);
}

static bool is_subscribed(struct client *client, const void *name)
{
	return client->subscription && !strcmp(client->subscription, name);
}

static void add_number(struct json_object *object, const char *key, int64_t n)
{
	json_object_object_add(object, key, n < 0 ? NULL : json_object_new_int64(n));
}

static struct json_object *element_of(const struct kernel_session *session)
{
	bool outgoing = !strcmp(session->state, "outgoing") || !strcmp(session->state, "frozen");
	struct json_object *object = json_object_new_object();

	message_add_string(object, "id", session->name);
	message_add_string(object, "state", *session->state ? session->state : NULL);
	add_number(object, "files", session->files);
	add_number(object, "bytes", session->bytes);
	message_add_bool(object, "kept", outgoing && session_find(SESSION_KEPT, session->name));
	message_add_bool(object, "subscribed", server_find(is_subscribed, session->name));
	message_add_bool(object, "ready", outgoing && session_find(SESSION_READY, session->name));
	return object;
}

struct json_object *session_list(const struct peer *peer, const char *after, size_t limit,
				 struct json_object **next)
{
	struct rows rows = { .peer = peer, .after = after ?: "" };
	struct page page;

	*next = NULL;
	if (!page_begin(&page, limit))
		return NULL;
	/* The kernel is not asked for nothing. */
	if (!policy_allows_some_name(&luod.conf.policy, peer))
		return page.array;
	/* Where the kernel does not list its sessions: those that are open here. */
	if (device_list(add_row, &rows)) {
		rows.count = 0;
		session_describe_all(add_row, &rows);
	}
	sort(&rows);
	listed = &rows;
	nr_sessions = rows.count;
	server_for_each(add_subscriber);
	sort(&rows);
	for (size_t i = 0; i < rows.count; i++) {
		if (!page_add(&page, rows.all[i].name, element_of(&rows.all[i])))
			break;
	}
	*next = page.next;
	free(rows.all);
	return page.array;
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
