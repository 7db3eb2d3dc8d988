// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"
#include "fake.h"

#include "kselftest.h"

char luod_path[64];
pid_t luod_pid;
bool good;

int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, luod_path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		ksft_exit_fail_msg("connect: %s\n", strerror(errno));
	return fd;
}

void say_with(int client, const int *fds, int count, const char *line)
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

void say(int client, const char *line)
{
	say_with(client, NULL, 0, line);
	say_with(client, NULL, 0, "\n");
}

const char *hear_with(int client, int *session)
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

void hear(int client, const char *text, ...)
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

int start_of(int client)
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

int subscribe(const char *line)
{
	int client = dial();

	say(client, line);
	hear(client, "\"ok\"", NULL);
	return client;
}

void settle(void)
{
	int client = dial();

	say(client, "{\"cmd\":\"HELLO\",\"version\":1}");
	hear(client, "\"ok\"", NULL);
	close(client);
}

static bool run(const struct luod_test *test)
{
	int status;

	good = true;
	luod_pid = test->remembering ? fake_start_remembering(luod_path) : fake_start(luod_path);
	test->run();
	status = fake_stop(luod_pid);
	if (status)
		ksft_print_msg("luod ended with status %d\n", status);
	return good && !status;
}

void luod_run_tests(const struct luod_test *tests, size_t nr)
{
	snprintf(luod_path, sizeof(luod_path), "/tmp/luod-native-%d", getpid());
	ksft_print_header();
	ksft_set_plan(nr);
	for (size_t i = 0; i < nr; i++)
		ksft_test_result(run(&tests[i]), "%s\n", tests[i].name);
	unlink(luod_path);
	ksft_finished();
}
