// SPDX-License-Identifier: GPL-2.0
/* The socket: who connects, how many of them, and who goes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

#define CLIENTS_MAX		1024
#define CLIENTS_PER_USER	256
/* However many users there are, who can end this gets in. */
#define CLIENTS_OF_ROOT		64
/* Descriptors may be there again without a client that goes. */
#define RETRY_US		(1000 * 1000)

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

static struct client *clients;
static size_t client_count;
static int listen_fd = -1;
static sd_event_source *listener, *reaper, *retry;

static size_t count_of_user(uid_t uid)
{
	size_t count = 0;

	for (struct client *c = clients; c; c = c->next)
		count += c->peer.uid == uid;
	return count;
}

static bool is_welcome(uid_t uid)
{
	return !uid || (client_count < CLIENTS_MAX - CLIENTS_OF_ROOT &&
			count_of_user(uid) < CLIENTS_PER_USER);
}

static void serve(int fd)
{
	struct client *client = client_count < CLIENTS_MAX ? client_new(fd) : NULL;

	if (client && !is_welcome(client->peer.uid)) {
		client->fd = -1;
		client_free(client);
		client = NULL;
	}
	if (!client) {
		client_refuse(fd, EMFILE, "too many connections: close some");
		close(fd);
		return;
	}
	client->next = clients;
	clients = client;
	client_count++;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source;
	(void)usec;
	(void)ctx;
	return sd_event_source_set_enabled(listener, SD_EVENT_ON);
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	(void)ctx;
	if (connection >= 0) {
		serve(connection);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
		/* Until somebody goes, or for a moment: at once it would only burn time. */
		log_text(LOG_ERR, "no connection can be accepted: %m");
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
		sd_event_source_set_time_relative(retry, RETRY_US);
		sd_event_source_set_enabled(retry, SD_EVENT_ONESHOT);
	}
	return 0;
}

struct client *server_find(bool (*match)(struct client *client, const void *arg), const void *arg)
{
	for (struct client *c = clients; c; c = c->next) {
		if (!c->dead && match(c, arg))
			return c;
	}
	return NULL;
}

void server_for_each(void (*fn)(struct client *client))
{
	for (struct client *c = clients; c; c = c->next) {
		if (!c->dead)
			fn(c);
	}
}

static struct client *take_dead(void)
{
	for (struct client **p = &clients; *p; p = &(*p)->next) {
		struct client *client = *p;

		if (!client->dead)
			continue;
		*p = client->next;
		client_count--;
		return client;
	}
	return NULL;
}

/* What an update makes of one that goes may cost others their connection. */
static int reap(sd_event_source *source, void *ctx)
{
	struct client *client;

	(void)source;
	(void)ctx;
	while ((client = take_dead())) {
		update_client_gone(client);
		client_free(client);
	}
	if (listener)
		sd_event_source_set_enabled(listener, SD_EVENT_ON);
	return 0;
}

void server_reap_soon(void)
{
	sd_event_source_set_enabled(reaper, SD_EVENT_ONESHOT);
}

int server_start(int fd)
{
	int err;

	listen_fd = fd;
	/* Clients send sessions and objects; a socket of systemd's may have been made without. */
	setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &(int){ 1 }, sizeof(int));
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	err = sd_event_add_io(luod.event, &listener, fd, EPOLLIN, on_connection, NULL);
	if (err >= 0)
		err = sd_event_add_defer(luod.event, &reaper, reap, NULL);
	if (err >= 0)
		err = sd_event_source_set_enabled(reaper, SD_EVENT_OFF);
	if (err >= 0)
		err = sd_event_add_time_relative(luod.event, &retry, CLOCK_MONOTONIC, RETRY_US, 0,
						 on_retry, NULL);
	if (err >= 0)
		err = sd_event_source_set_enabled(retry, SD_EVENT_OFF);
	/* Before anything else is done for the others. */
	if (err >= 0)
		err = sd_event_source_set_priority(reaper, SD_EVENT_PRIORITY_IMPORTANT);
	return err < 0 ? err : 0;
}

void server_stop(void)
{
	struct client *client;

	while ((client = clients)) {
		clients = client->next;
		client_free(client);
	}
	sd_event_source_unref(listener);
	sd_event_source_unref(reaper);
	sd_event_source_unref(retry);
	if (listen_fd >= 0)
		close(listen_fd);
}
