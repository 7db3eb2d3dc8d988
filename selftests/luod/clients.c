// SPDX-License-Identifier: GPL-2.0
/* Clients are killed, at each step of an update. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define SIZE KIB(16)

enum step { SUBSCRIBED, PRESERVING, PRESERVED, SAID_READY };

/* A client that waits, once it is at @step, to be killed. */
static pid_t client_start(const char *id, enum step step, int *reached)
{
	int fds[2], client, session;
	pid_t pid;

	must(pipe(fds), "pipe");
	fflush(NULL);
	pid = must(fork(), "fork");
	if (!pid) {
		client = agent_subscribe(id);
		must(write(fds[1], "s", 1), "write");
		session = step > SUBSCRIBED ? agent_preserving(client) : -1;
		if (step >= PRESERVED)
			must(luo_preserve(session, mem_filled("client", 0, SIZE, 5), 5),
			     "preserve");
		if (step == SAID_READY)
			agent_send(client, -1, "{\"cmd\":\"READY\"}");
		must(write(fds[1], "r", 1), "write");
		pause();
		_exit(1);
	}
	close(fds[1]);
	*reached = fds[0];
	return pid;
}

static void wait_for(int reached)
{
	char byte;

	must(read(reached, &byte, 1) == 1 ? 0 : -ESRCH, "the client gets there");
}

static void client_kill(pid_t pid, int reached)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(reached);
}

static void kill_subscribed(int operator)
{
	int reached;
	pid_t pid = client_start("c", SUBSCRIBED, &reached);

	wait_for(reached);
	wait_for(reached);
	client_kill(pid, reached);
	/* That was seen before what comes after it. */
	agent_silent(operator);
	check(agent_lists_nothing("c"), "subscribed: it is forgotten");
	close(agent_subscribe("c"));
	check(true, "subscribed: the id is free");
}

/* Killed in an update, which fails for that. */
static void kill_in_update(int operator, enum step step, const char *name)
{
	const char *line;
	int reached;
	pid_t pid = client_start("c", step, &reached);

	wait_for(reached);
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\",\"policy\":\"abort\"}");
	wait_for(reached);
	client_kill(pid, reached);
	line = agent_outcome(operator);
	check(strstr(line, "\"ECANCELED\"") && strstr(line, "'c': its client went away"),
	      "%s: the update ends, and says why", name);
	check(agent_lists_nothing("c"), "%s: nothing is left", name);
}

/* Who was ready is not needed any more. */
static void kill_ready(int operator)
{
	int slow = agent_subscribe("slow"), reached, session;
	pid_t pid = client_start("c", SAID_READY, &reached);

	wait_for(reached);
	agent_load(operator);
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\",\"policy\":\"abort\",\"timeout\":3600000}");
	session = agent_preserving(slow);
	wait_for(reached);
	client_kill(pid, reached);
	agent_silent(operator);
	must(luo_preserve(session, mem_filled("slow", 0, SIZE, 6), 6), "preserve");
	agent_send(slow, -1, "{\"cmd\":\"READY\"}");
	tap_bail("no kexec: %s", agent_outcome(operator));
}

static void before(void)
{
	int operator;

	agent_start(AGENT_CONF);
	operator = agent_connect();
	must(vm_kexec_load(), "load");
	kill_subscribed(operator);
	kill_in_update(operator, PRESERVING, "preserving");
	kill_in_update(operator, PRESERVED, "preserved");
	kill_ready(operator);
}

static int claim_and_die(void *arg)
{
	int session = agent_session(agent_connect(), "{\"cmd\":\"CLAIM\",\"id\":\"c\"}");

	(void)arg;
	if (luo_retrieve_fd(session, 5) < 0)
		return 1;
	kill(getpid(), SIGKILL);
	return 1;
}

static void after(void)
{
	int client, session, file;

	agent_start(AGENT_CONF);
	check_eq(vm_in_child(claim_and_die, NULL), -SIGKILL, "claimed: killed with its file");
	client = agent_connect();
	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"c\"}");
	file = luo_retrieve_fd(session, 5);
	check(file >= 0 && mem_is(file, 0, SIZE, 5), "claimed: the next one gets it");
	check_eq(luo_finish(session), 0, "claimed: finish");
	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"slow\"}");
	check(luo_retrieve_fd(session, 6) >= 0, "ready: the other one came along");
	check_eq(luo_finish(session), 0, "ready: finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
