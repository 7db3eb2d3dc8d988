// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"
#include "tap.h"

#define ENTRIES 16
#define TEXT 32

/* In the memfd, shared by all who have that */
struct store {
	time_t started;
	uint64_t ticks;
	uint32_t answered;
	struct {
		char name[TEXT], value[TEXT];
	} entries[ENTRIES];
};

/* Not time(), which may be a moment behind the timer. */
static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

static void map_store(struct server *server)
{
	void *p = mmap(NULL, sizeof(struct store), PROT_READ | PROT_WRITE, MAP_SHARED,
		       server->fd[STORE], 0);

	must(p == MAP_FAILED ? -errno : 0, "mmap");
	server->store = p;
}

static void watch(const struct server *server, enum server_file file)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = file };

	must(epoll_ctl(server->fd[EPOLL], EPOLL_CTL_ADD, server->fd[file], &event) ? -errno : 0,
	     "epoll_ctl");
}

static void start_timer(const struct server *server)
{
	struct itimerspec spec = { .it_interval.tv_sec = 1 };

	spec.it_value.tv_sec = server->store->started + 1;
	must(timerfd_settime(server->fd[TIMER], TFD_TIMER_ABSTIME, &spec, NULL) ? -errno : 0,
	     "timerfd_settime");
}

void server_make(struct server *server)
{
	int ends[2];

	*server = (struct server) {};
	server->fd[STORE] = must(memfd_create("store", 0), "memfd_create");
	must(ftruncate(server->fd[STORE], sizeof(struct store)) ? -errno : 0, "ftruncate");
	map_store(server);
	server->store->started = now();

	must(pipe2(ends, O_DIRECT) ? -errno : 0, "pipe2");
	server->fd[REQUESTS] = ends[0];
	server->fd[CLIENT] = ends[1];
	server->fd[TIMER] = must(timerfd_create(CLOCK_REALTIME, 0), "timerfd_create");
	server->fd[STOP] = must(eventfd(0, 0), "eventfd");
	server->fd[EPOLL] = must(epoll_create1(0), "epoll_create1");
	watch(server, REQUESTS);
	watch(server, TIMER);
	watch(server, STOP);
	start_timer(server);
}

void server_preserve(const struct server *server, struct luo_session *session)
{
	for (int i = 0; i < SERVER_FILES; i++)
		must(luo_session__preserve_fd(session, server->fd[i], i), "preserve file %d", i);
}

void server_retrieve(struct server *server, struct luo_session *session)
{
	*server = (struct server) {};
	for (int i = 0; i < SERVER_FILES; i++)
		server->fd[i] = must(luo_session__retrieve_fd(session, i), "retrieve file %d", i);
	map_store(server);
}

static uint64_t take(int fd)
{
	uint64_t count;

	must(read(fd, &count, sizeof(count)) == sizeof(count) ? 0 : -errno, "read");
	return count;
}

static void tick(const struct server *server)
{
	uint64_t n = take(server->fd[TIMER]);

	if (n == 1)
		tap_note("      tick %ju", (uintmax_t)server->store->ticks + 1);
	else
		tap_note("      ticks %ju to %ju", (uintmax_t)server->store->ticks + 1,
			 (uintmax_t)(server->store->ticks + n));
	__atomic_add_fetch(&server->store->ticks, n, __ATOMIC_RELEASE);
}

static char *entry(const struct server *server, const char *name, bool add)
{
	struct store *store = server->store;

	for (int i = 0; i < ENTRIES; i++) {
		if (add && !store->entries[i].name[0])
			snprintf(store->entries[i].name, TEXT, "%s", name);
		if (!strcmp(store->entries[i].name, name))
			return store->entries[i].value;
	}
	return NULL;
}

static void answer(const struct server *server)
{
	char request[128], name[TEXT], value[TEXT], *at;
	ssize_t len = read(server->fd[REQUESTS], request, sizeof(request) - 1);

	must(len > 0 ? 0 : -errno, "read a request");
	request[len] = '\0';
	if (sscanf(request, "set %31s %31s", name, value) == 2) {
		at = entry(server, name, true);
		must(at ? 0 : -ENOSPC, "%s", request);
		snprintf(at, TEXT, "%s", value);
		tap_note("      %s", request);
	} else if (sscanf(request, "get %31s", name) == 1) {
		at = entry(server, name, false);
		tap_note("      %s: %s", request, at ?: "?");
	} else {
		tap_bail("no request: %s", request);
	}
	server->store->answered++;
}

/* The loop: all that it knows of the files is what epoll says. */
static void serve(const struct server *server)
{
	struct epoll_event event;
	bool stop = false;

	while (must(epoll_wait(server->fd[EPOLL], &event, 1, stop ? 0 : -1), "epoll_wait")) {
		switch (event.data.u32) {
		case REQUESTS:
			answer(server);
			break;
		case TIMER:
			tick(server);
			break;
		case STOP:
			take(server->fd[STOP]);
			stop = true;
			break;
		default:
			tap_bail("epoll says %u", event.data.u32);
		}
		fflush(stdout);
	}
}

void server_run(struct server *server)
{
	fflush(stdout);
	server->pid = must(fork(), "fork");
	if (server->pid)
		return;
	serve(server);
	_exit(0);
}

void server_stop(struct server *server)
{
	uint64_t one = 1;
	int status;

	must(write(server->fd[STOP], &one, sizeof(one)) == sizeof(one) ? 0 : -errno, "write");
	must(waitpid(server->pid, &status, 0) == server->pid && !status ? 0 : -ECHILD,
	     "the server ends");
}

void server_ask(const struct server *server, const char *request)
{
	ssize_t len = strlen(request);

	must(write(server->fd[CLIENT], request, len) == len ? 0 : -errno, "write a request");
}

unsigned long server_ticks(const struct server *server)
{
	return __atomic_load_n(&server->store->ticks, __ATOMIC_ACQUIRE);
}

void server_wait_ticks(const struct server *server, unsigned int n)
{
	const unsigned long end = server_ticks(server) + n;

	while (server_ticks(server) < end) {
		must(waitpid(server->pid, NULL, WNOHANG) ? -ECHILD : 0, "the server runs");
		usleep(10000);
	}
}

unsigned long server_due(const struct server *server)
{
	return now() - server->store->started;
}

unsigned int server_answered(const struct server *server)
{
	return server->store->answered;
}

const char *server_value(const struct server *server, const char *name)
{
	return entry(server, name, false);
}
