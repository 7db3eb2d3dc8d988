// SPDX-License-Identifier: GPL-2.0
/*
 * The keeper: a process that holds what luod must not lose, and starts luod again if that
 * dies. It knows nothing of what it holds: a name, a descriptor. It is luod's parent, or,
 * where its own predecessor died, has been started by luod: so it looks at luod by a pidfd.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "luod.h"

#define DELAY_MIN_MS	50
#define DELAY_MAX_MS	5000
/* Who has lived that long did not die of how it starts. */
#define LIFE_MS		10000

/* The luod that is looked after */
struct process {
	pid_t pid;			/* 0: not a child */
	int pidfd;
	int socket;
};

static struct names kept;
static bool ready, goodbye;
static int ready_fd;

static void forget(const char *name)
{
	int fd = names_take(&kept, name);

	if (fd >= 0)
		close(fd);
}

static void keep(const char *name, int fd)
{
	forget(name);
	if (names_put(&kept, name, fd)) {
		log_text(LOG_ERR, "no memory to keep %s: it is lost if luod dies", name);
		close(fd);
	}
}

static void tell_ready(void)
{
	ready = true;
	if (ready_fd >= 0) {
		if (write(ready_fd, "", 1) < 0)
			log_text(LOG_DEBUG, "nobody waits for luod");
		close(ready_fd);
	}
	ready_fd = -1;
}

/* False when luod has closed its end. */
static bool take_message(int socket)
{
	char name[STORE_NAME_MAX];
	int fd, op = keeper_receive(socket, name, &fd);

	if (op == KEEPER_ADD && fd >= 0) {
		keep(name, fd);
		return true;
	}
	if (op == KEEPER_REMOVE) {
		forget(name);
		keeper_send(socket, KEEPER_REMOVED, "", -1);
	} else if (op == KEEPER_READY) {
		tell_ready();
	} else if (op == KEEPER_GOODBYE) {
		goodbye = true;
	}
	if (fd >= 0)
		close(fd);
	return op > 0;
}

static void give(const char *name, int fd, void *socket)
{
	keeper_send(*(int *)socket, KEEPER_ADD, name, fd);
}

static void give_back(int socket)
{
	names_for_each(&kept, give, &socket);
	keeper_send(socket, KEEPER_END, "", -1);
}

static void run_luod(char **argv, int socket)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	keeper_exec(argv, KEEPER_ENV, socket, -1);
}

static int start(char **argv, struct process *luod)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	luod->pid = fork();
	if (!luod->pid) {
		close(pair[0]);
		run_luod(argv, pair[1]);
	}
	close(pair[1]);
	luod->socket = pair[0];
	luod->pidfd = luod->pid < 0 ? -1 : pidfd_open(luod->pid, 0);
	if (luod->pidfd < 0) {
		int err = -errno;

		close(pair[0]);
		if (luod->pid > 0) {
			kill(luod->pid, SIGKILL);
			waitpid(luod->pid, NULL, 0);
		}
		return err;
	}
	give_back(luod->socket);
	return 0;
}

/* How it ended, as wait(2) has it; of one that is not a child nobody knows. */
static int end_of(struct process *luod)
{
	int status = SIGKILL;

	/* What it has sent before counts. */
	while (take_message(luod->socket))
		;
	close(luod->socket);
	close(luod->pidfd);
	if (luod->pid)
		waitpid(luod->pid, &status, 0);
	else if (goodbye)
		status = W_EXITCODE(0, 0);
	return status;
}

/* Until luod ends; its status */
static int watch(struct process *luod, int signals)
{
	struct pollfd fds[] = {
		{ .fd = luod->socket, .events = POLLIN }, { .fd = signals, .events = POLLIN },
		{ .fd = luod->pidfd, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			log_text(LOG_ERR, "the keeper can't wait: %m");
		if (fds[0].revents && !take_message(luod->socket))
			fds[0].fd = -1;
		if (fds[1].revents && read(signals, &info, sizeof(info)) == sizeof(info))
			pidfd_send_signal(luod->pidfd, info.ssi_signo, NULL, 0);
		if (fds[2].revents)
			return end_of(luod);
	}
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Started again, or is there no use in it? */
static bool is_final(int status)
{
	if (goodbye || (WIFEXITED(status) && !WEXITSTATUS(status)))
		return true;
	/* What is kept waits for luod.conf, or whatever else it is, to be mended. */
	if (ready)
		return false;
	/* Who started it waits for its status. */
	return WIFEXITED(status) || !kept.count;
}

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int keeper_run(char **argv, int fd)
{
	int signals = block_signals(), status;
	long delay = DELAY_MIN_MS, started;
	struct process luod = {};
	bool there = keeper_adopts(&luod.pidfd, &luod.socket);

	prctl(PR_SET_NAME, "luod-keeper");
	ready_fd = fd;
	/* One that starts another keeper has served. */
	ready = there;
	for (;;) {
		started = now_ms();
		if (!there)
			there = !start(argv, &luod);
		status = there ? watch(&luod, signals) : W_EXITCODE(1, 0);
		if (there && is_final(status))
			break;
		there = false;
		delay = now_ms() - started > LIFE_MS ? DELAY_MIN_MS : delay * 2;
		if (delay > DELAY_MAX_MS)
			delay = DELAY_MAX_MS;
		log_text(LOG_ERR, "luod died (%s %d): started again in %ld ms",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), delay);
		usleep(delay * 1000);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
