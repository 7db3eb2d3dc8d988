// SPDX-License-Identifier: GPL-2.0
/*
 * The keeper is killed, and then luod, at several moments: luod gives all it has to another
 * keeper, and that to another luod.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define SIZE KIB(16)
#define KEPT 20
/* More than a socket takes */
#define HANG_MAX 2000

/* Whoever is it now */
static pid_t kill_it(void)
{
	pid_t pid;

	while (!(pid = agent_keeper_pid()))
		usleep(10000);
	kill(pid, SIGKILL);
	return pid;
}

static void kill_keeper(void)
{
	pid_t old = kill_it(), now;
	int client;

	do {
		usleep(10000);
		now = agent_keeper_pid();
	} while (now <= 0 || now == old);
	/* What luod answers after it has begun to start one comes when that one has everything. */
	client = agent_connect();
	must(agent_silent(client) ? 0 : -EPROTO, "luod answers");
	close(client);
}

static void keep(const char *name, int number)
{
	int client = agent_connect(), session;

	session = agent_session(client, "{\"cmd\":\"CREATE\",\"id\":\"%s\",\"keep\":true}", name);
	must(luo_preserve(session, mem_filled(name, 0, SIZE, number), number), "preserve");
	close(session);
	close(client);
}

static void check_kept(const char *when)
{
	check(agent_listed("kept", "\"outgoing\"", "\"files\":1", "\"kept\":true"),
	      "%s: what luod keeps is there", when);
}

static void check_handler(const char *when)
{
	int client = agent_connect(), fd;
	const char *line;

	agent_send(client, -1, "{\"cmd\":\"HANDLERS\"}");
	line = agent_line(client, &fd) ?: "";
	if (!check(strstr(line, "\"name\":\"eventfd\",\"file\":null,\"compatible\":\"eventfd-v1\","
			  "\"version\":1,\"error\":null"), "%s: so is the handler", when))
		tap_note("  %s", line);
	close(client);
}

static void idle(void)
{
	pid_t luod = agent_pid();

	kill_keeper();
	check_eq(agent_pid(), luod, "idle: luod lives on");
	check_kept("idle");
	agent_kill();
	check_kept("idle, then luod");
	check_handler("idle, then luod");
	check(vm_log_count("luod: handler 'eventfd': still attached") == 1,
	      "idle, then luod: it is not loaded again");
	for (int i = 0; i < 3; i++)
		kill_keeper();
	agent_kill();
	check_kept("three keepers, then luod");
	kill_keeper();
	agent_kill();
	kill_keeper();
	agent_kill();
	check_kept("in turns");
	check_handler("in turns");
}

/* What another keeper was given, and what it must not have besides: it lets go of it. */
static void released(void)
{
	int client, session;

	keep("again", 1);
	kill_keeper();
	client = agent_connect();
	agent_ok(client, "{\"cmd\":\"RELEASE\",\"id\":\"again\"}", "released: RELEASE");
	check(agent_lists_nothing("again"), "released: the session is gone");
	session = agent_session(client, "{\"cmd\":\"CREATE\",\"id\":\"again\"}");
	check(session >= 0, "released: there may be another one of that name");
	close(session);
	close(client);
}

/* Sessions are made while keepers die. */
static void busy(void)
{
	char name[16];
	int there = 0;

	for (int i = 0; i < KEPT; i++) {
		if (i % 4 == 2)
			kill_it();
		snprintf(name, sizeof(name), "busy-%d", i);
		keep(name, i + 1);
	}
	kill_keeper();
	agent_kill();
	for (int i = 0; i < KEPT; i++) {
		snprintf(name, sizeof(name), "busy-%d", i);
		there += agent_listed(name, "\"outgoing\"", "\"files\":1", "\"kept\":true");
	}
	check_eq(there, KEPT, "busy: sessions that are there");
}

/* In an update, when one of two is ready: it goes on. After luod, what was ready is so still. */
static void in_update(void)
{
	int clients[] = { agent_subscribe("ready"), agent_subscribe("other") };
	int operator = agent_connect(), sessions[2];

	must(vm_kexec_load(), "load");
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\",\"timeout\":3600000}");
	for (int i = 0; i < 2; i++) {
		sessions[i] = agent_preserving(clients[i]);
		must(luo_preserve(sessions[i], mem_filled("client", 0, SIZE, 30 + i), 1),
		     "preserve");
	}
	agent_ok(clients[0], "{\"cmd\":\"READY\",\"seq\":1}", "update: one is ready");
	kill_keeper();
	check(agent_silent(clients[0]) && agent_silent(clients[1]),
	      "update: it goes on, and nobody is told anything");
	agent_kill();
	for (int i = 0; i < 2; i++) {
		close(sessions[i]);
		close(clients[i]);
	}
	close(operator);
	check(agent_listed("ready", "\"outgoing\"", "\"files\":1", "\"ready\":true"),
	      "update, then luod: who was ready is so still");
	check(agent_lists_nothing("other"), "update, then luod: the other one is not");
}

/* luod.conf is wrong when luod dies: its keeper waits with everything until it is right. */
static void wrong_conf(void)
{
	pid_t keeper = agent_keeper_pid();

	agent_conf("{ \"no\": 1 }");
	kill(agent_pid(), SIGKILL);
	for (int i = 0; i < 3000 && vm_log_count("luod died .status 78") < 2; i++)
		usleep(100000);
	check(vm_log_count("luod died .status 78") >= 2, "wrong luod.conf: luod is tried again");
	check_eq(agent_keeper_pid(), keeper, "wrong luod.conf: the keeper lives");
	agent_conf(AGENT_CONF);
	check_kept("luod.conf is right again");
	check_handler("luod.conf is right again");
}

static void release(int client, int number)
{
	const char *line;
	int fd;

	agent_send(client, -1, "{\"cmd\":\"RELEASE\",\"id\":\"hang-%d\"}", number);
	line = agent_line(client, &fd) ?: "";
	must(strstr(line, "\"ok\"") ? 0 : -EPROTO, "release");
}

/* One that hangs is killed, as soon as it does not take what luod sends. */
static void hanging(void)
{
	pid_t keeper = agent_keeper_pid();
	int client = agent_connect(), made = 0;
	char line[80];

	kill(keeper, SIGSTOP);
	while (made < HANG_MAX && agent_keeper_pid() == keeper)
		close(agent_session(client, "{\"cmd\":\"CREATE\",\"id\":\"hang-%d\",\"keep\":true}",
				    made++));
	check(made < HANG_MAX, "a keeper that hangs is killed");
	tap_note("after %d sessions", made);
	while (agent_keeper_pid() <= 0 || agent_keeper_pid() == keeper)
		usleep(10000);
	must(agent_silent(client) ? 0 : -EPROTO, "luod answers");
	agent_kill();
	close(client);
	client = agent_connect();
	snprintf(line, sizeof(line), "hang-%d", made - 1);
	check(agent_listed(line, "\"kept\":true"), "the next one has what it did not take");
	while (made--)
		release(client, made);
	close(client);
}

static void before(void)
{
	int client, other, operator, session;

	agent_start(AGENT_CONF);
	vm_log_mark();
	keep("kept", 1);
	idle();
	released();
	wrong_conf();
	hanging();
	busy();
	in_update();

	kill_keeper();
	client = agent_subscribe("ready");
	other = agent_subscribe("other");
	operator = agent_connect();
	agent_load(operator);
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\",\"timeout\":3600000}");
	session = agent_preserving(other);
	must(luo_preserve(session, mem_filled("client", 0, SIZE, 31), 1), "preserve");
	agent_send(other, -1, "{\"cmd\":\"READY\"}");
	(void)client;
	tap_bail("no kexec: %s", agent_outcome(operator));
}

static void check_back(const char *name, int token, int number)
{
	int client = agent_connect(), session, file;

	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"%s\"}", name);
	file = luo_retrieve_fd(session, token);
	check(file >= 0 && mem_is(file, 0, SIZE, number), "%s: its file is back", name);
	check_eq(luo_finish(session), 0, "%s: finish", name);
	close(session);
	close(client);
}

/* A luod that is told to end is not started again, whoever its keeper is. */
static void check_end(int signal, bool to_keeper, const char *what)
{
	pid_t luod = agent_pid(), keeper;

	kill_keeper();
	keeper = agent_keeper_pid();
	check_eq(agent_pid(), luod, "%s: the same luod", what);
	kill(to_keeper ? keeper : luod, signal);
	for (int i = 0; i < 300 && (!kill(luod, 0) || !kill(keeper, 0)); i++)
		usleep(100000);
	check(kill(luod, 0) && kill(keeper, 0), "%s: both end", what);
	check(agent_keeper_pid() <= 0, "%s: and nobody comes back", what);
}

static bool runs_from(const char *file)
{
	char path[64], exe[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", agent_pid());
	n = must(readlink(path, exe, sizeof(exe) - 1), "%s", path);
	exe[n] = '\0';
	if (strcmp(exe, file))
		tap_note("  it runs from %s", exe);
	return !strcmp(exe, file);
}

/* As when a package is upgraded: the next luod is the new one, and removed, the old one. */
static void check_replaced(void)
{
	must(system("cp /selftests/luod /tmp/luod") ? -EIO : 0, "copy");
	agent_start_program("/tmp/luod", AGENT_CONF);
	check(runs_from("/tmp/luod"), "replaced: luod runs");
	must(system("cp /tmp/luod /tmp/new && mv /tmp/new /tmp/luod") ? -EIO : 0, "replace");
	check(runs_from("/tmp/luod (deleted)"), "replaced: luod runs from what is gone");
	agent_kill();
	check(runs_from("/tmp/luod"), "replaced: killed, the new one is started");
	must(unlink("/tmp/luod"), "remove");
	agent_kill();
	check(runs_from("/tmp/luod (deleted)"), "removed: killed, the old one is started");
	check_end(SIGTERM, false, "removed");
}

static void after(void)
{
	char name[16];

	agent_start(AGENT_CONF);
	check_back("kept", 1, 1);
	check_back("ready", 1, 30);
	check_back("other", 1, 31);
	for (int i = 0; i < KEPT; i++) {
		snprintf(name, sizeof(name), "busy-%d", i);
		check_back(name, i + 1, i + 1);
	}
	check_end(SIGTERM, false, "SIGTERM to luod");
	agent_start(AGENT_CONF);
	check_end(SIGTERM, true, "SIGTERM to its keeper");
	check_replaced();
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
