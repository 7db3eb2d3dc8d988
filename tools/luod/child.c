// SPDX-License-Identifier: GPL-2.0
/* What may crash or hang, in a process of its own: libbpf does on some damaged objects. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

static void run(int (*fn)(void *arg), void *arg, unsigned int seconds, pid_t parent)
{
	static const struct rlimit no_core;

	/* With its parent's descriptors it must not outlive that. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "luo-object");
	if (getppid() != parent)
		_exit(1);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGALRM, SIG_DFL);
	alarm(seconds);
	_exit(fn(arg));
}

pid_t child_start(int (*fn)(void *arg), void *arg, unsigned int seconds)
{
	pid_t parent = getpid(), child = fork();

	if (!child)
		run(fn, arg, seconds, parent);
	return child < 0 ? -errno : child;
}

int child_wait(pid_t child, int *signal)
{
	pid_t ended;
	int status;

	*signal = 0;
	do
		ended = waitpid(child, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (ended < 0)
		return -errno;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	*signal = WTERMSIG(status);
	return -EFAULT;
}

int child_run(int (*fn)(void *arg), void *arg, unsigned int seconds, int *signal)
{
	pid_t child = child_start(fn, arg, seconds);

	*signal = 0;
	return child < 0 ? child : child_wait(child, signal);
}

const char *child_death(int signal)
{
	static char text[128];

	if (signal == SIGALRM)
		return "it takes too long: it is damaged, or the machine busy";
	snprintf(text, sizeof(text), "it is damaged, and libbpf can't read it (%s): remove it",
		 strsignal(signal));
	return text;
}
