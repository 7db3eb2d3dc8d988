// SPDX-License-Identifier: GPL-2.0
/*
 * luod as a service of a real systemd: a session that it keeps is there to be claimed in the
 * next kernel. The update is asked for by what is named: "systemctl kexec", or luod itself.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define SIZE KIB(64)

/* Before the kexec there is no result: this program is started anew behind it. */
static void before(char **next)
{
	int session = agent_session(agent_connect(),
				    "{\"cmd\":\"CREATE\",\"id\":\"a client's\",\"keep\":true}");

	must(luo_preserve(session, mem_filled("kept", 0, SIZE, 1), 1), "preserve a memfd");
	must(luo_preserve(session, eventfd(9, EFD_NONBLOCK), 2), "preserve an eventfd");
	close(session);
	execvp(next[0], next);
	tap_bail("%s: %s", next[0], strerror(errno));
}

static void after(void)
{
	int client = agent_connect(), session, fd;
	uint64_t count = 0;

	tap_start(true, 0);
	check(agent_listed("a client's", "\"incoming\"", "\"files\":2"), "luod has the session");
	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"a client's\"}");
	fd = luo_retrieve_fd(session, 1);
	check(fd >= 0 && mem_is(fd, 0, SIZE, 1), "its memfd is as it was");
	fd = luo_retrieve_fd(session, 2);
	check(fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count) && count == 9,
	      "and its eventfd");
	check_eq(luo_finish(session), 0, "finish");
	close(session);
	agent_send(client, -1, "{\"cmd\":\"STATUS\"}");
	check(strstr(agent_line(client, &fd) ?: "", "\"incoming\":0"), "nothing is left");
	tap_finish();
}

int main(int argc, char **argv)
{
	if (argc < 2)
		tap_bail("usage: luod_service COMMAND [WORD...]");
	if (!vm_stage())
		before(argv + 1);
	after();
}
