// SPDX-License-Identifier: GPL-2.0
/* Sessions that clients create and luod keeps: the client may exit, before the kexec. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define SIZE KIB(16)

/* A client, from its connection to its end: what it holds goes with it. */
static int create_and_exit(void *line)
{
	int client = agent_connect(), session = agent_session(client, "%s", (char *)line);

	return luo_preserve(session, mem_filled("client", 0, SIZE, 3), 3) ? 1 : 0;
}

static int create_keep_and_exit(void *name)
{
	int client = agent_connect();
	int session = agent_session(client, "{\"cmd\":\"CREATE\",\"id\":\"%s\"}", (char *)name);
	int fd;

	if (luo_preserve(session, mem_filled("client", 0, SIZE, 4), 4))
		return 1;
	agent_send(client, session, "{\"cmd\":\"KEEP\",\"id\":\"%s\"}", (char *)name);
	return strstr(agent_line(client, &fd), "\"status\":\"ok\"") ? 0 : 1;
}

static void check_keep_refused(int client)
{
	int session = agent_session(client, "{\"cmd\":\"CREATE\",\"id\":\"mine\"}"), fd;

	agent_error(client, "{\"cmd\":\"CREATE\",\"id\":\"mine\"}", "EEXIST",
		    "a name that is taken");
	agent_error(client, "{\"cmd\":\"KEEP\",\"id\":\"mine\"}", "EBADF",
		    "KEEP without a session");
	agent_send(client, session, "{\"cmd\":\"KEEP\",\"id\":\"other\"}");
	check(strstr(agent_line(client, &fd), "\"EBADF\""), "KEEP of another name");
	agent_send(client, STDIN_FILENO, "{\"cmd\":\"KEEP\",\"id\":\"mine\"}");
	check(strstr(agent_line(client, &fd), "\"EBADF\""), "KEEP of another file");
	agent_error(client, "{\"cmd\":\"RELEASE\",\"id\":\"mine\"}", "ENOENT",
		    "RELEASE of what is not kept");
	close(session);
	check(agent_lists_nothing("mine"), "a session that nobody has is gone");
}

static void before(void)
{
	int client;

	agent_start(AGENT_CONF);
	client = agent_connect();
	check_keep_refused(client);

	check_eq(vm_in_child(create_and_exit, "{\"cmd\":\"CREATE\",\"id\":\"not kept\"}"), 0,
		 "a client creates one");
	check(agent_lists_nothing("not kept"), "it goes with its client");
	check_eq(vm_in_child(create_and_exit,
			     "{\"cmd\":\"CREATE\",\"id\":\"kept: 1\",\"keep\":true}"),
		 0, "a client creates one with keep");
	check(agent_listed("kept: 1", "\"outgoing\"", "\"files\":1", "\"kept\":true"), "it stays");
	check_eq(vm_in_child(create_keep_and_exit, "kept: 2"), 0, "a client has one kept");
	check(agent_listed("kept: 2", "\"outgoing\"", "\"files\":1", "\"kept\":true"), "it stays");

	check_eq(vm_in_child(create_keep_and_exit, "released"), 0, "and another");
	agent_ok(client, "{\"cmd\":\"RELEASE\",\"id\":\"released\"}", "RELEASE");
	check(agent_lists_nothing("released"), "which is gone");
	agent_load(client);
	tap_bail("no kexec: %s", agent_update(client, ""));
}

static void check_claim(int client, const char *name, int number)
{
	int session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"%s\"}", name), file;

	file = luo_retrieve_fd(session, number);
	check(file >= 0 && mem_is(file, 0, SIZE, number), "%s: its file is back", name);
	check_eq(luo_finish(session), 0, "%s: finish", name);
	close(session);
}

static void after(void)
{
	int client, session, fd;

	agent_start(AGENT_CONF);
	client = agent_connect();
	check(agent_lists_nothing("not kept") && agent_lists_nothing("released"),
	      "those two are gone");
	check(agent_listed("kept: 1", "\"incoming\"", "\"kept\":false"), "the first is there");
	agent_error(client, "{\"cmd\":\"RELEASE\",\"id\":\"kept: 1\"}", "ENOENT",
		    "which luod does not keep");
	must(vm_kexec_load(), "load");
	agent_error(client, "{\"cmd\":\"UPDATE\",\"dry_run\":false}", "EBUSY", "no update over it");
	agent_send(client, -1, "{\"cmd\":\"UPDATE\",\"dry_run\":true}");
	check(strstr(agent_line(client, &fd), "\"lost\":[{\"id\":\"kept: "),
	      "a dry run says what would be lost");
	check_claim(client, "kept: 1", 3);

	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"kept: 2\"}");
	agent_send(client, session, "{\"cmd\":\"KEEP\",\"id\":\"kept: 2\"}");
	check(strstr(agent_line(client, &fd), "\"EINVAL\""), "KEEP of an incoming one");
	agent_error(client, "{\"cmd\":\"RELEASE\",\"id\":\"kept: 2\",\"finish\":true}", "EBUSY",
		    "RELEASE of what is claimed");
	close(session);
	agent_ok(client, "{\"cmd\":\"RELEASE\",\"id\":\"kept: 2\",\"finish\":true}",
		 "RELEASE with finish");
	agent_error(client, "{\"cmd\":\"CLAIM\",\"id\":\"kept: 2\"}", "ENOENT", "it is gone");
	agent_error(client, "{\"cmd\":\"RELEASE\",\"id\":\"kept: 2\",\"finish\":true}", "ENOENT",
		    "and not there to be released");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
