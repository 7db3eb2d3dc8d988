// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * Lines to and from luod. A stream socket tells whose descriptors are whose only if the
 * first byte of a message is read alone, and no further than its newline.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define ALIGNED __attribute__((aligned(__alignof__(struct cmsghdr))))

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

long long luo_deadline(int timeout)
{
	return timeout < 0 ? -1 : now() + timeout;
}

int luo_client_break(struct luo_client *client, int err, const char *why)
{
	if (client->error)
		return client->error;
	warn("luod: %s: connect again\n", why);
	client->error = err;
	/* Whoever polls the descriptor is to see it. */
	shutdown(client->fd, SHUT_RDWR);
	luo_message_free(&client->coming);
	return err;
}

void luo_message_free(struct luo_message *message)
{
	for (size_t i = 0; i < message->nr_fds; i++)
		close(message->fds[i]);
	message->nr_fds = 0;
	json_object_put(message->json);
	message->json = NULL;
}

static int wait_for(struct luo_client *client, short events, long long deadline)
{
	struct pollfd p = { .fd = client->fd, .events = events };
	int n;

	do {
		long long left = deadline < 0 ? -1 : deadline - now();

		/* The last look is at what is there by now. */
		n = poll(&p, 1, deadline < 0 ? -1 : left < 0 ? 0 : left > 60000 ? 60000 : left);
	} while ((n < 0 && errno == EINTR) || (!n && (deadline < 0 || now() < deadline)));
	if (n < 0)
		return luo_client_break(client, -errno, "poll of the connection failed");
	return n ? 0 : -ETIME;
}

static ssize_t send_some(struct luo_client *client, const char *text, size_t len, const int *fds,
			 size_t nr_fds)
{
	struct iovec iov = { .iov_base = (char *)text, .iov_len = len };
	char control[CMSG_SPACE(sizeof(int) * LUO_FDS_MAX)] ALIGNED = {};
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nr_fds) {
		struct cmsghdr *head;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(head), fds, nr_fds * sizeof(int));
	}
	return sendmsg(client->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int luo_client_send(struct luo_client *client, const char *text, size_t len, const int *fds,
		    size_t nr_fds, long long deadline)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = send_some(client, text + sent, len - sent, fds, sent ? 0 : nr_fds);
		int err;

		if (n > 0) {
			sent += n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			err = -errno;
			/* What luod had to say before it went is still to be read. */
			if (err == -EPIPE || err == -ECONNRESET)
				return 0;
			/* The caller's descriptors are no reason to end the connection. */
			return sent ? luo_client_break(client, err, "sending failed") : err;
		}
		err = wait_for(client, POLLOUT, deadline);
		if (err)
			return sent && err == -ETIME ?
			       luo_client_break(client, err, "it does not read") : err;
	}
	return 0;
}

/* Descriptors of a message that was received, into @message. */
static int take_fds(struct luo_message *message, struct msghdr *msg)
{
	for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
		size_t nr = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(message->fds + message->nr_fds, CMSG_DATA(head), nr * sizeof(int));
		message->nr_fds += nr;
	}
	return msg->msg_flags & MSG_CTRUNC ? -EPROTO : 0;
}

/* Exactly up to @len bytes, with what comes along. */
static ssize_t receive_some(struct luo_client *client, size_t len)
{
	char control[CMSG_SPACE(sizeof(int) * LUO_FDS_MAX)] ALIGNED;
	struct iovec iov = { .iov_base = client->line + client->len, .iov_len = len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	bool first = !client->len;
	struct luo_message stray = {};
	ssize_t n = recvmsg(client->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if (take_fds(first ? &client->coming : &stray, &msg))
		return luo_client_break(client, -EPROTO, "too many descriptors with a message");
	if (stray.nr_fds) {
		luo_message_free(&stray);
		return luo_client_break(client, -EPROTO, "descriptors inside of a message");
	}
	client->len += n;
	return n;
}

/* How much there is to take of this line. */
static ssize_t look_ahead(struct luo_client *client)
{
	char *at = client->line + client->len, *end;
	ssize_t n;

	if (!client->len)
		return 1;
	n = recv(client->fd, at, client->size - client->len, MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0)
		return n ? -errno : 0;
	end = memchr(at, '\n', n);
	return end ? end - at + 1 : n;
}

struct json_object *luo_json_parse(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(LUO_DEPTH_MAX);
	struct json_object *json;

	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tokener, text, len);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    json_tokener_get_parse_end(tokener) != len ||
	    !json_object_is_type(json, json_type_object)) {
		json_object_put(json);
		json = NULL;
	}
	json_tokener_free(tokener);
	return json;
}

/* Room for more of the line: most are short. */
static int make_room(struct luo_client *client)
{
	size_t size = client->size ? 2 * client->size : 4096;
	char *line;

	if (client->len < client->size)
		return 0;
	if (client->len == LUO_ANSWER_MAX)
		return luo_client_break(client, -EPROTO, "a message that is too long");
	line = realloc(client->line, size);
	if (!line)
		return luo_client_break(client, -ENOMEM, "no memory for a message");
	client->line = line;
	client->size = size;
	return 0;
}

static int receive_part(struct luo_client *client)
{
	ssize_t n;

	if (make_room(client))
		return client->error;
	n = look_ahead(client);
	if (n > 0)
		n = receive_some(client, n);
	if (client->error)
		return client->error;
	if (n > 0 || n == -EAGAIN || n == -EINTR)
		return 0;
	if (n == 0 || n == -ECONNRESET)
		return luo_client_break(client, -ECONNRESET, client->len ?
					"it went away within a message" : "it went away");
	return luo_client_break(client, n, "receiving failed");
}

static bool complete(const struct luo_client *client)
{
	return client->len && client->line[client->len - 1] == '\n';
}

int luo_client_receive(struct luo_client *client, struct luo_message *message,
		       long long deadline)
{
	int err = client->error;

	while (!err && !complete(client)) {
		err = wait_for(client, POLLIN, deadline);
		if (!err)
			err = receive_part(client);
	}
	if (err)
		return err;

	client->coming.json = luo_json_parse(client->line, client->len - 1);
	client->len = 0;
	if (!client->coming.json)
		return luo_client_break(client, -EPROTO, "a message that is no JSON object");
	*message = client->coming;
	memset(&client->coming, 0, sizeof(client->coming));
	return 0;
}
