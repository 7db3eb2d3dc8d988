// SPDX-License-Identifier: GPL-2.0
/*
 * What luod and its keeper cost: memory alone, and with 1,000 clients that have a session each
 * and are idle; instructions while nobody does anything; starting, with a handler and again.
 * With -icount, the time that a process has had is the instructions that it has executed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "tap.h"
#include "vm.h"

#define CLIENTS 1000
#define IDLE_S 10

struct memory {
	long rss, pss;			/* in KiB */
};

static struct memory memory_of(pid_t pid)
{
	struct memory memory = {};
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "re");
	must(f ? 0 : -errno, "%s", path);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Rss: %ld", &memory.rss) == 1 ||
		    sscanf(line, "Pss: %ld", &memory.pss) == 1)
			continue;
	}
	fclose(f);
	return memory;
}

static long long time_of(pid_t pid)
{
	struct timespec time;
	clockid_t clock;

	must(-clock_getcpuclockid(pid, &clock), "clock of process %d", pid);
	must(clock_gettime(clock, &time), "time of process %d", pid);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void show(const char *when, struct memory luod, struct memory keeper)
{
	tap_note("%s: luod RSS %ld KiB, PSS %ld KiB; keeper RSS %ld KiB, PSS %ld KiB", when,
		 luod.rss, luod.pss, keeper.rss, keeper.pss);
}

static void check_idle(const char *when)
{
	pid_t luod = agent_pid(), keeper = agent_keeper_pid();
	long long before[2];

	/* The end of what it was asked for last is after the answer. */
	sleep(1);
	before[0] = time_of(luod);
	before[1] = time_of(keeper);
	sleep(IDLE_S);
	check_eq(time_of(luod) - before[0], 0, "%s: instructions of luod in %d s", when, IDLE_S);
	check_eq(time_of(keeper) - before[1], 0, "%s: instructions of its keeper", when);
}

static void make_clients(void)
{
	struct rlimit limit = { CLIENTS + 64, CLIENTS + 64 };
	int client;

	must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
	for (int i = 0; i < CLIENTS; i++) {
		client = agent_connect();
		close(agent_session(client, "{\"cmd\":\"CREATE\",\"id\":\"s-%d\",\"keep\":true}",
				    i));
	}
}

/* With the children it has waited for, which read objects: in milliseconds, to ten of them. */
static long time_with_children(pid_t pid)
{
	unsigned long user, system, children_user, children_system;
	char path[32], line[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	must(read_file(path, line, sizeof(line)), "%s", path);
	must(sscanf(strrchr(line, ')') + 1, "%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s %lu %lu %lu %lu",
		    &user, &system, &children_user, &children_system) == 4 ? 0 : -EPROTO,
	     "%s", path);
	return (user + system + children_user + children_system) * 1000 / sysconf(_SC_CLK_TCK);
}

/* The first one has handlers loaded and verified, the next finds them attached. */
static void check_start(void)
{
	long first = time_with_children(agent_pid()), second;

	agent_kill();
	second = time_with_children(agent_pid());
	tap_note("start: %ld million instructions with all handlers to load, %ld again",
		 first, second);
	check(second < first / 2, "start: the second luod does not load them again");
}

int main(void)
{
	struct memory luod, keeper, more;

	tap_start(true, 0);
	agent_start(AGENT_CONF);
	check_start();
	kill(agent_keeper_pid(), SIGTERM);
	while (agent_keeper_pid())
		usleep(100000);

	agent_start(AGENT_NO_HANDLERS);
	luod = memory_of(agent_pid());
	keeper = memory_of(agent_keeper_pid());
	show("alone", luod, keeper);
	check(luod.rss < 8192 && keeper.rss < 4096, "alone: it is small");
	check_idle("alone");
	make_clients();
	more = memory_of(agent_pid());
	show("1,000 clients with a session each", more, memory_of(agent_keeper_pid()));
	check(more.rss - luod.rss < 8 * CLIENTS, "1,000 clients: less than 8 KiB for each");
	check(memory_of(agent_keeper_pid()).rss - keeper.rss < CLIENTS,
	      "1,000 clients: less than 1 KiB of the keeper's");
	check_idle("1,000 clients");
	tap_finish();
}
