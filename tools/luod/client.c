// SPDX-License-Identifier: GPL-2.0
/*
 * One connection: bytes to messages, with the descriptors that belong to each, and
 * answers that wait until they can be sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

#define OUT_MAX			(1 << 20)
#define OUT_FDS_MAX		16
#define MESSAGE_TIME_US		(10 * 1000 * 1000)
/* Then it is the others' turn. */
#define MESSAGES_AT_ONCE	16
/* A second in all, for descriptors to be closed */
#define WAIT_US			(10 * 1000)
#define WAITS_MAX		100

struct out {
	struct out *next;
	char *data;
	size_t len;
	size_t done;
	int fd;				/* goes with the first byte; -1 */
};

static void client_kill(struct client *client, const char *why)
{
	if (client->dead)
		return;
	if (why)
		log_text(LOG_NOTICE, "connection of process %d, user %u: ended: %s",
			 client->peer.pid, client->peer.uid, why);
	client->dead = true;
	sd_event_source_set_enabled(client->io, SD_EVENT_OFF);
	server_reap_soon();
}

/* Output */

static void out_free(struct out *out)
{
	if (!out)
		return;
	if (out->fd >= 0)
		close(out->fd);
	free(out->data);
	free(out);
}

/* Bytes that went, or -errno */
static ssize_t out_send(int socket, struct out *out)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = { out->data + out->done, out->len - out->done };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t n;

	if (out->fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &out->fd, sizeof(out->fd));
	}
	n = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

/* With the first byte it has gone. */
static void out_close(struct client *client, struct out *out)
{
	if (out->fd < 0)
		return;
	close(out->fd);
	out->fd = -1;
	client->out_fds--;
}

static void client_watch(struct client *client)
{
	bool waiting = sd_event_source_get_enabled(client->wait, NULL) > 0;

	sd_event_source_set_io_events(client->io,
				      (client->closing || waiting ? 0 : EPOLLIN) |
				      (client->out ? EPOLLOUT : 0));
}

static void client_flush(struct client *client)
{
	while (!client->dead && client->out) {
		struct out *out = client->out;
		ssize_t n = out_send(client->fd, out);

		if (n == -EAGAIN || n == -EINTR)
			break;
		if (n < 0) {
			client_kill(client, NULL);
			return;
		}
		if (n)
			out_close(client, out);
		out->done += n;
		client->out_bytes -= n;
		if (out->done < out->len)
			continue;
		client->out = out->next;
		out_free(out);
	}
	if (client->dead)
		return;
	if (!client->out && client->closing) {
		client_kill(client, NULL);
		return;
	}
	client_watch(client);
}

static struct out *out_new(struct json_object *message, int fd)
{
	struct out *out = calloc(1, sizeof(*out));

	if (!out)
		return NULL;
	out->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	out->data = message_line(message, &out->len);
	if (out->data && (fd < 0 || out->fd >= 0))
		return out;
	out_free(out);
	return NULL;
}

void client_send(struct client *client, struct json_object *message, int fd)
{
	struct out **last = &client->out, *out;

	out = client->dead ? NULL : out_new(message, fd);
	json_object_put(message);
	if (client->dead)
		return;
	if (!out || client->out_bytes + out->len > OUT_MAX ||
	    (out->fd >= 0 && client->out_fds == OUT_FDS_MAX)) {
		client_kill(client, out ? "it does not read what it gets" : "no memory");
		out_free(out);
		return;
	}
	while (*last)
		last = &(*last)->next;
	*last = out;
	client->out_bytes += out->len;
	client->out_fds += out->fd >= 0;
	client_flush(client);
}

void client_end(struct client *client)
{
	/* Who does not read the last answer gets no more time than for a message. */
	sd_event_source_set_time_relative(client->timer, MESSAGE_TIME_US);
	sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
	client->closing = true;
	client_flush(client);
}

void client_refuse(int fd, int err, const char *text)
{
	struct request none = {};
	struct json_object *answer = answer_new(&none, err, text);
	size_t len;
	char *line = message_line(answer, &len);

	/* Who can't be told at once is not told. */
	if (line && send(fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_text(LOG_DEBUG, "a connection was refused without a word");
	free(line);
	json_object_put(answer);
}

/* Input */

static void take_fds(struct client *client, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int *fds = (int *)CMSG_DATA(c);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			if (client->fd_count < MESSAGE_FDS) {
				client->fds[client->fd_count++] = fds[i];
			} else {
				client->fds_lost = true;
				close_elsewhere(fds[i], client->peer.uid);
			}
		}
	}
	if (msg->msg_flags & MSG_CTRUNC)
		client->fds_lost = true;
}

/* Bytes of one message only, so that what comes with them is that message's. */
static ssize_t receive(struct client *client, size_t len)
{
	union {
		char space[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { client->in + client->in_len, len };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(client->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	take_fds(client, &msg);
	client->in_len += n;
	return n;
}

static void forget_message(struct client *client)
{
	for (int i = 0; i < client->fd_count; i++)
		close_elsewhere(client->fds[i], client->peer.uid);
	client->fd_count = 0;
	client->fds_lost = false;
	client->in_len = 0;
	free(client->in);
	client->in = NULL;
	sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
}

static void run_message(struct client *client, size_t len)
{
	char *line = client->in;
	int fds[MESSAGE_FDS], count = client->fd_count;
	bool lost = client->fds_lost;

	memcpy(fds, client->fds, sizeof(fds));
	client->in = NULL;
	client->fd_count = 0;
	forget_message(client);
	command_run(client, line, len, fds, count, lost);
	free(line);
}

static void message_begins(struct client *client)
{
	sd_event_source_set_time_relative(client->timer, MESSAGE_TIME_US);
	sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
}

/* On a machine that is busy it takes a while until even what closes at once is closed. */
static void wait_for_closes(struct client *client)
{
	if (client->waits++ == WAITS_MAX) {
		client_kill(client, "too many descriptors that its user has sent do not close");
		return;
	}
	sd_event_source_set_time_relative(client->wait, WAIT_US);
	sd_event_source_set_enabled(client->wait, SD_EVENT_ONESHOT);
	client_watch(client);
}

static int on_wait(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct client *client = ctx;

	(void)source;
	(void)usec;
	if (!client->dead)
		client_watch(client);
	return 0;
}

/*
 * One step: look how far the message goes, and take no more than that. False if there
 * is nothing more for now.
 */
static bool read_some(struct client *client)
{
	static char ahead[MESSAGE_MAX];
	size_t room = MESSAGE_MAX - client->in_len;
	ssize_t n = recv(client->fd, ahead, room, MSG_PEEK | MSG_DONTWAIT);
	char *end;

	if (n > 0 && closes_too_many(client->peer.uid)) {
		wait_for_closes(client);
		return false;
	}
	client->waits = 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0 && !client->in)
		client->in = malloc(MESSAGE_MAX);
	if (n <= 0 || !client->in) {
		client_kill(client, n > 0 ? "no memory" : NULL);
		return false;
	}
	if (!client->in_len)
		message_begins(client);
	end = memchr(ahead, '\n', n);
	n = receive(client, end ? end - ahead + 1 : n);
	if (n <= 0) {
		client_kill(client, NULL);
		return false;
	}
	if (client->in[client->in_len - 1] == '\n')
		run_message(client, client->in_len - 1);
	else if (client->in_len == MESSAGE_MAX)
		run_message(client, client->in_len);
	return true;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct client *client = ctx;

	(void)source;
	(void)fd;
	if (events & EPOLLOUT)
		client_flush(client);
	if (events & EPOLLIN) {
		for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
			if (client->dead || client->closing || !read_some(client))
				break;
		}
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		client_kill(client, NULL);
	}
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source;
	(void)usec;
	client_kill(ctx, "a message was begun and not ended");
	return 0;
}

/* Coming and going */

static void take_groups(struct peer *peer, int fd)
{
	socklen_t len = 0;

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) || errno != ERANGE)
		return;
	peer->groups = malloc(len);
	if (peer->groups && !getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &len))
		peer->group_count = len / sizeof(gid_t);
}

static int take_peer(struct peer *peer, int fd)
{
	struct ucred ucred;
	socklen_t len = sizeof(ucred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &len))
		return -errno;
	peer->pid = ucred.pid;
	peer->uid = ucred.uid;
	peer->gid = ucred.gid;
	take_groups(peer, fd);
	return 0;
}

struct client *client_new(int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	int err;

	if (!client)
		return NULL;
	client->fd = fd;
	err = take_peer(&client->peer, fd);
	if (!err)
		err = sd_event_add_io(luod.event, &client->io, fd, EPOLLIN, on_io, client);
	if (err >= 0)
		err = sd_event_add_time_relative(luod.event, &client->timer, CLOCK_MONOTONIC,
						 MESSAGE_TIME_US, 0, on_timer, client);
	if (err >= 0)
		err = sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
	if (err >= 0)
		err = sd_event_add_time_relative(luod.event, &client->wait, CLOCK_MONOTONIC,
						 WAIT_US, 0, on_wait, client);
	if (err >= 0)
		err = sd_event_source_set_enabled(client->wait, SD_EVENT_OFF);
	if (err < 0) {
		log_text(LOG_ERR, "a connection can't be served: %s", strerror(-err));
		client->fd = -1;
		client_free(client);
		return NULL;
	}
	return client;
}

void client_free(struct client *client)
{
	struct out *out;

	forget_message(client);
	while ((out = client->out)) {
		client->out = out->next;
		out_free(out);
	}
	sd_event_source_disable_unref(client->io);
	sd_event_source_disable_unref(client->timer);
	sd_event_source_disable_unref(client->wait);
	if (client->fd >= 0)
		close(client->fd);
	free(client->peer.groups);
	free(client->subscription);
	free(client);
}
