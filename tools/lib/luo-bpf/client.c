// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/* A client of luod: the connection, and a function for each command. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

#define PROTOCOL_VERSION 1
#define TIMEOUT_MS 30000

/* A request with up to one field; NULL if memory ran out. Takes @value. */
static struct json_object *request(const char *cmd, const char *key, struct json_object *value)
{
	struct json_object *json = json_object_new_object();

	if (json && !json_object_object_add(json, "cmd", json_object_new_string(cmd)) &&
	    (!key || (value && !json_object_object_add(json, key, value))))
		return json;
	json_object_put(value);
	json_object_put(json);
	return NULL;
}

static struct json_object *request_flag(const char *cmd, const char *id, const char *flag,
					bool value)
{
	struct json_object *json = request(cmd, "id", json_object_new_string(id));

	if (json && value && json_object_object_add(json, flag, json_object_new_boolean(true))) {
		json_object_put(json);
		return NULL;
	}
	return json;
}

static int simple(struct luo_client *client, struct json_object *json)
{
	struct luo_call call = {};
	int err = luo_client_call(client, json, &call);

	luo_message_free(&call.answer);
	return err;
}

static const char *connect_sentence(int err)
{
	switch (err) {
	case ENOENT:
	case ECONNREFUSED:
		return ": luod does not run: start it";
	case EACCES:
		return ": luod.conf says who may connect";
	case EAGAIN:
		return ": luod does not answer";
	default:
		return "";
	}
}

static int open_socket(struct luo_client *client, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	/* It bounds connect() too. */
	struct timeval limit = {
		.tv_sec = client->timeout / 1000,
		.tv_usec = client->timeout % 1000 * 1000,
	};
	int err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 ||
	    (client->timeout > 0 &&
	     setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit))))
		return -errno;
	if (!connect(client->fd, (struct sockaddr *)&addr, sizeof(addr)))
		return 0;
	err = errno;
	warn("%s: %s%s\n", path, strerror(err), connect_sentence(err));
	return -err;
}

struct luo_client *luo_client__connect(const struct luo_client_opts *opts)
{
	struct luo_client *client;
	int err;

	if (!opts_valid(opts, luo_client_opts))
		return luo_null(EINVAL);
	client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	client->fd = -1;
	client->last = &client->first;
	client->timeout = opts_get(opts, timeout, 0) ?: TIMEOUT_MS;
	err = open_socket(client, opts_get(opts, path, NULL) ?: LUO_SOCKET);
	if (!err)
		err = simple(client, request("HELLO", "version",
					     json_object_new_int(PROTOCOL_VERSION)));
	if (err) {
		luo_client__close(client);
		return luo_null(err);
	}
	return client;
}

int luo_client__fd(const struct luo_client *client)
{
	return client->fd;
}

void luo_client__close(struct luo_client *client)
{
	struct luo_queued *queued;
	int err = errno;

	if (!client)
		return;
	while ((queued = client->first)) {
		client->first = queued->next;
		luo_event_free(queued);
	}
	luo_event_free(client->shown);
	luo_message_free(&client->coming);
	if (client->fd >= 0)
		close(client->fd);
	free(client->line);
	free(client);
	errno = err;
}

int luo_client__subscribe(struct luo_client *client, const char *id)
{
	return simple(client, request("SUBSCRIBE", "id", json_object_new_string(id)));
}

int luo_client__unsubscribe(struct luo_client *client)
{
	return simple(client, request("UNSUBSCRIBE", NULL, NULL));
}

int luo_client__ready(struct luo_client *client)
{
	return simple(client, request("READY", NULL, NULL));
}

int luo_client__failed(struct luo_client *client, const char *message)
{
	return simple(client, message ?
		      request("FAILED", "message", json_object_new_string(message)) :
		      request("FAILED", NULL, NULL));
}

/* A command whose answer is a session, of the name that was asked for. */
static struct luo_session *get_session(struct luo_client *client, struct json_object *json,
				       const char *id)
{
	struct luo_call call = { .min_fds = 1, .max_fds = 1 };
	struct luo_session *session = NULL;
	char name[64];
	int err = luo_client_call(client, json, &call);

	if (!err) {
		session = luo_session__from_fd(call.answer.fds[0]);
		if (session)
			call.answer.nr_fds = 0;
		if (!session || luo_session__get_name(session, name, sizeof(name)) ||
		    strcmp(name, id))
			err = luo_client_break(client, -EPROTO,
					       "an answer with another session than asked for");
	}
	luo_message_free(&call.answer);
	if (!err)
		return session;
	luo_session__close(session);
	return luo_null(err);
}

struct luo_session *luo_client__create(struct luo_client *client, const char *id, bool keep)
{
	return get_session(client, request_flag("CREATE", id, "keep", keep), id);
}

struct luo_session *luo_client__claim(struct luo_client *client, const char *id)
{
	return get_session(client, request_flag("CLAIM", id, NULL, false), id);
}

int luo_client__keep(struct luo_client *client, struct luo_session *session)
{
	int fd = luo_session__fd(session), err;
	struct luo_call call = { .fds = &fd, .nr_fds = 1 };
	char name[64];

	err = luo_session__get_name(session, name, sizeof(name));
	if (err)
		return err;
	err = luo_client_call(client, request_flag("KEEP", name, NULL, false), &call);
	luo_message_free(&call.answer);
	return err;
}

int luo_client__release(struct luo_client *client, const char *id, bool finish)
{
	return simple(client, request_flag("RELEASE", id, "finish", finish));
}
