/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* The connection to luod, in layers: client_io.c, client_event.c, client_call.c, client.c. */
#ifndef LUO_CLIENT_H
#define LUO_CLIENT_H

#include <json-c/json.h>
#include <stdbool.h>

#include "internal.h"

/* The limits of Documentation/userspace-api/luod.rst */
#define LUO_REQUEST_MAX	65536	/* with the newline */
#define LUO_ANSWER_MAX	(1 << 20)
#define LUO_FDS_MAX	16
#define LUO_DEPTH_MAX	16

/* Nobody reads them: more is no luod's doing. */
#define LUO_EVENTS_MAX	256

/* A message of luod's: an object, and the descriptors that came with its first byte. */
struct luo_message {
	struct json_object *json;
	int fds[LUO_FDS_MAX];
	size_t nr_fds;
};

struct luo_queued {
	struct luo_queued *next;
	struct json_object *json;
	struct luo_event event;		/* its strings are those of @json */
};

struct luo_client {
	int fd;
	int timeout;
	int error;			/* the connection has ended with it; negative */
	__s64 seq;
	char *line;			/* of the message that is coming in */
	size_t len, size;
	struct luo_message coming;
	struct luo_queued *first, **last;
	unsigned int queued;
	struct luo_queued *shown;	/* by the last luo_client__wait() */
};

/* client_io.c. A deadline is in ms of CLOCK_MONOTONIC; negative for none. */
long long luo_deadline(int timeout);
int luo_client_send(struct luo_client *client, const char *text, size_t len, const int *fds,
		    size_t nr_fds, long long deadline);
/* -ETIME, with what has come so far kept, or as the connection has ended. */
int luo_client_receive(struct luo_client *client, struct luo_message *message,
		       long long deadline);
/* The connection is of no more use: says why, once. */
int luo_client_break(struct luo_client *client, int err, const char *why);
struct json_object *luo_json_parse(const char *text, size_t len);
void luo_message_free(struct luo_message *message);

/* client_event.c */
/* NULL or the string; false if it is there and is none. */
bool luo_json_string(struct json_object *json, const char *key, const char **value);
/* A negative errno by its name. */
int luo_errno_of(const char *name);
/* Takes what is in @message. NULL with 0 in *err: an event that this library does not know. */
struct luo_queued *luo_event_new(struct luo_client *client, struct luo_message *message, int *err);
int luo_event_queue(struct luo_client *client, struct luo_queued *queued);
void luo_event_free(struct luo_queued *queued);

/* client_call.c */
struct luo_call {
	const int *fds;			/* that go along */
	size_t nr_fds;
	size_t min_fds, max_fds;	/* that come if it succeeds */
	int timeout;
	int (*event)(const struct luo_event *event, void *ctx);
	void *ctx;
	struct luo_message answer;
};

/* Takes @request. The answer is set whenever there is one, its descriptors on success only. */
int luo_client_call(struct luo_client *client, struct json_object *request,
		    struct luo_call *call);

#endif /* LUO_CLIENT_H */
