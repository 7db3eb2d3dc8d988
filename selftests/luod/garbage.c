// SPDX-License-Identifier: GPL-2.0
/* What no client sends, and what luod makes of it: it goes on serving the others. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "tap.h"
#include "vm.h"

#define CONNECTIONS	1000
#define USERS 5
#define USER_CONNECTIONS 200

static int luod_fds(void)
{
	struct dirent *entry;
	char path[64];
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", agent_pid());
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

/* One line of that, and the end of the connection. */
static void check_ends(const char *bytes, size_t len, const char *error, const char *what)
{
	int client = agent_connect(), fd;
	const char *line;
	char text[64];

	/* That it is not read to its end is part of it. */
	while (len) {
		ssize_t n = send(client, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		bytes += n;
		len -= n;
	}
	line = agent_line(client, &fd);
	snprintf(text, sizeof(text), "{\"status\":\"error\",\"error\":\"%s\"", error);
	check(line && !strncmp(line, text, strlen(text)), "%s: %s, and no cmd", what, error);
	check(!agent_line(client, &fd), "%s: the connection ends", what);
	close(client);
}

static void check_garbage(void)
{
	static const char nul[] = "{\"cmd\":\"LIST\"}\0\n";
	size_t size = 10 << 20;
	char *large = malloc(size);

	check_ends("hello\n", 6, "EPROTO", "no JSON");
	check_ends("\n", 1, "EPROTO", "an empty line");
	check_ends(nul, sizeof(nul) - 1, "EPROTO", "a NUL");
	check_ends("[1]\n", 4, "EPROTO", "no object");
	check_ends("{\"cmd\":\"\xff\"}\n", 12, "EPROTO", "no UTF-8");
	memset(large, '{', size);
	check_ends(large, size, "EMSGSIZE", "10 MB");
	free(large);
}

/* In the order in which they were sent, however they are cut. */
static void check_pieces(void)
{
	static const char text[] =
		"{\"cmd\":\"HELLO\",\"version\":1,\"seq\":1}\n{\"cmd\":\"LIST\",\"seq\":2}\n";
	int client = agent_connect(), fd;
	const char *line;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		must(send(client, text + i, 1, MSG_NOSIGNAL), "send");
	line = agent_line(client, &fd);
	check(line && strstr(line, "\"seq\":1"), "pieces: the first answer");
	line = agent_line(client, &fd);
	check(line && strstr(line, "\"seq\":2"), "pieces: the second");
	close(client);
}

static void check_half(void)
{
	int client = agent_connect(), fd;

	must(send(client, "{\"cmd\":", 7, 0), "send");
	check(!agent_line(client, &fd), "half a message: the connection ends, after a time");
	close(client);
	client = agent_connect();
	must(send(client, "{\"cmd\":", 7, 0), "send");
	close(client);
	client = agent_connect();
	check(agent_silent(client), "half a message: and when the client goes");
	close(client);
}

/* Descriptors belong to the message that they come with, and are closed with it. */
static void check_descriptors(void)
{
	int client = agent_connect(), many[17], fd, before;

	/* By its answer, luod has seen the others go. */
	agent_ok(client, "{\"cmd\":\"HELLO\",\"version\":1}", "descriptors: luod serves");
	before = luod_fds();
	for (int i = 0; i < 17; i++)
		many[i] = STDIN_FILENO;
	for (int i = 0; i < 100; i++) {
		agent_send(client, STDIN_FILENO, "{\"cmd\":\"LIST\"}");
		if (!strstr(agent_line(client, &fd), "\"EBADF\""))
			tap_bail("LIST takes a descriptor");
		agent_send_fds(client, many, 17, "{\"cmd\":\"LOAD\"}\n");
		if (!strstr(agent_line(client, &fd), "\"EBADF\""))
			tap_bail("LOAD takes 17 descriptors");
		agent_send_fds(client, many, 16, "{\"cmd\":\"LOAD\"}\n");
		if (!strstr(agent_line(client, &fd), "\"EBADF\""))
			tap_bail("LOAD takes 16 descriptors");
	}
	check(true, "descriptors: more than a command takes");
	check_eq(luod_fds(), before, "descriptors: luod has none of 3,400 left");
	agent_error(client, "{\"cmd\":\"LOAD\"}", "EBADF",
		    "descriptors: fewer than a command takes");

	/* Two messages at once, the descriptor with the second. */
	must(send(client, "{\"cmd\":\"LIST\",\"seq\":1}\n", 23, 0), "send");
	agent_send(client, STDIN_FILENO, "{\"cmd\":\"KEEP\",\"id\":\"x\",\"seq\":2}");
	check(strstr(agent_line(client, &fd), "\"status\":\"ok\""),
	      "descriptors: not the first one's");
	check(strstr(agent_line(client, &fd), "not of a session 'x'"),
	      "descriptors: the second one's");
	close(client);
}

/* Who asks, and never reads. */
static void check_deaf(void)
{
	int client = agent_connect(), other = agent_connect();
	static const char line[] = "{\"cmd\":\"LOG\",\"lines\":500}\n";
	long sent = 0;

	while (send(client, line, sizeof(line) - 1, MSG_NOSIGNAL) > 0)
		sent++;
	check(errno == EPIPE || errno == ECONNRESET, "deaf: the connection ends");
	tap_note("after %ld messages", sent);
	agent_ok(other, "{\"cmd\":\"HELLO\",\"version\":1}", "deaf: others are served");
	close(client);
	close(other);
}

/* Sessions that are not read either are descriptors of luod's. */
static void check_deaf_sessions(void)
{
	int client = agent_connect(), other = agent_connect(), before, most = 0;
	char line[64];

	agent_ok(other, "{\"cmd\":\"HELLO\",\"version\":1}", "deaf: luod serves");
	before = luod_fds();
	for (int i = 0; i < 2000; i++) {
		int n = snprintf(line, sizeof(line),
				 "{\"cmd\":\"CREATE\",\"id\":\"deaf-%d\"}\n", i);

		if (send(client, line, n, MSG_NOSIGNAL) < 0)
			break;
		if (i % 100 == 99 && luod_fds() > most)
			most = luod_fds();
	}
	agent_ok(other, "{\"cmd\":\"HELLO\",\"version\":1}", "deaf to sessions: others are served");
	check(most - before < 50, "deaf to sessions: luod has not all of them: %d", most - before);
	close(client);
	close(other);
}

static void check_crowd(void)
{
	struct rlimit limit = { 4096, 4096 };
	static int clients[CONNECTIONS + 100];
	int served = 0, refused = 0, fd;
	const char *line;

	must(setrlimit(RLIMIT_NOFILE, &limit), "limit");
	for (int i = 0; i < CONNECTIONS; i++)
		clients[i] = agent_connect();
	for (int i = 0; i < CONNECTIONS; i++) {
		agent_send(clients[i], -1, "{\"cmd\":\"HELLO\",\"version\":1}");
		line = agent_line(clients[i], &fd);
		served += line && strstr(line, "\"ok\"");
	}
	check_eq(served, CONNECTIONS, "crowd: 1,000 are served");
	for (int i = CONNECTIONS; i < CONNECTIONS + 100; i++) {
		clients[i] = agent_connect();
		agent_send(clients[i], -1, "{\"cmd\":\"HELLO\",\"version\":1}");
		line = agent_line(clients[i], &fd);
		refused += line && strstr(line, "\"error\":\"EMFILE\"");
	}
	check_eq(refused, 76, "crowd: of 100 more, 76 are refused");
	for (int i = 0; i < CONNECTIONS + 100; i++)
		close(clients[i]);
	fd = agent_connect();
	agent_ok(fd, "{\"cmd\":\"HELLO\",\"version\":1}",
		 "crowd: when they are gone, others are served");
	close(fd);
}

/* Users that are not root have no more than their part, so root gets in. */
static void check_strangers(void)
{
	int clients[USERS * USER_CONNECTIONS], served = 0, fd;
	const char *line;

	for (int i = 0; i < USERS * USER_CONNECTIONS; i++) {
		must(seteuid(2000 + i / USER_CONNECTIONS), "seteuid");
		clients[i] = agent_connect();
		must(seteuid(0), "seteuid");
		agent_send(clients[i], -1, "{\"cmd\":\"HELLO\",\"version\":1}");
		line = agent_line(clients[i], &fd);
		served += line && strstr(line, "\"ok\"");
	}
	check_eq(served, 960, "strangers: so many are served");
	fd = agent_connect();
	agent_ok(fd, "{\"cmd\":\"HELLO\",\"version\":1}", "strangers: root is served");
	close(fd);
	for (int i = 0; i < USERS * USER_CONNECTIONS; i++)
		close(clients[i]);
}

int main(void)
{
	int before, client;
	pid_t pid;

	tap_start(true, 0);
	agent_start(AGENT_NO_HANDLERS);
	pid = agent_pid();
	before = luod_fds();
	check_garbage();
	check_pieces();
	check_half();
	check_descriptors();
	check_deaf();
	check_deaf_sessions();
	check_crowd();
	check_strangers();
	client = agent_connect();
	agent_ok(client, "{\"cmd\":\"HELLO\",\"version\":1}", "luod serves");
	check_eq(agent_pid(), pid, "it is the same all along");
	close(client);
	client = agent_connect();
	agent_ok(client, "{\"cmd\":\"HELLO\",\"version\":1}", "and others after that");
	tap_note("%d descriptors before any connection, %d with one", before, luod_fds());
	tap_finish();
}
