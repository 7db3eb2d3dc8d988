// SPDX-License-Identifier: GPL-2.0
/*
 * The keeper: luod's parent, which holds what luod must not lose, and starts luod
 * again if that dies. It knows nothing of what it holds: a name, a descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "luod.h"

#define KEEPER_ENV	"LUOD_KEEPER_FD"
#define DELAY_MIN_MS	50
#define DELAY_MAX_MS	5000
/* Who has lived that long did not die of how it starts. */
#define LIFE_MS		10000

struct kept {
	struct kept *next;
	int fd;
	char name[STORE_NAME_MAX];
};

static struct kept *all_kept;
static bool ready;
static int ready_fd;

int keeper_send(int socket, enum keeper_op op, const char *name, int fd)
{
	char code = op, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov[] = { { &code, 1 }, { (char *)name, strlen(name) + 1 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *cmsg;
	ssize_t n;

	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	do {
		n = sendmsg(socket, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int keeper_receive(int socket, char *name, int *fd)
{
	char code = 0, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov[] = { { &code, 1 }, { name, STORE_NAME_MAX - 1 } };
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = 2,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	*fd = -1;
	do {
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	name[n - 1] = '\0';
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(cmsg), sizeof(*fd));
	return code;
}

int keeper_fd(void)
{
	const char *text = getenv(KEEPER_ENV);
	int fd = text ? atoi(text) : -1;

	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static void forget(const char *name)
{
	for (struct kept **p = &all_kept; *p;) {
		struct kept *kept = *p;

		if (strcmp(kept->name, name)) {
			p = &kept->next;
			continue;
		}
		*p = kept->next;
		close(kept->fd);
		free(kept);
	}
}

static void keep(const char *name, int fd)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	forget(name);
	if (!kept) {
		log_text(LOG_ERR, "no memory to keep %s: it is lost if luod dies", name);
		close(fd);
		return;
	}
	snprintf(kept->name, sizeof(kept->name), "%s", name);
	kept->fd = fd;
	kept->next = all_kept;
	all_kept = kept;
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
	if (op == KEEPER_REMOVE)
		forget(name);
	else if (op == KEEPER_READY)
		tell_ready();
	if (fd >= 0)
		close(fd);
	return op > 0;
}

static void give_back(int socket)
{
	for (struct kept *kept = all_kept; kept; kept = kept->next)
		keeper_send(socket, KEEPER_ADD, kept->name, kept->fd);
	keeper_send(socket, KEEPER_END, "", -1);
}

static void run_luod(char **argv, int socket)
{
	static char path[4096];
	char number[16];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(number, sizeof(number), "%d", socket);
	setenv(KEEPER_ENV, number, 1);
	fcntl(socket, F_SETFD, 0);
	/* By its path: if luod was replaced on the disk, the new one is to be started. */
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) > 0)
		execv(path, argv);
	execv("/proc/self/exe", argv);
	log_text(LOG_ERR, "%s can't be started: %m", path);
	_exit(EXIT_CONFIG);
}

static pid_t start(char **argv, int *socket)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (!pid) {
		close(pair[0]);
		run_luod(argv, pair[1]);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -errno;
	}
	*socket = pair[0];
	give_back(*socket);
	return pid;
}

/* What luod has sent before it died counts. */
static void drain(int socket)
{
	while (take_message(socket))
		;
	close(socket);
}

/* Until luod ends; its status as wait(2) has it. */
static int watch(pid_t pid, int socket, int signals)
{
	struct pollfd fds[] = {
		{ .fd = socket, .events = POLLIN }, { .fd = signals, .events = POLLIN },
	};
	struct signalfd_siginfo info;
	int status = 0;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			log_text(LOG_ERR, "the keeper can't wait: %m");
		if (fds[0].revents && !take_message(socket))
			fds[0].fd = -1;
		if (!fds[1].revents || read(signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo != SIGCHLD)
			kill(pid, info.ssi_signo);
		else if (waitpid(pid, &status, WNOHANG) == pid)
			break;
	}
	drain(socket);
	return status;
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
	if (WIFSIGNALED(status))
		return !ready && !all_kept;
	return !WEXITSTATUS(status) || !ready || WEXITSTATUS(status) == EXIT_CONFIG ||
	       WEXITSTATUS(status) == EXIT_USAGE;
}

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int keeper_run(char **argv, int fd)
{
	int signals = block_signals(), socket = -1, status;
	long delay = DELAY_MIN_MS, started;
	pid_t pid;

	prctl(PR_SET_NAME, "luod-keeper");
	ready_fd = fd;
	for (;;) {
		started = now_ms();
		pid = start(argv, &socket);
		status = pid < 0 ? W_EXITCODE(1, 0) : watch(pid, socket, signals);
		if (pid > 0 && is_final(status))
			break;
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
