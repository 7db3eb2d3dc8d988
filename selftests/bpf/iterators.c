// SPDX-License-Identifier: GPL-2.0
/* What handlers, sessions and files there are, on both sides, as bpftool iter shows it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"

#define SESSION "inspected"
#define FILES 600	/* more than one read(2) takes */

static int shell(const char *format, const char *name)
{
	char command[256];

	snprintf(command, sizeof(command), format, name);
	return system(command);
}

static void pin(const char *name)
{
	check_eq(shell("bpftool iter pin /iterators/%1$s.bpf.o /sys/fs/bpf/%1$s", name), 0,
		 "%s: pinned", name);
}

/* How many lines of an iterator match an extended regular expression? */
static int lines(const char *name, const char *pattern)
{
	char command[256];
	int count = -1;
	FILE *pipe;

	snprintf(command, sizeof(command), "grep -cE '^%s$' /sys/fs/bpf/%s", pattern, name);
	pipe = popen(command, "r");
	if (!pipe || fscanf(pipe, "%d", &count) != 1)
		count = -1;
	if (pipe)
		pclose(pipe);
	return count;
}

static void pin_all(void)
{
	pin("luo_handler");
	pin("luo_session");
	pin("luo_file");
}

static void before(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session;

	pin_all();
	check_eq(lines("luo_handler", ".*bpf:.*"), 0, "no handler in BPF yet");
	check_eq(lines("luo_handler", "memfd-.* attached 0 0 0 0"), 2, "those of memfds");
	check_eq(lines("luo_session", "outgoing.*"), 0, "no session yet");
	check_eq(lines("luo_file", "0x.*"), 0, "no file yet");

	session = session_create(device, SESSION);
	handler_attach("eventfd-2");
	for (int i = 0; i < FILES; i++) {
		int fd = must(eventfd(i, 0), "eventfd");

		must(luo_session__preserve_fd(session, fd, i), "preserve %d", i);
		close(fd);
	}
	check_eq(lines("luo_handler", "bpf:eventfd-v1 attached 600 [1-9][0-9]* 2 1"), 1,
		 "the handler: its files, map and versions");
	check_eq(lines("luo_session", "outgoing 1 600 2457600 inspected"), 1,
		 "the session: open, its files and bytes");
	check_eq(lines("luo_file", "0x[0-9a-f]+ bpf:eventfd-v1 outgoing 0 4096 inspected"), FILES,
		 "each file");
	check_eq(lines("luo_file", "0x1ff .*"), 1, "by its token");
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_retrieve(device, SESSION);

	pin_all();
	check_eq(lines("luo_session", "incoming 1 600 2457600 inspected"), 1, "the session");
	check_eq(lines("luo_file", ".* bpf:eventfd-v1 unbound 0 4096 inspected"), FILES,
		 "files that have no handler yet");

	handler_attach("eventfd");
	check_eq(luo_session__retrieve_fd(session, 1), -EPROTONOSUPPORT, "one can't be retrieved");
	check_eq(lines("luo_file", "0x1 bpf:eventfd-v1 failed -93 4096 inspected"), 1, "it has failed");
	check_eq(handler_upgrade("eventfd-2"), 0, "the handler is replaced");
	check(luo_session__retrieve_fd(session, 1) >= 0, "it can be retrieved");
	check_eq(lines("luo_file", "0x1 bpf:eventfd-v1 retrieved 0 0 inspected"), 1, "it is retrieved");
	check_eq(lines("luo_handler", "bpf:eventfd-v1 attached 1 .*"), 1, "and has the handler");
	check_eq(handler_detach("eventfd-v1"), 0, "which is detached");
	check_eq(lines("luo_handler", "bpf:eventfd-v1 detached 1 [1-9][0-9]* 2 1"), 1,
		 "and still has the file");
	check_eq(lines("luo_handler", "HANDLER.*"), 1, "one head for several entries");
	check_eq(lines("luo_session", "STATE.*"), 1, "one for a single one");

	check_eq(luo_session__finish(session), 0, "finish");
	check_eq(lines("luo_session", "STATE.*"), 1, "and for none");
	check_eq(lines("luo_handler", "bpf:.*"), 0, "the handler is gone, with its last file");
	check_eq(lines("luo_session", ".*inspected"), 0, "the session is gone");
	check_eq(lines("luo_file", ".*inspected"), 0, "and its files");
	luo_session__close(session);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
