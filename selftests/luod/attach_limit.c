// SPDX-License-Identifier: GPL-2.0
/* luo-attach as a generator, when attaching takes for ever: the boot goes on. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "vm.h"

#define CONF "/etc/luo/luod.conf"
#define GENERATOR "/tmp/luo-generator"

static pid_t start(void)
{
	pid_t pid;

	fflush(stdout);
	pid = must(fork(), "fork");
	if (!pid) {
		execl(GENERATOR, GENERATOR, "/tmp/normal", "/tmp/early", "/tmp/late", NULL);
		_exit(127);
	}
	return pid;
}

/* A child of it, or 0 */
static pid_t child_of(pid_t parent)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	char path[280], stat[512];
	pid_t child = 0;
	int ppid;

	while (dir && !child && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		if (!read_file(path, stat, sizeof(stat)) &&
		    sscanf(strrchr(stat, ')') ?: "", ") %*c %d", &ppid) == 1 && ppid == parent)
			child = atoi(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return child;
}

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

int main(void)
{
	pid_t generator, child = 0;
	time_t begin;
	int status;
	FILE *f;

	tap_start(true, 0);
	mkdir("/etc", 0755);
	mkdir("/etc/luo", 0755);
	f = fopen(CONF, "we");
	must(f && fputs("{ \"handlers\": [ \"/handlers\" ] }", f) >= 0 && !fclose(f) ? 0 : -EIO,
	     CONF);
	must(symlink("/selftests/luo-attach", GENERATOR), GENERATOR);

	vm_log_mark();
	begin = seconds();
	generator = start();
	while (!child)
		child = child_of(generator);
	must(kill(child, SIGSTOP), "stop what attaches");
	must(waitpid(generator, &status, 0), "wait for the generator");
	check(WIFEXITED(status) && !WEXITSTATUS(status), "it ends well");
	check(seconds() - begin >= 50 && seconds() - begin < 80, "after a minute: %ld s",
	      (long)(seconds() - begin));
	check_eq(vm_log_count("^luo-attach: not all handlers could be attached in 60 s"), 1,
		 "and says what that means");
	/* Whoever it is given to reaps it. */
	for (int i = 0; i < 100 && !kill(child, 0); i++) {
		waitpid(child, NULL, WNOHANG);
		usleep(100000);
	}
	check(kill(child, 0) < 0 && errno == ESRCH, "what attaches is gone as well");
	tap_finish();
}
