// SPDX-License-Identifier: GPL-2.0
/* Connections, what is said on them and passed along, under the sanitizers: see luod/fake.c. */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "luod/client.h"
#include "luod/fake.h"

#include "kselftest.h"

#define SLOW 80		/* descriptors, 16 at a time: more than one user may have */

static int luod_fds(void)
{
	struct dirent *entry;
	char dir_path[64];
	int count = 0;
	DIR *dir;

	snprintf(dir_path, sizeof(dir_path), "/proc/%d/fd", luod_pid);
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
	int small = 4096;
	socklen_t len = sizeof(address);
	static char data[65536];
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
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

/* Until it is, what was asked before may be done. */
static void stop_luod(void)
{
	siginfo_t info;

	if (kill(luod_pid, SIGSTOP) || waitid(P_PID, luod_pid, &info, WSTOPPED))
		ksft_exit_fail_msg("luod can't be stopped: %s\n", strerror(errno));
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
		stop_luod();
		/* To a command that takes none, and with half a message */
		say_with(other, &fd, 1, i % 2 ? "{" : "{\"cmd\":\"LIST\"}\n");
		close(fd);
		kill(luod_pid, SIGCONT);
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

/* One user can have so many closed at a time; then he is served no more, until they are. */
static void test_slow_closes(void)
{
	int client = dial(), other, fds[SLOW], peers[SLOW], before;

	say(client, "{\"cmd\":\"HELLO\",\"version\":1}");
	hear(client, "\"ok\"", NULL);
	before = luod_fds();
	for (int i = 0; i < SLOW; i++)
		fds[i] = slow_to_close(&peers[i]);
	/* Once: a signal ends all that waits in close(). */
	stop_luod();
	for (int i = 0; i < SLOW; i += 16)
		say_with(client, fds + i, 16, "{\"cmd\":\"LIST\"}\n");
	for (int i = 0; i < SLOW; i++)
		close(fds[i]);
	kill(luod_pid, SIGCONT);
	for (int i = 0; i < SLOW; i += 16)
		hear(client, "EBADF", NULL);
	say(client, "{\"cmd\":\"LIST\"}");
	hear(client, "(the end)", NULL);
	close(client);
	other = dial();
	say(other, "{\"cmd\":\"LIST\"}");
	hear(other, "(the end)", NULL);
	close(other);
	for (int i = 0; i < SLOW; i++)
		close(peers[i]);
	if (!becomes(before - 1)) {
		ksft_print_msg("%d descriptors, should be %d\n", luod_fds(), before - 1);
		good = false;
	}
	client = dial();
	say(client, "{\"cmd\":\"LIST\"}");
	hear(client, "\"ok\"", NULL);
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

/* Descriptors from this one on are more than luod may have; returns what it might before. */
static struct rlimit limit_luod(rlim_t files)
{
	struct rlimit before, limit;

	if (prlimit(luod_pid, RLIMIT_NOFILE, NULL, &before))
		ksft_exit_fail_msg("prlimit: %s\n", strerror(errno));
	limit = (struct rlimit) { files, before.rlim_max };
	if (prlimit(luod_pid, RLIMIT_NOFILE, &limit, NULL))
		ksft_exit_fail_msg("prlimit: %s\n", strerror(errno));
	return before;
}

/* The number that luod's next descriptor has */
static int next_fd_of_luod(void)
{
	char path[64];
	int fd = 0;

	do
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", luod_pid, fd++);
	while (!access(path, F_OK) || errno != ENOENT);
	return fd - 1;
}

static long long cpu_ns_of_luod(void)
{
	struct timespec t = {};
	clockid_t clock;

	clock_getcpuclockid(luod_pid, &clock);
	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static bool is_silent(int client, int ms)
{
	struct pollfd fd = { client, POLLIN, 0 };

	return !poll(&fd, 1, ms);
}

/* Who connects then waits, and luod does too, until there is a descriptor again. */
static void test_no_descriptors(void)
{
	static const char hello[] = "{\"cmd\":\"HELLO\",\"version\":1}";
	int client = dial(), late, later;
	struct rlimit before;
	long long cpu;

	say(client, hello);
	hear(client, "\"ok\"", NULL);
	before = limit_luod(next_fd_of_luod());
	late = dial();
	say(late, hello);
	cpu = cpu_ns_of_luod();
	/* It tries again meanwhile. */
	good = good && is_silent(late, 2500);
	cpu = cpu_ns_of_luod() - cpu;
	if (cpu > 500 * 1000000) {
		ksft_print_msg("luod burns time: %lld ms\n", cpu / 1000000);
		good = false;
	}
	say(client, hello);
	hear(client, "\"ok\"", NULL);
	later = dial();
	say(later, hello);
	/* Its descriptor is that of the one that has waited. */
	close(client);
	hear(late, "\"ok\"", NULL);
	good = good && is_silent(later, 100);
	limit_luod(before.rlim_cur);
	hear(later, "\"ok\"", NULL);
	close(late);
	close(later);
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

int main(void)
{
	static const struct luod_test tests[] = {
		{ "descriptors that are slow to close", test_slow_close, false },
		{ "more of them than one user may send", test_slow_closes, false },
		{ "descriptors are closed", test_descriptors, false },
		{ "no descriptor is left for a client", test_no_descriptors, false },
		{ "what is no message", test_garbage, false },
		{ "a client that does not read", test_deaf, false },
		{ "sessions are listed in pages", test_pages, false },
		{ "luod.conf is read again", test_reload, false },
	};

	luod_run_tests(tests, sizeof(tests) / sizeof(*tests));
}
