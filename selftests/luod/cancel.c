// SPDX-License-Identifier: GPL-2.0
/* Updates that do not take place: everything is as it was, and the next one works. */
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

static int operator, memory;

/* The client learns of it, and its session is void: the file can be put into another. */
static void check_cancelled(int client, int session, const char *error, const char *what)
{
	const char *line;
	char text[64];
	int fd;

	line = agent_line(client, &fd);
	snprintf(text, sizeof(text), "\"error\":\"%s\"", error);
	if (!check(line && strstr(line, "{\"event\":\"CANCELLED\",\"id\":\"c\"") &&
		   strstr(line, text),
		   "%s: the client learns why", what))
		tap_note("  %s", line ?: "(the connection ended)");
	close(session);
	check(agent_listed("c", "\"state\":null", "\"subscribed\":true"),
	      "%s: it has subscribed still", what);
}

static int preserve(int client)
{
	int session = agent_preserving(client);

	must(luo_preserve(session, memory, 1), "preserve");
	return session;
}

static void check_failed(const char *error, const char *what)
{
	const char *line = agent_outcome(operator);
	char text[64];

	snprintf(text, sizeof(text), "\"error\":\"%s\"", error);
	if (!check(strstr(line, "{\"cmd\":\"UPDATE\"") && strstr(line, text),
		   "%s: so does the operator", what))
		tap_note("  %s", line);
}

static void late(int client)
{
	int session;

	agent_send(operator, -1, "{\"cmd\":\"UPDATE\",\"timeout\":200}");
	session = preserve(client);
	check_cancelled(client, session, "ETIMEDOUT", "late");
	check_failed("ETIMEDOUT", "late");
	agent_error(client, "{\"cmd\":\"READY\"}", "EINVAL", "late: READY comes too late");
}

static void failed(int client)
{
	int session;

	agent_send(operator, -1, "{\"cmd\":\"UPDATE\"}");
	session = preserve(client);
	agent_send(client, -1, "{\"cmd\":\"FAILED\",\"message\":\"disk is full\"}");
	check_cancelled(client, session, "ECANCELED", "failed");
	check(strstr(agent_outcome(operator), "'c': disk is full"), "failed: so does the operator");
	check(strstr(agent_outcome(client), "\"status\":\"ok\""), "failed: FAILED is answered");
}

static void cancelled(int client)
{
	int session, other = agent_connect();

	agent_error(other, "{\"cmd\":\"CANCEL\"}", "EINVAL", "cancel: there is none");
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\"}");
	session = preserve(client);
	agent_error(other, "{\"cmd\":\"UPDATE\"}", "EALREADY", "cancel: one at a time");
	agent_error(other, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"new\"}", "EBUSY",
		    "cancel: nobody joins");
	agent_ok(other, "{\"cmd\":\"CANCEL\",\"reason\":\"not today\"}", "cancel: CANCEL");
	check_cancelled(client, session, "ECANCELED", "cancel");
	check(strstr(agent_outcome(operator), "not today"), "cancel: so does the operator");
	close(other);
}

static void operator_gone(int client)
{
	int session;

	agent_send(operator, -1, "{\"cmd\":\"UPDATE\"}");
	session = preserve(client);
	close(operator);
	check_cancelled(client, session, "ECANCELED", "operator gone");
	operator = agent_connect();
}

/* The next update finds the session of the last one open, and waits for its end. */
static void at_once(int client)
{
	int first, second, fd;

	agent_send(operator, -1, "{\"cmd\":\"UPDATE\",\"timeout\":0}");
	first = preserve(client);
	check_failed("ETIMEDOUT", "at once");
	agent_event(client, "CANCELLED", &fd, "at once: the client learns of it");
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\",\"timeout\":3600000}");
	check(agent_silent(client), "at once: the client has no session of that name yet");
	close(first);
	second = preserve(client);
	check(second >= 0, "at once: but once it has closed the first");
	agent_send(operator, -1, "{\"cmd\":\"CANCEL\"}");
	check_cancelled(client, second, "ECANCELED", "at once");
	check_failed("ECANCELED", "at once");
	check(strstr(agent_outcome(operator), "\"status\":\"ok\""),
	      "at once: CANCEL comes after it");
}

/* With the policy "go" it goes without who is late, whatever that one holds. */
static void go_without(int late, int good, int keeps)
{
	int session;

	agent_load(operator);
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\",\"timeout\":30000,\"policy\":\"go\"}");
	preserve(late);
	/* This one says that it is not ready, but that its session is to be kept. */
	session = agent_preserving(keeps);
	must(luo_preserve(session, mem_filled("keeps", 0, SIZE, 3), 3), "preserve");
	agent_send(keeps, -1, "{\"cmd\":\"FAILED\"}");
	must(strstr(agent_outcome(keeps), "CANCELLED") ? 0 : -EPROTO, "CANCELLED");
	must(strstr(agent_outcome(keeps), "\"ok\"") ? 0 : -EPROTO, "FAILED");
	agent_send(keeps, session, "{\"cmd\":\"KEEP\",\"id\":\"keeps\"}");
	must(strstr(agent_outcome(keeps), "\"ok\"") ? 0 : -EPROTO, "KEEP");
	must(luo_preserve(agent_preserving(good), mem_filled("good", 0, SIZE, 2), 2), "preserve");
	agent_send(good, -1, "{\"cmd\":\"READY\"}");
	tap_bail("no kexec: %s", agent_outcome(operator));
}

static void before(void)
{
	int client;

	agent_start(AGENT_CONF);
	must(vm_kexec_load(), "load");
	memory = mem_filled("c", 0, SIZE, 1);
	operator = agent_connect();
	client = agent_subscribe("c");
	late(client);
	failed(client);
	cancelled(client);
	operator_gone(client);
	at_once(client);
	go_without(client, agent_subscribe("good"), agent_subscribe("keeps"));
}

static void after(void)
{
	int client, session;

	agent_start(AGENT_CONF);
	client = agent_connect();
	agent_error(client, "{\"cmd\":\"CLAIM\",\"id\":\"c\"}", "ENOENT",
		    "go: who was late has no session");
	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"good\"}");
	check(luo_retrieve_fd(session, 2) >= 0, "go: who was ready has one");
	check_eq(luo_finish(session), 0, "go: finish");
	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"keeps\"}");
	check(luo_retrieve_fd(session, 3) >= 0, "go: so has who had it kept all the same");
	check_eq(luo_finish(session), 0, "go: finish that");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
