// SPDX-License-Identifier: GPL-2.0
/* The sessions that luod holds, each stored as well */
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

static struct session *sessions;
/* The same, to be found by kind and name: there may be thousands. */
static void *by_name;

static int compare(const void *a, const void *b)
{
	const struct session *x = a, *y = b;

	return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->name, y->name);
}

struct session *session_find(enum session_kind kind, const char *name)
{
	struct session key = { .kind = kind };
	void **at;

	if (snprintf(key.name, sizeof(key.name), "%s", name) >= (int)sizeof(key.name))
		return NULL;
	at = tfind(&key, &by_name, compare);
	return at ? *at : NULL;
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
	if (!tsearch(session, &by_name, compare)) {
		free(session);
		return NULL;
	}
	session->next = sessions;
	if (sessions)
		sessions->prev = session;
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
	if (kind == SESSION_KEPT && !store_has_room())
		return -ENOSPC;
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

	tdelete(session, &by_name, compare);
	if (session->prev)
		session->prev->next = session->next;
	else
		sessions = session->next;
	if (session->next)
		session->next->prev = session->prev;
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

void session_describe_all(void (*fn)(const struct kernel_session *session, void *ctx), void *ctx)
{
	struct kernel_session session;

	for (struct session *s = sessions; s; s = s->next) {
		if (!device_describe(s->fd, &session))
			fn(&session, ctx);
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
