// SPDX-License-Identifier: GPL-2.0
/*
 * luod after luo-attach: what it takes over, and what it puts its own in the place of. "off" is
 * for a kernel with luo.attach=0.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "attached.h"
#include "tap.h"

/* How often luod has logged it; the kernel's log takes ten lines at a time. */
static int said(int client, const char *text)
{
	const char *line;
	int fd, n = 0;

	agent_send(client, -1, "{\"cmd\":\"LOG\",\"lines\":500}");
	for (line = agent_line(client, &fd); line && (line = strstr(line, text)); n++)
		line += strlen(text);
	return n;
}

/* What the kernel is asked for, and refuses */
static int refusals(int client)
{
	return said(client, "': attach: ") + said(client, "': upgrade: ") +
	       said(client, "': pin to ") + said(client, "not attached");
}

static void end_luod(int client)
{
	close(client);
	kill(agent_pid(), SIGTERM);
	while (agent_keeper_pid())
		usleep(10000);
}

/* luod takes over what is there, and says no more than that. */
static void check_luod(void)
{
	struct seen before, now;
	int client;

	detach_all();
	conf("{ \"handlers\": [ \"/handlers\" ] }");
	must(-run(ATTACH), "attach");
	before = attached();
	agent_start(AGENT_CONF);
	client = agent_connect();
	now = attached();
	check(now.count == before.count && now.eventfd_map == before.eventfd_map,
	      "luod: what is attached stays as it is");
	check_eq(said(client, "': already attached for "), objects(), "luod: it takes over each");
	check_eq(refusals(client) + said(client, "': attached for "), 0,
		 "luod: it has not tried to attach them");
	check(agent_lists_handler(client, AGENT_EVENTFD("\"/handlers/eventfd.bpf.o\"", "1")),
	      "luod: it lists them");
	agent_ok(client, "{\"cmd\":\"HANDLER_UNLOAD\",\"name\":\"eventfd\"}",
		 "luod: and unloads one of them");
	check_eq(attached().count, objects() - 1, "luod: that is gone");
	end_luod(client);
}

/* Of luod's own objects one is another than what is attached. */
static void check_luod_other(const char *dirs, const char *listed, const char *line,
			     const char *what)
{
	int client;

	agent_start(dirs);
	client = agent_connect();
	check(agent_lists_handler(client, listed), "luod: %s: it is listed", what);
	check_eq(said(client, line), 1, "luod: %s: one line says so", what);
	check_eq(refusals(client), 0, "luod: %s: nothing else is wrong", what);
	end_luod(client);
	check_eq(attached().count, objects(), "luod: %s: all are attached", what);
}

static void check_luod_others(void)
{
	change_newer(NEWER, "eventfd_fops", NULL);
	must(-run(ATTACH), "attach");
	check_luod_other(OF_NEWER, AGENT_EVENTFD("\"/tmp/newer/eventfd.bpf.o\"", "2"),
			 "handler 'eventfd': upgraded for eventfd-v1, version 2, from /tmp/newer/",
			 "a newer one on the disk");
	check_luod_other(AGENT_CONF, AGENT_EVENTFD("null", "2"),
			 "handler 'eventfd': version 2 is attached, and stays; /handlers/eventfd.bpf.o has version 1",
			 "an older one on the disk");
	detach_all();
	must(-run(IN_INITRD), "attach");
	change_newer("/handlers/eventfd.bpf.o", "eventfd_fops", NULL);
	check_luod_other(OF_NEWER, AGENT_EVENTFD("\"/tmp/newer/eventfd.bpf.o\"", "1"),
			 "handler 'eventfd': the initramfs has another one: ",
			 "a mended one on the disk");
	must(-run("rm /tmp/newer/*"), "remove");
}

/* What came with an initramfs, and the root has no object of */
static void check_luod_left(void)
{
	int client;

	detach_all();
	conf("{ \"handlers\": [ \"/handlers\" ] }");
	must(-run(IN_INITRD), "attach");
	check_eq(run("test -e /run/luo/eventfd.bpf.o"), 0, "luo-attach: it leaves an object of an initramfs");
	agent_start("{ \"handlers\": [ \"/tmp/none\" ] }");
	client = agent_connect();
	check_eq(said(client, "': already attached for "), objects(),
		 "luod: no object on the root: it takes over each");
	check(agent_lists_handler(client, AGENT_EVENTFD("\"/run/luo/eventfd.bpf.o\"", "1")),
	      "luod: no object on the root: it lists them");
	check_eq(run("ls /run/luo/*.bpf.o 2>/dev/null"), 1,
		 "luod: no object on the root: it has them, nobody else");
	agent_kill();
	client = agent_connect();
	check(agent_lists_handler(client, AGENT_EVENTFD("null", "1")),
	      "luod: no object on the root: the next luod has them too");
	agent_ok(client, "{\"cmd\":\"HANDLER_UNLOAD\",\"name\":\"eventfd\"}",
		 "luod: no object on the root: one is unloaded");
	end_luod(client);
}

/* The newer one is the initramfs's: that is what the next kernel gets, too. */
static void check_luod_left_newer(void)
{
	detach_all();
	change_newer(NEWER, "eventfd_fops", NULL);
	conf(OF_NEWER);
	must(-run(IN_INITRD), "attach");
	conf("{ \"handlers\": [ \"/handlers\" ] }");
	must(-run(ATTACH), "attach");
	check_luod_other(AGENT_CONF, AGENT_EVENTFD("\"/run/luo/eventfd.bpf.o\"", "2"),
			 "handler 'eventfd': already attached for eventfd-v1, version 2",
			 "an older one on the disk than in the initramfs");
	must(-run("rm /tmp/newer/*"), "remove");
}

/* luod attaches none either, but what it is told to. */
static void luod_is_off(void)
{
	int client, object, fd;

	agent_start(AGENT_CONF);
	client = agent_connect();
	check_eq(attached().count, 0, "luod: it attaches none");
	check_eq(said(client, "': not attached: luo.attach=0 is on the kernel's command line"),
		 objects(), "luod: it says so of each");
	check(agent_lists_handler(client,
				  "\"error\":\"luo.attach=0 is on the kernel's command line: "),
	      "luod: it lists them with that error");
	object = must(open("/handlers/eventfd.bpf.o", O_RDONLY | O_CLOEXEC), "open");
	agent_send(client, object, "{\"cmd\":\"HANDLER_LOAD\",\"name\":\"eventfd\"}");
	check(strstr(agent_line(client, &fd) ?: "", "\"ok\""), "luod: it attaches what it is told to");
	check_eq(attached().count, 1, "luod: and that alone");
	close(client);
	agent_kill();
	check_eq(attached().count, 1, "luod: that stays when luod is killed");
	client = agent_connect();
	check(agent_lists_handler(client, AGENT_EVENTFD("null", "1")),
	      "luod: the next one knows it");
	close(client);
}

int main(int argc, char **argv)
{
	tap_start(true, 0);
	if (argc > 1 && !strcmp(argv[1], "off")) {
		luod_is_off();
	} else {
		check_luod();
		check_luod_others();
		check_luod_left();
		check_luod_left_newer();
	}
	tap_finish();
}
