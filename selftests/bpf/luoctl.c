// SPDX-License-Identifier: GPL-2.0
/*
 * luoctl without luod: sessions, files and handlers as the kernel has them on both sides,
 * and what handlers check makes of objects that this kernel takes and of others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"

#define SESSION "vm 7"
#define NOBODY 65534
/* As table cells stand */
#define GAP "  +"

/* Runs luoctl; its exit status. What it says goes to a file. */
static int luoctl(const char *words)
{
	char command[256];
	int status;

	snprintf(command, sizeof(command),
		 "LUO_ITERATORS=/iterators luoctl %s > /tmp/luoctl.out 2> /tmp/luoctl.err", words);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* How many of its lines match an extended regular expression? */
static int lines(const char *pattern)
{
	char command[512];
	int count = -1;
	FILE *pipe;

	snprintf(command, sizeof(command), "grep -cE '%s' /tmp/luoctl.out", pattern);
	pipe = popen(command, "r");
	if (!pipe || fscanf(pipe, "%d", &count) != 1)
		count = -1;
	if (pipe)
		pclose(pipe);
	return count;
}

static void show(void)
{
	if (system("sed 's/^/#   /' /tmp/luoctl.out /tmp/luoctl.err"))
		tap_note("no output");
}

static void runs(const char *words, int code)
{
	int status = luoctl(words);

	if (!check_eq(status, code, "luoctl %s: exit status", words))
		show();
}

static void says(const char *pattern, int count, const char *what)
{
	if (!check_eq(lines(pattern), count, "%s", what))
		show();
}

static void check_taken(void)
{
	runs("handlers check /handlers/eventfd.bpf.o", 0);
	says("^compatible +eventfd-v1$", 1, "check: what it serves");
	says("^kfunc" GAP "bpf_luo_state" GAP "yes" GAP, 1, "check: a kfunc that is here");
	says("^callback" GAP "retrieve" GAP "yes", 1, "check: a callback");
	says("^fops" GAP "eventfd_fops" GAP "yes", 1, "check: the file operations");
	says("^Linux .* takes it$", 1, "check: it is taken");
	runs("handlers list", 0);
	says("bpf:", 0, "check: nothing was attached");
	runs("--json handlers check /handlers/eventfd.bpf.o", 0);
	says("\"accepted\":true", 1, "check: as JSON");
}

static void check_refused(void)
{
	runs("handlers check /selftests/progs/fail_not_checked.bpf.o", 1);
	says("^Linux .* refuses it: .*Possibly NULL pointer passed to trusted", 1,
	     "check: what the verifier has against it");
	runs("handlers check /selftests/progs/fail_not_sleepable.bpf.o", 1);
	says("^Linux .* refuses it: .*preserve can.t sleep", 1, "check: what the library has");
	runs("handlers check /selftests/progs/tomorrow.bpf.o", 1);
	says("^kfunc" GAP "bpf_luo_of_tomorrow" GAP "no" GAP "no", 1, "check: a kfunc that is missing");
	says("^config" GAP "LINUX_KERNEL_VERSION", 1, "check: the kernel's version counts");
	says("^fops" GAP "tomorrow_fops" GAP "no", 1, "check: file operations that are missing");
	says("^(version +3|min_version +2|max_bytes +4096)$", 3, "check: versions and quota");
	says("^Linux .* refuses it: this kernel has no bpf_luo_of_tomorrow", 1, "check: which is why");
	runs("--json handlers check /selftests/progs/tomorrow.bpf.o", 1);
	says("\"accepted\":false", 1, "check: as JSON");
	runs("handlers check /iterators/luo_file.bpf.o", 1);
	runs("handlers check /selftests/luoctl", 1);
}

static int as_nobody(void *arg)
{
	(void)arg;
	if (setuid(NOBODY))
		return -1;
	return luoctl("handlers check /handlers/eventfd.bpf.o");
}

static void check_rights(void)
{
	must(unlink("/tmp/luoctl.out"), "unlink");
	must(unlink("/tmp/luoctl.err"), "unlink");
	check_eq(vm_in_child(as_nobody, NULL), 4, "nobody may not load a handler");
	says("root is needed", 1, "and is told so");
	must(unlink("/tmp/luoctl.out"), "unlink");
	must(unlink("/tmp/luoctl.err"), "unlink");
}

static void before(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session;

	must(chmod("/tmp", 01777), "chmod");
	runs("status", 0);
	says("^luod +does not run$|^kernel.liveupdate +yes$|^sessions.outgoing +0$", 3,
	     "status: of the kernel");
	check_taken();
	check_refused();
	check_rights();
	runs("sessions", 0);
	says("^SESSION" GAP "STATE", 1, "sessions: a head");
	says("outgoing", 0, "sessions: none");
	runs("log", 3);
	runs("update", 3);

	handler_attach("eventfd-2");
	session = session_create(device, SESSION);
	for (int i = 0; i < 3; i++)
		must(luo_session__preserve_fd(session, must(eventfd(i, 0), "eventfd"), i + 16),
		     "preserve");
	must(luo_session__fd(session_create(device, "empty")), "create");
	runs("sessions", 0);
	says("^vm 7" GAP "outgoing" GAP "3" GAP "12288" GAP "yes$", 1, "sessions: files and bytes");
	says("^empty" GAP "outgoing" GAP "0" GAP "0" GAP "yes$", 1, "sessions: an empty one");
	runs("files", 0);
	says("^vm 7" GAP "0x1[012]" GAP "bpf:eventfd-v1" GAP "outgoing" GAP "4096" GAP "-$", 3,
	     "files: all");
	runs("files empty", 0);
	says("0x", 0, "files: none in an empty session");
	runs("files none", 1);
	runs("--json files \"vm 7\"", 0);
	says("\"token\":\"0x1[012]\"", 3, "files: of a session, as JSON");
	runs("handlers list", 0);
	says("^bpf:eventfd-v1" GAP "attached" GAP "3" GAP "2" GAP "1" GAP "0" GAP "[0-9]+" GAP
	     "eventfd_fops$", 1, "handlers: one in BPF");
	says("^memfd-[^ ]+" GAP "attached" GAP "0" GAP "-", 2, "handlers: those of the kernel");
	runs("handlers check /handlers/eventfd.bpf.o", 0);
	says("^attached_version" GAP "2$", 1, "check: one is attached already");
	runs("status --json", 0);
	says("\"(outgoing\":2|files\":3|bytes\":12288),?$", 3, "status: as JSON");
}

static void after(void)
{
	struct luo_device *device;

	runs("sessions --kernel", 0);
	device = device_open();
	luo_session__close(session_retrieve(device, "empty"));
	runs("sessions", 0);
	says("^(vm 7|empty)" GAP "incoming" GAP "[03]" GAP, 2, "sessions: those of the kernel before");
	session_retrieve(device, SESSION);
	runs("files \"vm 7\"", 0);
	says("^vm 7" GAP "0x1[012]" GAP "bpf:eventfd-v1" GAP "unbound" GAP, 3,
	     "files: without a handler");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
