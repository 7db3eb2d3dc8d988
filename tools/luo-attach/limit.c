// SPDX-License-Identifier: GPL-2.0
/* For who is waited for with everything else: what takes too long is left out. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "luo-attach.h"

/* It may be at something in the kernel that no signal ends, so nobody waits for that. */
static int status_of(pid_t child, int seconds)
{
	struct pollfd poll_fd = { syscall(SYS_pidfd_open, child, 0), POLLIN, 0 };
	int status, n;

	do
		n = poll_fd.fd < 0 ? 1 : poll(&poll_fd, 1, seconds * 1000);
	while (n < 0 && errno == EINTR);
	if (n) {
		waitpid(child, &status, 0);
		return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
	}
	say(LOG_ERR, "not all handlers could be attached in %d s: files of the others can't be taken back",
	    seconds);
	kill(child, SIGKILL);
	return EXIT_FAILURE;
}

int limit_time(int seconds)
{
	pid_t parent = getpid(), child = fork();

	if (child > 0)
		return status_of(child, seconds);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(EXIT_FAILURE);
	}
	return -1;
}
