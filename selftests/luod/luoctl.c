// SPDX-License-Identifier: GPL-2.0
/* luoctl and libluo-bpf's client with luod itself, through an update that luoctl asks for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "libluo-bpf.h"
#include "tap.h"
#include "vm.h"

#define OBJECT "/selftests/progs/eventfd-2.bpf.o"

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[256];

	if (level == LIBBPF_WARN && vsnprintf(text, sizeof(text), format, args) > 0)
		tap_note("%s", text);
	return 0;
}

/* Runs luoctl, and checks its exit status and a line of what it prints, or "nothing". */
static void runs(const char *words, int code, const char *pattern)
{
	char command[512];
	int status;

	snprintf(command, sizeof(command),
		 "luoctl %s > /tmp/luoctl.out 2>&1; status=$?;"
		 "test -s /tmp/luoctl.out || echo nothing > /tmp/luoctl.out;"
		 "grep -qE '%s' /tmp/luoctl.out || exit $((status + 100)); exit $status",
		 words, pattern);
	status = system(command);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (!check_eq(status, code, "luoctl %s", words) &&
	    system("sed 's/^/#   /' /tmp/luoctl.out"))
		tap_note("no output");
}

static void check_handlers(void)
{
	runs("handlers list", 0, "^NAME");
	runs("handlers load " OBJECT, 0, "^nothing$");
	runs("handlers list", 0, "^eventfd-2  +eventfd-v1  +2  ");
	runs("handlers unload none", 1, "HANDLER_UNLOAD: ");
	runs("handlers unload eventfd-2", 0, "^nothing$");
	runs("handlers load /selftests/progs/tomorrow.bpf.o", 1, "HANDLER_LOAD: ");
}

static void check_update(struct luo_client *client)
{
	struct luo_event event = { .sz = sizeof(event) };

	runs("update", 1, "no kernel is loaded");
	agent_load(agent_connect());
	check_eq(luo_client__subscribe(client, "late"), 0, "subscribe");
	runs("update --dry-run", 0, "1 subscribers would be asked");
	runs("update --timeout 0.1", 5, "UPDATE: ");
	check_eq(luo_client__wait(client, &event, -1), 0, "the client gets an event");
	check(event.type == LUO_EVENT_START_PRESERVATION && event.session && event.timeout == 100,
	      "with its session");
	luo_session__close(event.session);
	check_eq(luo_client__ready(client), -EINVAL, "READY comes too late");
	check_eq(luo_client__wait(client, &event, -1), 0, "the client gets another event");
	check(event.type == LUO_EVENT_CANCELLED && event.error == -ETIMEDOUT, "it is cancelled");
	runs("cancel", 1, "CANCEL: ");
}

int main(void)
{
	struct luo_client *client;
	struct luo_session *session;
	int fd = memfd_create("a", 0);

	tap_start(true, 0);
	luo_set_print(print);
	setenv("LUO_ITERATORS", "/iterators", 1);
	agent_start(AGENT_NO_HANDLERS);
	runs("status", 0, "^state +idle$");
	runs("status --json", 0, "\"liveupdate\":true");
	client = luo_client__connect(NULL);
	must(client ? 0 : -errno, "connect");
	session = luo_client__create(client, "kept", true);
	must(session ? 0 : -errno, "create");
	check_eq(luo_session__preserve_fd(session, fd, 7), 0, "a file is preserved");
	luo_session__close(session);
	runs("sessions", 0, "^kept +outgoing +1 +[0-9]+ +yes +no ");
	runs("files kept", 0, "^kept +0x7 ");
	check(!luo_client__create(client, "kept", false) && errno == EEXIST, "a name that is taken");
	check(!luo_client__claim(client, "kept") && errno == ENOENT, "nothing to claim");
	check_handlers();
	check_update(client);
	check_eq(luo_client__release(client, "kept", false), 0, "release");
	check_eq(luo_client__release(client, "kept", false), -ENOENT, "once");
	runs("log --lines 5", 0, "kept.*not kept any more");
	luo_client__close(client);
	tap_finish();
}
