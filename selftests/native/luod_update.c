// SPDX-License-Identifier: GPL-2.0
/* An update's state machine, and connections, under the sanitizers: see luod/fake.c. */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "luod/fake.h"

#include "kselftest.h"

#define LIMIT_MS (120 * 1000)

static char path[64];
static pid_t luod;
static bool good;

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		ksft_exit_fail_msg("connect: %s\n", strerror(errno));
	return fd;
}

static void say_with(int client, const int *fds, int count, const char *line)
{
	char control[CMSG_SPACE(32 * sizeof(int))] = {};
	struct iovec iov = { (char *)line, strlen(line) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	}
	if (sendmsg(client, &msg, MSG_NOSIGNAL) < 0)
		good = false;
}

static void say(int client, const char *line)
{
	say_with(client, NULL, 0, line);
	say_with(client, NULL, 0, "\n");
}

static const char *hear_with(int client, int *session)
{
	static char line[1 << 20];
	size_t n = 0;

	*session = -1;
	for (; n < sizeof(line) - 1; n++) {
		char control[CMSG_SPACE(sizeof(int))];
		struct iovec iov = { line + n, 1 };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				      .msg_controllen = sizeof(control) };
		struct pollfd poll_fd = { client, POLLIN, 0 };
		struct cmsghdr *cmsg;

		if (poll(&poll_fd, 1, LIMIT_MS) != 1 ||
		    recvmsg(client, &msg, MSG_CMSG_CLOEXEC) <= 0)
			return "(the end)";
		cmsg = CMSG_FIRSTHDR(&msg);
		if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
			memcpy(session, CMSG_DATA(cmsg), sizeof(int));
		if (line[n] == '\n')
			break;
	}
	line[n] = '\0';
	return line;
}

/* The next line has all of these texts. */
static void hear(int client, const char *text, ...)
{
	const char *line, *want = text;
	va_list args;
	int fd;

	do {
		line = hear_with(client, &fd);
	} while (strstr(line, "PROGRESS"));
	va_start(args, text);
	for (; want; want = va_arg(args, const char *)) {
		if (strstr(line, want))
			continue;
		ksft_print_msg("'%s' is not in: %s\n", want, line);
		good = false;
	}
	va_end(args);
	if (fd >= 0)
		close(fd);
}

static int start_of(int client)
{
	const char *line;
	int session;

	line = hear_with(client, &session);
	if (session < 0 || !strstr(line, "START_PRESERVATION")) {
		ksft_print_msg("no session: %s\n", line);
		good = false;
	}
	return session;
}

static int subscribe(const char *line)
{
	int client = dial();

	say(client, line);
	hear(client, "\"ok\"", NULL);
	return client;
}

/* Everything that was said before, luod has heard. */
static void settle(void)
{
	int client = dial();

	say(client, "{\"cmd\":\"HELLO\",\"version\":1}");
	hear(client, "\"ok\"", NULL);
	close(client);
}

static void check_idle(int client)
{
	say(client, "{\"cmd\":\"STATUS\"}");
	hear(client, "\"state\":\"idle\"", "\"update\":null", NULL);
}

#define SUBSCRIBE_A "{\"cmd\":\"SUBSCRIBE\",\"id\":\"a\",\"seq\":1}"
#define SUBSCRIBE_B "{\"cmd\":\"SUBSCRIBE\",\"id\":\"b\",\"seq\":1}"

static void test_refused(void)
{
	int operator = dial(), client = subscribe(SUBSCRIBE_A), session;

	say(operator, "{\"cmd\":\"UPDATE\",\"seq\":9}");
	session = start_of(client);
	say(client, "{\"cmd\":\"READY\"}");
	hear(client, "\"KEXEC\"", "\"a\"", NULL);
	hear(client, "\"CANCELLED\"", "EUCLEAN", "\"message\":\"the kexec is refused\"", NULL);
	hear(operator, "\"UPDATE\"", "\"seq\":9", "EUCLEAN", "refuses", NULL);
	say(client, "{\"cmd\":\"READY\"}");
	hear(client, "EINVAL", NULL);
	check_idle(operator);
	close(session);
	say(operator, "{\"cmd\":\"LIST\"}");
	hear(operator, "[{\"id\":\"a\",\"state\":null", "\"subscribed\":true,\"ready\":false}]",
	     NULL);
	close(client);
	close(operator);
}

static void test_nobody(void)
{
	int operator = dial();

	say(operator, "{\"cmd\":\"UPDATE\"}");
	hear(operator, "EUCLEAN", NULL);
	close(operator);
}

/* Nobody knows whether something of the last update is there still. */
static void test_blind(void)
{
	int operator = dial(), client = subscribe(SUBSCRIBE_A);

	say(client, "{\"cmd\":\"CREATE\",\"id\":\"k\",\"keep\":true}");
	hear(client, "\"ok\"", NULL);
	fake->blind = true;
	say(operator, "{\"cmd\":\"LIST\",\"limit\":2}");
	hear(operator, "[{\"id\":\"a\"", "},{\"id\":\"k\"", "],\"next\":null}", NULL);
	say(operator, "{\"cmd\":\"STATUS\"}");
	hear(operator, "\"sessions\":{\"outgoing\":null,\"incoming\":null}", NULL);
	say(operator, "{\"cmd\":\"UPDATE\"}");
	hear(operator, "\"UPDATE\"", "EOPNOTSUPP", "can't be listed", NULL);
	say(operator, "{\"cmd\":\"UPDATE\",\"dry_run\":true}");
	hear(operator, "\"ok\"", "\"refused\":\"EOPNOTSUPP\"", NULL);
	say(operator, "{\"cmd\":\"UPDATE\",\"force\":true}");
	close(start_of(client));
	say(client, "{\"cmd\":\"READY\"}");
	hear(client, "KEXEC", NULL);
	hear(operator, "EUCLEAN", NULL);
	close(client);
	close(operator);
}

static void test_late(void)
{
	int operator = dial(), client = subscribe(SUBSCRIBE_A), session;

	for (int i = 0; i < 3; i++) {
		say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":0}");
		session = start_of(client);
		hear(client, "CANCELLED", "ETIMEDOUT", NULL);
		hear(operator, "ETIMEDOUT", "'a': it was not ready in time", NULL);
		close(session);
	}
	check_idle(operator);
	close(client);
	close(operator);
}

static void test_go(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B), fd;

	say(operator, "{\"cmd\":\"UPDATE\",\"policy\":\"go\",\"timeout\":100000}");
	fd = start_of(a);
	close(start_of(b));
	say(b, "{\"cmd\":\"READY\"}");
	say(a, "{\"cmd\":\"FAILED\",\"message\":\"no room\"}");
	hear(a, "CANCELLED", "no room", NULL);
	hear(b, "KEXEC", NULL);
	hear(b, "CANCELLED", "EUCLEAN", NULL);
	hear(operator, "EUCLEAN", NULL);
	say(operator, "{\"cmd\":\"LOG\"}");
	hear(operator, "voided [\\\"a\\\"]", NULL);
	close(fd);
	close(a);
	close(b);
	close(operator);
}

/* Who is late has its session kept all the same, or makes another one. */
static void test_go_kept(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B), session;
	int c = subscribe("{\"cmd\":\"SUBSCRIBE\",\"id\":\"c\",\"seq\":1}");
	int d = subscribe("{\"cmd\":\"SUBSCRIBE\",\"id\":\"d\",\"seq\":1}");

	say(operator, "{\"cmd\":\"UPDATE\",\"policy\":\"go\",\"timeout\":100000}");
	session = start_of(a);
	close(start_of(b));
	close(start_of(c));
	close(start_of(d));
	say(a, "{\"cmd\":\"FAILED\"}");
	say(b, "{\"cmd\":\"FAILED\"}");
	say(d, "{\"cmd\":\"FAILED\"}");
	hear(a, "CANCELLED", NULL);
	hear(a, "\"ok\"", NULL);
	hear(b, "CANCELLED", NULL);
	hear(b, "\"ok\"", NULL);
	hear(d, "CANCELLED", NULL);
	say_with(a, &session, 1, "{\"cmd\":\"KEEP\",\"id\":\"a\"}\n");
	hear(a, "\"ok\"", NULL);
	say(b, "{\"cmd\":\"CREATE\",\"id\":\"b\"}");
	hear(b, "\"ok\"", NULL);
	say(c, "{\"cmd\":\"READY\"}");
	hear(operator, "EUCLEAN", NULL);
	say(operator, "{\"cmd\":\"LOG\"}");
	hear(operator, "voided [\\\"d\\\"]", NULL);
	close(session);
	close(a);
	close(b);
	close(c);
	close(d);
	close(operator);
}

static void test_go_late(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B);

	say(operator, "{\"cmd\":\"UPDATE\",\"policy\":\"go\",\"timeout\":0}");
	close(start_of(a));
	close(start_of(b));
	hear(a, "CANCELLED", "ETIMEDOUT", NULL);
	hear(b, "CANCELLED", "ETIMEDOUT", NULL);
	hear(operator, "EUCLEAN", NULL);
	close(a);
	close(b);
	close(operator);
}

static void test_failed(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B);

	say(operator, "{\"cmd\":\"UPDATE\"}");
	close(start_of(a));
	close(start_of(b));
	say(a, "{\"cmd\":\"READY\",\"seq\":2}");
	hear(a, "\"READY\"", "\"ok\"", NULL);
	/* Even who was ready may find that it is not. */
	say(a, "{\"cmd\":\"FAILED\",\"message\":\"only for a\"}");
	hear(a, "CANCELLED", "ECANCELED", "\"message\":\"only for a\"", NULL);
	hear(a, "\"FAILED\"", "\"ok\"", NULL);
	hear(b, "CANCELLED", "ECANCELED", "\"message\":\"another client can't take part\"}", NULL);
	hear(operator, "ECANCELED", "'a': only for a", NULL);
	check_idle(operator);
	close(a);
	close(b);
	close(operator);
}

static void test_gone(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B);

	say(operator, "{\"cmd\":\"UPDATE\"}");
	close(start_of(a));
	close(start_of(b));
	say(b, "{\"cmd\":\"READY\"}");
	settle();
	close(b);
	settle();
	say(operator, "{\"cmd\":\"STATUS\"}");
	hear(operator, "\"preserve\"", "\"waiting\":[\"a\"]", NULL);
	/* Back again, and ready as it was. */
	b = subscribe(SUBSCRIBE_B);
	close(a);
	hear(b, "CANCELLED", "\"another client can't take part\"", NULL);
	hear(operator, "ECANCELED", "'a': its client went away", NULL);
	check_idle(operator);
	close(b);
	close(operator);
}

static void test_unsubscribed(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A);

	say(operator, "{\"cmd\":\"UPDATE\"}");
	close(start_of(a));
	say(a, "{\"cmd\":\"UNSUBSCRIBE\"}");
	hear(a, "CANCELLED", NULL);
	hear(a, "\"UNSUBSCRIBE\"", "\"ok\"", NULL);
	hear(operator, "ECANCELED", NULL);
	say(a, "{\"cmd\":\"UNSUBSCRIBE\"}");
	hear(a, "ENOTCONN", NULL);
	say(a, "{\"cmd\":\"READY\"}");
	hear(a, "ENOTCONN", NULL);
	close(a);
	close(operator);
}

static void test_cancel(void)
{
	int operator = dial(), other = dial(), a = subscribe(SUBSCRIBE_A), session;

	say(operator, "{\"cmd\":\"UPDATE\"}");
	session = start_of(a);
	say(other, "{\"cmd\":\"UPDATE\"}");
	hear(other, "EALREADY", NULL);
	say(other, "{\"cmd\":\"UPDATE\",\"dry_run\":true}");
	hear(other, "\"subscribers\":[\"a\"]", "EALREADY", NULL);
	say(other, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"new\"}");
	hear(other, "EBUSY", NULL);
	say(other, "{\"cmd\":\"CANCEL\",\"reason\":\"not today\"}");
	hear(other, "\"ok\"", NULL);
	hear(a, "CANCELLED", "not today", NULL);
	hear(operator, "\"UPDATE\"", "not today", NULL);

	/* The next waits until the client has closed the session of this one. */
	say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":100000}");
	settle();
	close(session);
	close(start_of(a));
	close(operator);
	hear(a, "CANCELLED", "who asked for the update is gone", NULL);
	say(other, "{\"cmd\":\"CANCEL\"}");
	hear(other, "EINVAL", NULL);
	close(a);
	close(other);
}

/* systemd is asked, and takes its time: nobody can spoil it then, but it may give up. */
static void test_systemd(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B);

	fake->kexec = FAKE_COMING;
	say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":100000}");
	close(start_of(a));
	close(start_of(b));
	say(a, "{\"cmd\":\"READY\"}");
	say(b, "{\"cmd\":\"READY\"}");
	hear(a, "KEXEC", NULL);
	hear(b, "KEXEC", NULL);
	say(a, "{\"cmd\":\"FAILED\"}");
	hear(a, "\"FAILED\"", "EINVAL", NULL);
	say(b, "{\"cmd\":\"UNSUBSCRIBE\"}");
	hear(b, "\"UNSUBSCRIBE\"", "\"ok\"", NULL);
	close(b);
	settle();
	/* Longer than luod waits before it asks whether the kexec is to come */
	sleep(5);
	say(a, "{\"cmd\":\"STATUS\"}");
	hear(a, "\"state\":\"kexec\"", NULL);
	say(a, "{\"cmd\":\"LIST\"}");
	hear(a, "\"id\":\"a\"", "\"subscribed\":true,\"ready\":true", "\"id\":\"b\"",
	     "\"subscribed\":false,\"ready\":true", NULL);

	fake->kexec = FAKE_GIVEN_UP;
	hear(a, "CANCELLED", "ECANCELED", "given up", NULL);
	hear(operator, "\"UPDATE\"", "ECANCELED", "given up", NULL);
	check_idle(a);
	say(a, "{\"cmd\":\"LIST\"}");
	hear(a, "[{\"id\":\"a\",\"state\":null", "\"ready\":false}]", NULL);
	close(a);
	close(operator);
}

/* Luod died when this one was ready: the update waits for it to come back. */
static void test_remembered(void)
{
	int operator = dial(), a;

	say(operator, "{\"cmd\":\"LIST\"}");
	hear(operator, "\"id\":\"" FAKE_REMEMBERED "\"", "\"ready\":true", NULL);
	say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":0,\"policy\":\"abort\"}");
	hear(operator, "ETIMEDOUT", "did not come back", NULL);
	say(operator, "{\"cmd\":\"LIST\"}");
	hear(operator, "\"sessions\":[]", NULL);
	fake_stop(luod);
	luod = fake_start_remembering(path);
	close(operator);
	operator = dial();
	say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":100000}");
	settle();
	a = dial();
	say(a, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"" FAKE_REMEMBERED "\"}");
	hear(a, "KEXEC", NULL);
	hear(a, "CANCELLED", "EUCLEAN", NULL);
	hear(operator, "EUCLEAN", NULL);
	close(a);
	close(operator);
}

static int luod_fds(void)
{
	struct dirent *entry;
	char dir_path[64];
	int count = 0;
	DIR *dir;

	snprintf(dir_path, sizeof(dir_path), "/proc/%d/fd", luod);
	dir = opendir(dir_path);
	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

/* Luod closes what it got when it gets to it. */
static bool becomes(int fds)
{
	for (int i = 0; i < LIMIT_MS && luod_fds() != fds; i++)
		usleep(1000);
	return luod_fds() == fds;
}

/* To close it takes a minute, for nobody reads what was sent there. */
static int slow_to_close(int *peer)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger linger = { 1, 60 };
	socklen_t len = sizeof(address);
	static char data[65536];
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &len) ||
	    connect(fd, (struct sockaddr *)&address, len) ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		ksft_exit_fail_msg("a connection: %s\n", strerror(errno));
	*peer = accept(listener, NULL, NULL);
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	close(listener);
	return fd;
}

/* Luod serves while it waits for the ends of files that clients sent. */
static void test_slow_close(void)
{
	int client = dial(), peers[4], begun = time(NULL);

	say(client, "{\"cmd\":\"HELLO\",\"version\":1}");
	hear(client, "\"ok\"", NULL);
	for (int i = 0; i < 4; i++) {
		int fd = slow_to_close(&peers[i]), other = dial();

		/* Luod's is to be the last one. */
		kill(luod, SIGSTOP);
		/* To a command that takes none, and with half a message */
		say_with(other, &fd, 1, i % 2 ? "{" : "{\"cmd\":\"LIST\"}\n");
		close(fd);
		kill(luod, SIGCONT);
		if (!(i % 2))
			hear(other, "EBADF", NULL);
		close(other);
		settle();
	}
	say(client, "{\"cmd\":\"LIST\"}");
	hear(client, "\"ok\"", NULL);
	if (time(NULL) - begun > 30) {
		ksft_print_msg("luod waits\n");
		good = false;
	}
	for (int i = 0; i < 4; i++)
		close(peers[i]);
	close(client);
}

static void test_descriptors(void)
{
	int client = dial(), fds[17] = {}, before;

	say(client, "{\"cmd\":\"HELLO\",\"version\":1}");
	hear(client, "\"ok\"", NULL);
	before = luod_fds();
	for (int count = 1; count <= 17; count++) {
		say_with(client, fds, count, "{\"cmd\":\"LIST\"}\n");
		hear(client, "EBADF", NULL);
		say_with(client, fds, count, "{\"cmd\":\"KEEP\",\"id\":\"x\"}\n");
		hear(client, "EBADF", NULL);
		say_with(client, fds, count, "{\"cmd\":\"LOAD\"}\n");
		hear(client, count <= 2 ? "ENOEXEC" : "EBADF", NULL);
	}
	if (!becomes(before)) {
		ksft_print_msg("%d descriptors before, %d after\n", before, luod_fds());
		good = false;
	}
	/* With a message that is not ended */
	say_with(client, fds, 5, "{\"cmd\"");
	close(client);
	good = good && becomes(before - 1);
}

static void test_garbage(void)
{
	static char large[10 << 20];
	int client = dial();
	size_t done = 0;

	memset(large, 'x', sizeof(large));
	while (done < sizeof(large)) {
		ssize_t n = send(client, large + done, sizeof(large) - done, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		done += n;
	}
	hear(client, "{\"status\":\"error\",\"error\":\"EMSGSIZE\"", NULL);
	hear(client, "(the end)", NULL);
	close(client);
	client = dial();
	say(client, "no");
	hear(client, "{\"status\":\"error\",\"error\":\"EPROTO\"", NULL);
	hear(client, "(the end)", NULL);
	close(client);
	/* Begun and not ended */
	client = dial();
	say_with(client, NULL, 0, "{");
	hear(client, "(the end)", NULL);
	close(client);
}

static void test_deaf(void)
{
	int client = dial(), other = dial();

	for (int i = 0; i < 100; i++) {
		say(other, "{\"cmd\":\"CLAIM\",\"id\":\"a name to fill the log with\"}");
		hear(other, "ENOENT", NULL);
	}
	while (send(client, "{\"cmd\":\"STATUS\"}\n", 17, MSG_NOSIGNAL) > 0)
		;
	say(other, "{\"cmd\":\"HELLO\",\"version\":1}");
	hear(other, "\"ok\"", NULL);
	close(client);
	close(other);
}

/* Sessions and who has subscribed, in the order of their names */
static void test_pages(void)
{
	int client = dial(), subscriber = dial();

	say(client, "{\"cmd\":\"CREATE\",\"id\":\"d\",\"keep\":true}");
	hear(client, "\"ok\"", NULL);
	say(client, "{\"cmd\":\"CREATE\",\"id\":\"a\",\"keep\":true}");
	hear(client, "\"ok\"", NULL);
	say(client, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"d\",\"seq\":1}");
	hear(client, "\"ok\"", NULL);
	say(subscriber, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"b\",\"seq\":1}");
	hear(subscriber, "\"ok\"", NULL);
	say(client, "{\"cmd\":\"LIST\",\"limit\":2}");
	hear(client, "[{\"id\":\"a\",\"state\":\"outgoing\"",
	     "{\"id\":\"b\",\"state\":null", "],\"next\":\"b\"}", NULL);
	say(client, "{\"cmd\":\"LIST\",\"limit\":2,\"after\":\"b\"}");
	hear(client, "[{\"id\":\"d\",\"state\":\"outgoing\"", "\"subscribed\":true",
	     "],\"next\":null}", NULL);
	say(client, "{\"cmd\":\"LIST\",\"after\":\"d\"}");
	hear(client, "\"sessions\":[],\"next\":null}", NULL);
	say(client, "{\"cmd\":\"LIST\"}");
	hear(client, "\"id\":\"a\"", "\"id\":\"b\"", "\"id\":\"d\"", "],\"next\":null}", NULL);
	fake->twice = true;
	say(client, "{\"cmd\":\"LIST\",\"limit\":1}");
	hear(client, "[{\"id\":\"a\",\"state\":\"", "},{\"id\":\"a\",\"state\":\"",
	     "}],\"next\":\"a\"}", NULL);
	say(client, "{\"cmd\":\"LIST\",\"limit\":1,\"after\":\"a\"}");
	hear(client, "[{\"id\":\"b\",\"state\":null", "}],\"next\":\"b\"}", NULL);
	say(client, "{\"cmd\":\"LIST\",\"limit\":1,\"after\":\"a/\\n\"}");
	hear(client, "[{\"id\":\"b\",\"state\":null", NULL);
	say(client, "{\"cmd\":\"LIST\",\"limit\":1,\"after\":\"b\"}");
	hear(client, "[{\"id\":\"d\",\"state\":\"", "},{\"id\":\"d\",\"state\":\"",
	     "}],\"next\":null}", NULL);
	close(client);
	close(subscriber);
}

/* Nobody has more kept; but an update needs no room that is not there. */
static void test_full(void)
{
	int operator = dial(), client = subscribe(SUBSCRIBE_A), session;

	fake->full = true;
	say(operator, "{\"cmd\":\"CREATE\",\"id\":\"k\",\"keep\":true}");
	hear(operator, "ENOSPC", NULL);
	say(operator, "{\"cmd\":\"CREATE\",\"id\":\"k\"}");
	hear_with(operator, &session);
	say_with(operator, &session, 1, "{\"cmd\":\"KEEP\",\"id\":\"k\"}\n");
	hear(operator, "ENOSPC", "too many", NULL);
	close(session);
	say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":100000}");
	close(start_of(client));
	say(client, "{\"cmd\":\"READY\"}");
	hear(client, "KEXEC", NULL);
	hear(operator, "EUCLEAN", NULL);
	close(client);
	close(operator);
}

/* There is no file, so that it says nothing. */
static void test_reload(void)
{
	int client = dial();

	for (int i = 0; i < 3; i++) {
		say(client, "{\"cmd\":\"RELOAD\"}");
		hear(client, geteuid() ? "\"EACCES\"" : "\"ok\"", NULL);
	}
	close(client);
}

static bool run(void (*test)(void), bool remembering)
{
	int status;

	good = true;
	luod = remembering ? fake_start_remembering(path) : fake_start(path);
	test();
	status = fake_stop(luod);
	if (status)
		ksft_print_msg("luod ended with status %d\n", status);
	return good && !status;
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
		bool remembering;
	} tests[] = {
		{ "the kernel refuses the kexec", test_refused, false },
		{ "an update without subscribers", test_nobody, false },
		{ "sessions that can't be listed", test_blind, false },
		{ "one is late, three times", test_late, false },
		{ "it goes without who has failed", test_go, false },
		{ "it goes without, and that one keeps its session", test_go_kept, false },
		{ "it goes without who is late", test_go_late, false },
		{ "who was ready fails", test_failed, false },
		{ "clients go away", test_gone, false },
		{ "a client unsubscribes", test_unsubscribed, false },
		{ "CANCEL, and an update at once", test_cancel, false },
		{ "systemd goes for it, and gives up", test_systemd, false },
		{ "who was ready for a luod that died", test_remembered, true },
		{ "descriptors that are slow to close", test_slow_close, false },
		{ "descriptors are closed", test_descriptors, false },
		{ "what is no message", test_garbage, false },
		{ "a client that does not read", test_deaf, false },
		{ "sessions are listed in pages", test_pages, false },
		{ "no room for more", test_full, false },
		{ "luod.conf is read again", test_reload, false },
	};

	snprintf(path, sizeof(path), "/tmp/luod-native-%d", getpid());
	ksft_print_header();
	ksft_set_plan(sizeof(tests) / sizeof(*tests));
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		ksft_test_result(run(tests[i].run, tests[i].remembering), "%s\n", tests[i].name);
	unlink(path);
	ksft_finished();
}
