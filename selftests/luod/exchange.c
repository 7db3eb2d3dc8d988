// SPDX-License-Identifier: GPL-2.0
/* The exchange of a client of luo-agent, as the documentation has it, through a kexec. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define SIZE KIB(64)

static void before(void)
{
	int client, operator, session, memory = mem_filled("vm", 0, SIZE, 7);
	char name[LUO_NAME_MAX];

	agent_start(AGENT_CONF);
	client = agent_connect();
	agent_send(client, -1, "{\"cmd\": \"SUBSCRIBE\", \"id\": \"vm-7\"}");
	check(agent_silent(client), "SUBSCRIBE is not answered");
	operator = agent_connect();
	agent_error(operator, "{\"cmd\":\"UPDATE\"}", "ENOEXEC", "no update without a kernel");
	check(agent_listed("vm-7", "\"state\":null", "\"subscribed\":true"), "it is listed");

	agent_load(operator);
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\"}");
	/* From here on results would not be counted: what is wrong bails out. */
	session = agent_preserving(client);
	must(luo_get_name(session, name), "name");
	must(strcmp(name, "vm-7") ? -EINVAL : 0, "the name is the id");
	must(luo_preserve(session, memory, 1), "preserve");
	fflush(NULL);
	agent_send(client, -1, "{\"cmd\": \"READY\"}");
	tap_bail("no kexec: %s", agent_outcome(operator));
}

static void after(void)
{
	int client, session, memory;

	agent_start(AGENT_CONF);
	client = agent_connect();
	check(agent_listed("vm-7", "\"state\":\"incoming\"", "\"files\":1"), "it is listed");
	agent_send(client, -1, "{\"cmd\": \"CLAIM\", \"id\": \"vm-7\"}");
	check(strstr(agent_line(client, &session), "\"status\":\"ok\""), "CLAIM");
	memory = luo_retrieve_fd(session, 1);
	check(memory >= 0 && mem_is(memory, 0, SIZE, 7), "the file is back");
	agent_error(client, "{\"cmd\":\"CLAIM\",\"id\":\"vm-7\"}", "EBUSY", "the session is open");
	close(session);

	/* A client that dies is the same to the kernel. */
	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"vm-7\"}");
	check(luo_retrieve_fd(session, 1) >= 0, "it goes back, and can be claimed again");
	check_eq(luo_finish(session), 0, "FINISH");
	agent_error(client, "{\"cmd\":\"CLAIM\",\"id\":\"vm-7\"}", "ENOENT", "it is gone");
	check(agent_lists_nothing("vm-7"), "and is not listed");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
