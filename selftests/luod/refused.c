// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel refuses the kexec after luod has asked for it: everybody learns why, what luod
 * keeps stays, the machine goes on, and the next update takes place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define SIZE KIB(16)
#define REFUSES 7

static int operator, memory;

/* The next line has all three. */
static void hears(int client, const char *begin, const char *error, const char *why,
		  const char *what)
{
	const char *line;
	int fd;

	line = agent_line(client, &fd) ?: "(the connection ended)";
	if (!check(!strncmp(line, begin, strlen(begin)) && strstr(line, error) && strstr(line, why),
		   "%s", what))
		tap_note("  %s", line);
}

static void status_has(const char *text, const char *what)
{
	const char *line;
	int fd;

	agent_send(operator, -1, "{\"cmd\":\"STATUS\"}");
	line = agent_line(operator, &fd) ?: "(the connection ended)";
	if (!check(strstr(line, text), "%s", what))
		tap_note("  %s", line);
}

static void keep(void)
{
	int session = agent_session(operator, "{\"cmd\":\"CREATE\",\"id\":\"kept\",\"keep\":true}");

	memory = mem_filled("kept", 0, SIZE, 1);
	must(luo_preserve(session, memory, 1), "preserve");
	must(luo_preserve(session, testfh_open(REFUSES), REFUSES), "preserve the one that refuses");
	close(session);
}

static void subscriber_is_ready(int client)
{
	int session = agent_preserving(client);

	must(luo_preserve(session, mem_filled("client", 0, SIZE, 2), 2), "preserve");
	close(session);
	agent_send(client, -1, "{\"cmd\":\"READY\"}");
}

static void check_intact(const char *when)
{
	check(agent_listed("kept", "\"outgoing\"", "\"files\":2", "\"kept\":true"),
	      "%s: what luod keeps is there", when);
	check(agent_listed("client", "\"state\":null", "\"subscribed\":true"),
	      "%s: the subscriber's session is void, and it has subscribed still", when);
	status_has("\"state\":\"idle\"", "no update is under way");
	status_has("\"loaded\":true", "the kernel is loaded still");
	/* luod.state is not left behind. */
	status_has("\"sessions\":{\"outgoing\":1,", "no other session is there");
}

static void refused(int client)
{
	agent_load(operator);
	testfh_fail("freeze", REFUSES);
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\"}");
	subscriber_is_ready(client);
	hears(client, "{\"event\":\"KEXEC\"", "\"client\"", "", "the subscriber is told of the kexec");
	hears(client, "{\"event\":\"CANCELLED\"", "\"EIO\"", "\"message\":\"the kexec is refused\"}",
	      "and that it did not take place, without names of others");
	check(strstr(agent_outcome(operator),
		     "\"error\":\"EIO\",\"message\":\"the kernel refuses the kexec: Input/output error: "
		     "'luo-test-v1' failed in freeze of file 0x7 of session 'kept'"),
	      "so is the operator, with what the kernel's log says");
	check_intact("refused");
}

/* Without a subscriber, by luoctl; and with the luod after that. */
static void refused_again(void)
{
	int status;

	status = system("luoctl update > /tmp/update 2>&1");
	check(WIFEXITED(status) && WEXITSTATUS(status) == 1, "luoctl update fails");
	check(!system("grep -q '^luoctl: luod: UPDATE: the kernel .*luo-test-v1' /tmp/update"),
	      "luoctl says why");
	if (WEXITSTATUS(status) != 1 && system("sed 's/^/#   /' /tmp/update"))
		tap_note("it says nothing");
	close(operator);
	agent_kill();
	operator = agent_connect();
	check(agent_listed("kept", "\"outgoing\"", "\"files\":2", "\"kept\":true"),
	      "luod killed after that: what it keeps is there");
}

static void before(void)
{
	int client, session;

	testfh_load("");
	agent_start(AGENT_CONF);
	operator = agent_connect();
	keep();
	client = agent_subscribe("client");
	refused(client);
	close(client);
	refused_again();

	/* Files are as they were: not frozen, and preserved. */
	mem_fill(memory, 0, SIZE, 3);
	session = agent_session(operator, "{\"cmd\":\"CREATE\",\"id\":\"late\",\"keep\":true}");
	check_eq(luo_preserve(session, memory, 1), -EBUSY, "the file is preserved still");
	check_eq(luo_preserve(session, mem_filled("late", 0, SIZE, 4), 1), 0,
		 "another session is made and filled");
	close(session);

	client = agent_subscribe("client");
	testfh_fail("freeze", 0);
	agent_load(operator);
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\"}");
	subscriber_is_ready(client);
	tap_bail("no kexec: %s", agent_outcome(operator));
}

static int claimed(const char *name, int token, int number)
{
	int session = agent_session(operator, "{\"cmd\":\"CLAIM\",\"id\":\"%s\"}", name);
	int file = luo_retrieve_fd(session, token);

	check(file >= 0 && mem_is(file, 0, SIZE, number), "%s: its memory is back", name);
	return session;
}

static void after(void)
{
	int session;

	testfh_load("");
	agent_start(AGENT_CONF);
	operator = agent_connect();
	session = claimed("kept", 1, 3);
	check_eq(testfh_number(luo_retrieve_fd(session, REFUSES)), REFUSES,
		 "kept: so is the other file");
	check_eq(luo_finish(session), 0, "kept: finish");
	check_eq(luo_finish(claimed("late", 1, 4)), 0, "late: finish");
	check_eq(luo_finish(claimed("client", 2, 2)), 0, "client: finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
