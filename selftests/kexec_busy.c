// SPDX-License-Identifier: GPL-2.0
/*
 * An operation on a session does not end when a kexec is asked for: that is refused after a
 * time, not waited for, and whoever wants something of a session meanwhile gets it then.
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "luo.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define HANGS 1
#define OTHER 2

static pid_t preserve_in_child(int session, int number)
{
	pid_t pid = must(fork(), "fork");

	if (!pid)
		_exit(luo_preserve(session, testfh_open(number), number) != 0);
	return pid;
}

static int status_of(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0) == pid ? 0 : -errno, "waitpid");
	return status;
}

/* Once nothing is under way but what hangs, and a kexec */
static pid_t preserve_later(int session)
{
	pid_t pid = must(fork(), "fork");

	if (!pid) {
		sleep(10);
		_exit(luo_preserve(session, testfh_open(OTHER), OTHER) != 0);
	}
	return pid;
}

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_create(luo, "busy"), "create");
	int other = must(luo_create(luo, "other"), "create");
	pid_t hangs, late;

	testfh_load("");
	vm_module_set("luo_testfh", "hang_preserve", HANGS);
	hangs = preserve_in_child(session, HANGS);
	sleep(1);
	late = preserve_later(other);
	vm_log_mark();
	check_eq(vm_kexec(), -EBUSY, "a kexec is refused while an operation does not end");
	check_eq(vm_log_count("kexec refused: an operation on a session has not ended within 30 s"),
		 1, "the log says so");
	check_eq(status_of(late), 0, "who came meanwhile is served then");
	vm_module_set("luo_testfh", "hang_preserve", 0);
	check_eq(status_of(hangs), 0, "and it ends when it can");
}

static void after(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_retrieve(luo, "busy"), "retrieve");

	testfh_load("");
	check_eq(testfh_number(luo_retrieve_fd(session, HANGS)), HANGS,
		 "the next kexec takes its file along");
	check_eq(luo_finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
