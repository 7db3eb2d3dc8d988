// SPDX-License-Identifier: GPL-2.0
/* luod is killed, at each step: its keeper gives everything back to the next one. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define SIZE KIB(16)

/* Wait for the session of an update, and put a file into it. */
static int preserve(int client, int number)
{
	int session = agent_preserving(client);

	must(luo_preserve(session, mem_filled("client", 0, SIZE, number), number), "preserve");
	return session;
}

static void kill_with_kept(void)
{
	int client = agent_connect(), session;

	session = agent_session(client, "{\"cmd\":\"CREATE\",\"id\":\"kept\",\"keep\":true}");
	must(luo_preserve(session, mem_filled("kept", 0, SIZE, 1), 1), "preserve");
	close(session);
	agent_kill();
	check(agent_listed("kept", "\"outgoing\"", "\"files\":1", "\"kept\":true"),
	      "kept: still there");
	close(client);
	for (int i = 0; i < 5; i++)
		agent_kill();
	check(agent_listed("kept", "\"outgoing\"", "\"files\":1", "\"kept\":true"),
	      "kept: and after five more");
}

/* Killed while a subscriber preserves: its session is void, and the update over. */
static void kill_in_preserve(void)
{
	int client = agent_subscribe("late"), operator = agent_connect(), session, fd;

	must(vm_kexec_load(), "load");
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\"}");
	session = preserve(client, 2);
	agent_kill();
	check(!agent_line(client, &fd), "preserving: the client sees it go");
	check(!strcmp(agent_outcome(operator), "(the connection ended)"),
	      "preserving: so does the operator");
	close(client);
	close(session);
	close(operator);
	check(agent_lists_nothing("late"), "preserving: nothing is left of it");
	check(agent_listed("kept", "\"kept\":true"), "preserving: what is kept is");
}

/* Killed when one subscriber of two is ready. Returns both, that have come back. */
static void kill_when_ready(int clients[2])
{
	int operator = agent_connect(), session, other;

	clients[0] = agent_subscribe("ready");
	clients[1] = agent_subscribe("other");
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\"}");
	session = preserve(clients[0], 3);
	other = preserve(clients[1], 4);
	agent_ok(clients[0], "{\"cmd\":\"READY\",\"seq\":1}", "ready: READY");
	agent_kill();
	close(session);
	close(other);
	close(clients[0]);
	close(clients[1]);
	close(operator);
	check(agent_listed("ready", "\"outgoing\"", "\"files\":1", "\"ready\":true"),
	      "ready: it is so still");
	check(agent_lists_nothing("other"), "ready: the other one is not");
	clients[1] = agent_subscribe("other");
}

/* Killed at the last moment, when it calls reboot(2): true if that call came. */
static bool kill_at_reboot(pid_t luod, int operator)
{
	struct __ptrace_syscall_info info;
	int status, signal = 0;

	must(ptrace(PTRACE_SEIZE, luod, NULL, PTRACE_O_TRACESYSGOOD) ? -errno : 0, "seize luod");
	must(ptrace(PTRACE_INTERRUPT, luod, NULL, NULL) ? -errno : 0, "stop luod");
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\"}");
	while (waitpid(luod, &status, __WALL) == luod && WIFSTOPPED(status)) {
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) &&
		    ptrace(PTRACE_GET_SYSCALL_INFO, luod, sizeof(info), &info) > 0 &&
		    info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_reboot) {
			kill(luod, SIGKILL);
			waitpid(luod, &status, __WALL);
			return true;
		}
		signal = WSTOPSIG(status) & 0x80 || status >> 16 ? 0 : WSTOPSIG(status);
		ptrace(PTRACE_SYSCALL, luod, NULL, signal);
	}
	return false;
}

/* Everything was saved for the next kernel already: the next update can save it again. */
static void kill_in_kexec(void)
{
	int operator = agent_connect();

	check(kill_at_reboot(agent_pid(), operator), "kexec: luod goes for it, and is killed");
	close(operator);
	check(agent_listed("kept", "\"outgoing\"", "\"kept\":true"), "kexec: what is kept is there");
	/* By the second one after it, too */
	agent_kill();
	operator = agent_connect();
	agent_send(operator, -1, "{\"cmd\":\"STATUS\"}");
	check(strstr(agent_outcome(operator), "\"outgoing\":1,"),
	      "kexec: what luod saved for the next kernel is gone");
	close(operator);
}

static void before(void)
{
	int clients[2], operator;

	agent_start(AGENT_CONF);
	agent_kill();
	check(true, "idle: another one serves");
	kill_with_kept();
	kill_in_preserve();
	kill_in_kexec();
	kill_when_ready(clients);
	agent_kill();
	close(clients[1]);
	clients[1] = agent_subscribe("other");
	check(agent_listed("ready", "\"ready\":true", "\"subscribed\":false"),
	      "ready: it is so still");

	/* The next update asks the one only, and waits for the other to come back. */
	operator = agent_connect();
	agent_load(operator);
	agent_send(operator, -1, "{\"cmd\":\"UPDATE\"}");
	preserve(clients[1], 4);
	agent_send(clients[1], -1, "{\"cmd\":\"READY\"}");
	must(agent_silent(clients[1]) ? 0 : -EPROTO, "no KEXEC yet");
	agent_subscribe("ready");
	tap_bail("no kexec: %s", agent_outcome(operator));
}

static void check_back(int client, const char *name, int number)
{
	int session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"%s\"}", name), file;

	/* Whoever serves: the session is the client's. */
	agent_kill();
	file = luo_retrieve_fd(session, number);
	check(file >= 0 && mem_is(file, 0, SIZE, number), "%s: its file is back", name);
	check_eq(luo_finish(session), 0, "%s: finish", name);
	close(session);
}

static void after(void)
{
	agent_start(AGENT_CONF);
	agent_kill();
	check(agent_listed("kept", "\"incoming\""), "kept: in the next kernel");
	check_back(agent_connect(), "kept", 1);
	check_back(agent_connect(), "ready", 3);
	check_back(agent_connect(), "other", 4);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
