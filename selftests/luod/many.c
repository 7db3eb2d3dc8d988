// SPDX-License-Identifier: GPL-2.0
/* 100 clients with 20 files each, in one update. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define CLIENTS	100
#define FILES	20

static int clients[CLIENTS];

static void preserve_all(int session, int client)
{
	for (int i = 0; i < FILES; i++) {
		int fd = mem_filled("file", 0, 4096, client * FILES + i + 1);

		must(luo_preserve(session, fd, i), "preserve");
		close(fd);
	}
}

static void before(void)
{
	int operator, session;
	char id[16];

	agent_start(AGENT_CONF);
	operator = agent_connect();
	for (int i = 0; i < CLIENTS; i++) {
		snprintf(id, sizeof(id), "c-%d", i);
		clients[i] = agent_subscribe(id);
	}
	agent_error(operator, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"c-7\"}", "EEXIST",
		    "an id that is taken");
	agent_error(clients[7], "{\"cmd\":\"SUBSCRIBE\",\"id\":\"c\"}", "EISCONN", "a second one");
	agent_load(operator);
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\",\"timeout\":3600000}");
	for (int i = 0; i < CLIENTS; i++) {
		session = agent_preserving(clients[i]);
		preserve_all(session, i);
		close(session);
		agent_send(clients[i], -1, "{\"cmd\":\"READY\"}");
	}
	tap_bail("no kexec: %s", agent_outcome(operator));
}

/* How many of its files are as they were? */
static int take_all(int client, int number)
{
	int session, good = 0;

	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"c-%d\"}", number);
	for (int i = 0; i < FILES; i++) {
		int fd = luo_retrieve_fd(session, i);

		good += fd >= 0 && mem_is(fd, 0, 4096, number * FILES + i + 1);
		close(fd);
	}
	good += !luo_finish(session) ? 0 : -1;
	close(session);
	return good;
}

static void after(void)
{
	int client, good = 0;

	agent_start(AGENT_CONF);
	client = agent_connect();
	for (int i = 0; i < CLIENTS; i++)
		good += take_all(client, i);
	check_eq(good, CLIENTS * FILES, "2,000 files of 100 clients are back");
	agent_send(client, -1, "{\"cmd\":\"STATUS\"}");
	check(strstr(agent_outcome(client), "\"incoming\":0"), "and nothing is left");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
