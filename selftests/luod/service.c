// SPDX-License-Identifier: GPL-2.0
/*
 * luod as a service of a real systemd: a session that it keeps is there to be claimed in the
 * next kernel. The update is asked for by what is named: "systemctl kexec", or luod itself.
 * With "late" it is another service that is stopped for the kexec, and makes a session then.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
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
/* Whether the late one could open the device: a descriptor, or -errno */
#define LATE "/var/lib/luod-late"

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

static int late(void)
{
	int session = agent_session(agent_connect(),
				    "{\"cmd\":\"CREATE\",\"id\":\"late\",\"keep\":true}");
	FILE *f = fopen(LATE, "we");

	must(luo_preserve(session, mem_filled("late", 0, SIZE, 2), 1), "preserve a memfd");
	must(f && fprintf(f, "%d\n", luo_open()) > 0 && !fclose(f) ? 0 : -EIO, LATE);
	return 0;
}

/* What luod.service restricts luod to */
static void check_sandbox(void)
{
	char path[32], status[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", agent_pid());
	read_file(path, status, sizeof(status));
	check(strstr(status, "NoNewPrivs:\t1") && strstr(status, "Seccomp:\t2"),
	      "luod is in its sandbox");
}

/* By way of systemd, not only because the kernel has it */
static void check_passed_on(int client, const char *name)
{
	char text[80];
	int fd;

	snprintf(text, sizeof(text), "%s: given back to the kernel (incoming)", name);
	agent_send(client, -1, "{\"cmd\":\"LOG\"}");
	check(strstr(agent_line(client, &fd) ?: "", text), "systemd gave luod '%s'", name);
}

static void check_late(int client, bool by_luod)
{
	long device = read_file_num(LATE);
	int session, fd;

	check_passed_on(client, "late");
	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"late\"}");
	fd = luo_retrieve_fd(session, 1);
	check(fd >= 0 && mem_is(fd, 0, SIZE, 2), "what a service made as it was stopped");
	check_eq(luo_finish(session), 0, "finish that");
	close(session);
	/* One that is asked by systemd alone does not know what comes. */
	check(by_luod ? device >= 0 : device == -EBUSY, "luod %s", by_luod ?
	      "had let go of the device again" : "had the device until it was stopped");
}

static void after(bool by_luod)
{
	int client = agent_connect(), session, fd;
	uint64_t count = 0;

	tap_start(true, 0);
	check_sandbox();
	check_passed_on(client, "a client's");
	check(agent_listed("a client's", "\"incoming\"", "\"files\":2"), "luod has the session");
	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"a client's\"}");
	fd = luo_retrieve_fd(session, 1);
	check(fd >= 0 && mem_is(fd, 0, SIZE, 1), "its memfd is as it was");
	fd = luo_retrieve_fd(session, 2);
	check(fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count) && count == 9,
	      "and its eventfd");
	check_eq(luo_finish(session), 0, "finish");
	close(session);
	check_late(client, by_luod);
	agent_send(client, -1, "{\"cmd\":\"STATUS\"}");
	check(strstr(agent_line(client, &fd) ?: "", "\"incoming\":0"), "nothing is left");
	tap_finish();
}

int main(int argc, char **argv)
{
	if (argc < 2)
		tap_bail("usage: luod_service late|COMMAND [WORD...]");
	if (!strcmp(argv[1], "late"))
		return late();
	if (!vm_stage())
		before(argv + 1);
	after(!strcmp(argv[argc - 1], "update"));
}
