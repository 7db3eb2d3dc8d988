// SPDX-License-Identifier: GPL-2.0
/* Users that are not root: what luod.conf gives them, and nothing else. */
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "luo.h"
#include "tap.h"
#include "vm.h"

#define CONF "{ \"handlers\": [], \"iterators\": \"/iterators\", \"allow\": [" \
	"{ \"user\": \"1000\", \"names\": [ \"vm-*\" ] }," \
	"{ \"group\": \"50\", \"rights\": [ \"status\" ] } ] }"

/* Answers are counted here, in the parent: a child has one bit for each. */
static bool answers(int client, const char *line, const char *want)
{
	const char *answer;
	int fd;

	agent_send(client, -1, "%s", line);
	answer = agent_line(client, &fd);
	if (answer && strstr(answer, want))
		return true;
	tap_note("  %s: %s", line, answer ?: "the connection ended");
	return false;
}

static void become(uid_t uid, gid_t group)
{
	must(setgroups(group ? 1 : 0, &group), "setgroups");
	must(setresgid(uid, uid, uid), "setresgid");
	must(setresuid(uid, uid, uid), "setresuid");
}

static const char *const everything[] = {
	"{\"cmd\":\"STATUS\"}", "{\"cmd\":\"LOG\"}", "{\"cmd\":\"RELOAD\"}",
	"{\"cmd\":\"UPDATE\"}", "{\"cmd\":\"CANCEL\"}",
	"{\"cmd\":\"HANDLERS\"}", "{\"cmd\":\"HANDLER_UNLOAD\",\"name\":\"a\"}",
	"{\"cmd\":\"SUBSCRIBE\",\"id\":\"db\"}", "{\"cmd\":\"CREATE\",\"id\":\"db\"}",
	"{\"cmd\":\"CLAIM\",\"id\":\"db\"}", "{\"cmd\":\"RELEASE\",\"id\":\"db\"}",
	"{\"cmd\":\"CREATE\",\"id\":\"luod.state\"}",
};

static int as_nobody(void *arg)
{
	int client = agent_connect();
	bool good = true;

	(void)arg;
	become(65534, 0);
	close(client);
	/* Who it is counts when it connects. */
	client = agent_connect();
	for (size_t i = 0; i < sizeof(everything) / sizeof(*everything); i++)
		good &= answers(client, everything[i], "\"error\":\"EACCES\"");
	good &= answers(client, "{\"cmd\":\"LIST\"}", "\"sessions\":[]");
	good &= answers(client, "{\"cmd\":\"HELLO\",\"version\":1}", "\"version\":1");
	return good ? 0 : 1;
}

static int as_owner(void *arg)
{
	int client, session;
	bool good;

	(void)arg;
	become(1000, 0);
	client = agent_connect();
	session = agent_session(client, "{\"cmd\":\"CREATE\",\"id\":\"vm-1\",\"keep\":true}");
	good = answers(client, "{\"cmd\":\"LIST\"}", "\"sessions\":[{\"id\":\"vm-1\"") &&
	       answers(client, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"vm-2\",\"seq\":1}", "ok") &&
	       answers(client, "{\"cmd\":\"RELEASE\",\"id\":\"vm-1\"}", "ok") &&
	       answers(client, "{\"cmd\":\"CLAIM\",\"id\":\"vm-3\"}", "ENOENT") &&
	       answers(client, "{\"cmd\":\"CREATE\",\"id\":\"vm\"}", "EACCES") &&
	       answers(client, "{\"cmd\":\"STATUS\"}", "EACCES");
	close(session);
	return good ? 0 : 1;
}

static int as_member(void *arg)
{
	int client;

	(void)arg;
	become(1001, 50);
	client = agent_connect();
	return answers(client, "{\"cmd\":\"STATUS\"}", "\"state\":\"idle\"") &&
	       answers(client, "{\"cmd\":\"LOG\",\"lines\":1}", "\"lines\":[\"") &&
	       answers(client, "{\"cmd\":\"UPDATE\"}", "EACCES") ? 0 : 1;
}

/* As many connections as one user may have, and one more. */
static int as_greedy(void *arg)
{
	int client = -1, fd;
	const char *line;

	(void)arg;
	become(1002, 0);
	for (int i = 0; i < 256; i++)
		client = agent_connect();
	if (!answers(client, "{\"cmd\":\"HELLO\",\"version\":1}", "ok"))
		return 1;
	client = agent_connect();
	line = agent_line(client, &fd);
	return line && strstr(line, "EMFILE") && !agent_line(client, &fd) ? 0 : 1;
}

int main(void)
{
	int client, session;

	tap_start(true, 0);
	agent_start(CONF);
	client = agent_connect();
	session = agent_session(client, "{\"cmd\":\"CREATE\",\"id\":\"db\",\"keep\":true}");
	close(session);
	agent_error(client, "{\"cmd\":\"CREATE\",\"id\":\"luod.x\"}", "EACCES",
		    "root has no right to luod's names");
	agent_error(client, "{\"cmd\":\"CREATE\",\"id\":\"systemd\"}", "EACCES",
		    "nor to make a session that PID 1 is to make");
	agent_error(client, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"systemd\"}", "EACCES",
		    "or to be given one");
	check_eq(vm_in_child(as_nobody, NULL), 0, "nobody: nothing at all");
	check_eq(vm_in_child(as_owner, NULL), 0, "a user: sessions of its names");
	check_eq(vm_in_child(as_member, NULL), 0, "a group: the right that it was given");
	check_eq(vm_in_child(as_greedy, NULL), 0, "a user: 256 connections");
	agent_ok(client, "{\"cmd\":\"HELLO\",\"version\":1}", "root is served meanwhile");
	check(agent_listed("db", "\"kept\":true"), "what was there is");
	tap_finish();
}
