// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"
#include "tap.h"

#define PATIENCE_MS 120000
#define FDS_MAX 40

struct server {
	char dir[32];
	struct sockaddr_un addr;
	int listener;
	int peer;
	pthread_t thread;
	const struct server_step *steps;
	char line[70000];
	int fds;			/* that came with it */
	char wrong[512];
};

static bool fail(struct server *s, const char *what, const char *more)
{
	snprintf(s->wrong, sizeof(s->wrong), "%s: %.400s", what, more);
	return false;
}

static void drop_fds(struct server *s, struct msghdr *msg)
{
	for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
		size_t nr = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fds[FDS_MAX];

		memcpy(fds, CMSG_DATA(head), nr * sizeof(int));
		for (size_t i = 0; i < nr; i++) {
			/* What came must be an open file. */
			s->fds += fcntl(fds[i], F_GETFD) >= 0;
			close(fds[i]);
		}
	}
}

static bool read_line(struct server *s)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	size_t len = 0;

	s->fds = 0;
	while (len < sizeof(s->line) - 1) {
		struct iovec iov = { .iov_base = s->line + len, .iov_len = 1 };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
				      .msg_control = control, .msg_controllen = sizeof(control) };
		struct pollfd p = { .fd = s->peer, .events = POLLIN };

		s->line[len] = '\0';
		if (poll(&p, 1, PATIENCE_MS) != 1)
			return fail(s, "no request came in time", s->line);
		if (recvmsg(s->peer, &msg, MSG_CMSG_CLOEXEC) != 1)
			return fail(s, "the client went away", s->line);
		drop_fds(s, &msg);
		if (s->line[len] == '\n') {
			s->line[len] = '\0';
			return true;
		}
		len++;
	}
	return fail(s, "the request has no end", "");
}

char *server_quoted(const char *text)
{
	char *copy = strdup(text);

	for (char *c = copy; *c; c++) {
		if (*c == '\'')
			*c = '"';
	}
	return copy;
}

static bool has(const char *line, const char *want)
{
	char *quoted = server_quoted(want);
	bool found = strstr(line, quoted);

	free(quoted);
	return found;
}

/* @text with quotes and the number of the request; to be freed. */
static char *fill_in(const struct server *s, const char *text)
{
	const char *seq = strstr(s->line, "\"seq\":");
	char *all = NULL;
	size_t len;
	FILE *f = open_memstream(&all, &len);

	for (; *text; text++) {
		if (!strncmp(text, "$S", 2)) {
			fprintf(f, "%d", seq ? atoi(seq + 6) : -1);
			text++;
		} else {
			fputc(*text == '\'' ? '"' : *text, f);
		}
	}
	fclose(f);
	return all;
}

static bool send_bytes(struct server *s, const char *text, size_t len, const int *fds, int nr)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * FDS_MAX)] = {};
	struct iovec iov = { .iov_base = (char *)text, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nr) {
		struct cmsghdr *head;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(head), fds, nr * sizeof(int));
	}
	while (len) {
		ssize_t n = sendmsg(s->peer, &msg, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= n;
		len -= n;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
	return true;
}

/* A client that has seen enough may be gone: what comes of it is the test's to check. */
static void play_send(struct server *s, const struct server_step *step)
{
	char *text = fill_in(s, step->send);
	size_t len = strlen(text), head = step->stray ? len - 1 : 0;
	int fds[FDS_MAX];

	for (int i = 0; i < step->fds; i++)
		fds[i] = memfd_create(step->name ?: "a", MFD_CLOEXEC);
	for (size_t i = 0; step->bytewise && i + 1 < len; i++, head++)
		send_bytes(s, text + i, 1, fds, i ? 0 : step->fds);
	if (!step->bytewise && head)
		send_bytes(s, text, head, NULL, 0);
	send_bytes(s, text + head, len - head, fds, step->bytewise ? 0 : step->fds);
	for (int i = 0; i < step->fds; i++)
		close(fds[i]);
	free(text);
}

static bool play(struct server *s, const struct server_step *step)
{
	if (step->want) {
		if (!read_line(s))
			return false;
		if (!has(s->line, step->want))
			return fail(s, step->want, s->line);
		if (s->fds != step->takes)
			return fail(s, "other descriptors than wanted", s->line);
	}
	if (step->fill) {
		char *letters = malloc(step->fill);

		memset(letters, 'a', step->fill);
		send_bytes(s, letters, step->fill, NULL, 0);
		free(letters);
	}
	if (step->send)
		play_send(s, step);
	if (step->hang_up)
		shutdown(s->peer, SHUT_RDWR);
	return true;
}

static const struct server_step hello = {
	.want = "'cmd':'HELLO'",
	.send = "{'cmd':'HELLO','status':'ok','version':1,'server':'test','seq':$S}\n",
};

static void *serve(void *arg)
{
	struct server *s = arg;
	const struct server_step *step = s->steps;
	struct pollfd p = { .fd = s->listener, .events = POLLIN };
	bool good = poll(&p, 1, PATIENCE_MS) == 1;

	s->peer = good ? accept4(s->listener, NULL, NULL, SOCK_CLOEXEC) : -1;
	if (s->peer < 0) {
		fail(s, "nobody connected", "");
		return NULL;
	}
	if (!step->want || !strstr(step->want, "HELLO"))
		good = play(s, &hello);
	for (; good && (step->want || step->send || step->fill || step->hang_up); step++)
		good = play(s, step);
	/* Until the client has had all of it. */
	p.fd = s->peer;
	p.events = POLLIN | POLLRDHUP;
	while (good && poll(&p, 1, PATIENCE_MS) == 1 && recv(s->peer, s->line + 60000, 1, 0) > 0)
		snprintf(s->wrong, sizeof(s->wrong), "a request that the script does not have");
	close(s->peer);
	return NULL;
}

struct server *server_start(const struct server_step *steps)
{
	struct server *s = calloc(1, sizeof(*s));

	s->steps = steps;
	strcpy(s->dir, "/tmp/luod-test.XXXXXX");
	if (!mkdtemp(s->dir))
		tap_bail("mkdtemp: %s", strerror(errno));
	s->addr.sun_family = AF_UNIX;
	snprintf(s->addr.sun_path, sizeof(s->addr.sun_path), "%s/socket", s->dir);
	s->listener = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	must(bind(s->listener, (struct sockaddr *)&s->addr, sizeof(s->addr)), "bind");
	must(listen(s->listener, 4), "listen");
	if (pthread_create(&s->thread, NULL, serve, s))
		tap_bail("pthread_create");
	return s;
}

const char *server_path(const struct server *server)
{
	return server->addr.sun_path;
}

bool server_end(struct server *s)
{
	bool good;

	pthread_join(s->thread, NULL);
	good = !*s->wrong;
	if (!good)
		tap_note("server: %s", s->wrong);
	close(s->listener);
	unlink(s->addr.sun_path);
	rmdir(s->dir);
	free(s);
	return good;
}
