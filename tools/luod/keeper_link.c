// SPDX-License-Identifier: GPL-2.0
/*
 * Between luod and its keeper: their messages, how each starts the other, and what luod does
 * if the keeper dies: it starts another one, and gives that all it has.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

#define ADOPT_ENV	"LUOD_KEEPER_OF"
/* So many deaths in a row are accidents; after that the next one waits. */
#define ACCIDENTS	10
#define DELAY_US	(1000 * 1000)
#define DELAY_MAX_US	(60 * 1000 * 1000)
#define LIFE_US		(10 * 1000 * 1000)
/* For as long one of them waits for the other */
#define LIMIT_MS	(60 * 1000)

/* Messages */

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

/* Starting one another */

/* Descriptors that the environment names, so that they survive exec(3) once only */
static int from_env(const char *name, int fds[2])
{
	const char *text = getenv(name);
	int n = 0;

	while (text && n < 2 && *text) {
		fds[n] = atoi(text);
		fcntl(fds[n++], F_SETFD, FD_CLOEXEC);
		text = strchr(text, ',');
		text += !!text;
	}
	return n;
}

int keeper_fd(void)
{
	int fds[2] = { -1, -1 };

	return from_env(KEEPER_ENV, fds) >= 1 ? fds[0] : -1;
}

bool keeper_adopts(int *pidfd, int *socket)
{
	int fds[2];

	if (from_env(ADOPT_ENV, fds) != 2)
		return false;
	*pidfd = fds[0];
	*socket = fds[1];
	unsetenv(ADOPT_ENV);
	return true;
}

void keeper_exec(char **argv, const char *env, int first, int second)
{
	static const char deleted[] = " (deleted)";
	static char path[4096];
	char text[32], *end;

	snprintf(text, sizeof(text), second < 0 ? "%d" : "%d,%d", first, second);
	unsetenv(KEEPER_ENV);
	setenv(env, text, 1);
	fcntl(first, F_SETFD, 0);
	if (second >= 0)
		fcntl(second, F_SETFD, 0);
	/* By its path: if luod was replaced on the disk, the new one is to be started. */
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) > 0) {
		end = path + strlen(path) - strlen(deleted);
		if (end > path && !strcmp(end, deleted))
			*end = '\0';
		execv(path, argv);
	}
	execv("/proc/self/exe", argv);
	log_text(LOG_ERR, "%s can't be started: %m", path);
	_exit(EXIT_CONFIG);
}

bool keeper_is_wanted(void)
{
	return getenv(ADOPT_ENV);
}

/* luod's end */

static struct {
	int socket;
	pid_t pid;			/* of one that luod started */
	sd_event_source *gone;		/* NULL while it gives back what it has */
	sd_event_source *timer;
	uint64_t born;			/* in µs, or 0 */
	unsigned int deaths;		/* in a row */
	unsigned int unanswered;	/* KEEPER_REMOVE */
} keeper = { .socket = -1 };

static uint64_t now_us(void)
{
	uint64_t now = 0;

	sd_event_now(luod.event, CLOCK_MONOTONIC, &now);
	return now;
}

static void bury(void)
{
	keeper.gone = sd_event_source_disable_unref(keeper.gone);
	if (keeper.socket >= 0)
		close(keeper.socket);
	keeper.socket = -1;
	if (keeper.pid) {
		kill(keeper.pid, SIGKILL);
		waitpid(keeper.pid, NULL, 0);
	}
	keeper.pid = 0;
}

static int on_gone(sd_event_source *source, int fd, uint32_t events, void *ctx);

/* One that hangs is as good as dead. */
static void limit_waits(int socket)
{
	static const struct timeval limit = { .tv_sec = LIMIT_MS / 1000 };

	setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static int start_keeper(void)
{
	int pair[2], self = pidfd_open(getpid(), 0);

	if (self < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		int err = -errno;

		close(self);
		return err;
	}
	limit_waits(pair[0]);
	keeper.pid = fork();
	if (!keeper.pid)
		keeper_exec(luod.argv, ADOPT_ENV, self, pair[1]);
	close(self);
	close(pair[1]);
	if (keeper.pid < 0) {
		int err = -errno;

		keeper.pid = 0;
		close(pair[0]);
		return err;
	}
	keeper.socket = pair[0];
	keeper.born = now_us();
	return sd_event_add_io(luod.event, &keeper.gone, pair[0], EPOLLHUP, on_gone, NULL);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *ctx);

static void retry_later(void)
{
	uint64_t delay = DELAY_US;

	for (unsigned int i = ACCIDENTS; i < keeper.deaths && delay < DELAY_MAX_US; i++)
		delay *= 2;
	keeper.timer = sd_event_source_disable_unref(keeper.timer);
	if (sd_event_add_time_relative(luod.event, &keeper.timer, CLOCK_MONOTONIC, delay, 0,
				       on_retry, NULL) < 0)
		log_text(LOG_ERR, "no timer: nobody keeps sessions any more if luod dies");
}

static void replace(void)
{
	int err = start_keeper();

	if (err >= 0)
		err = store_give_all(keeper.socket);
	if (err < 0) {
		log_text(LOG_ERR, "no other keeper can be started, so sessions are lost if luod dies; luod tries again: %s",
			 strerror(-err));
		keeper.deaths++;
		bury();
		retry_later();
		return;
	}
	log_text(LOG_NOTICE, "another keeper has everything");
}

static int on_retry(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source;
	(void)usec;
	(void)ctx;
	replace();
	return 0;
}

static int on_gone(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	(void)source;
	(void)fd;
	(void)events;
	(void)ctx;
	log_text(LOG_WARNING, "the keeper died");
	keeper.deaths = now_us() - keeper.born > LIFE_US ? 1 : keeper.deaths + 1;
	bury();
	if (keeper.deaths > ACCIDENTS)
		retry_later();
	else
		replace();
	return 0;
}

void keeper_meet(int socket)
{
	keeper.socket = socket;
	limit_waits(socket);
}

/* How many answers to take; the end of the connection is for on_gone() to see. */
static int take_answers(unsigned int count)
{
	struct pollfd poll_fd = { keeper.socket, POLLIN, 0 };
	char name[STORE_NAME_MAX];
	int fd, op = KEEPER_REMOVED;

	while (count-- && op == KEEPER_REMOVED) {
		if (!poll(&poll_fd, 1, LIMIT_MS))
			return -ETIME;
		op = keeper_receive(keeper.socket, name, &fd);
		if (fd >= 0)
			close(fd);
	}
	return 0;
}

/* The pair of sockets is its own, or luod's, which has started it; on_gone() does the rest. */
static void kill_keeper(void)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	log_text(LOG_ERR, "the keeper hangs: it is killed");
	if (keeper.pid)
		kill(keeper.pid, SIGKILL);
	else if (!getsockopt(keeper.socket, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
		 peer.pid == getppid())
		kill(peer.pid, SIGKILL);
}

int keeper_watch(void)
{
	if (take_answers(keeper.unanswered))
		kill_keeper();
	keeper.unanswered = 0;
	return sd_event_add_io(luod.event, &keeper.gone, keeper.socket, EPOLLHUP, on_gone, NULL);
}

/* One that died, and of which luod does not know yet, is no error: the next one gets all. */
int keeper_tell(enum keeper_op op, const char *name, int fd)
{
	int err = keeper.socket < 0 ? 0 : keeper_send(keeper.socket, op, name, fd);

	if (err == -EPIPE || err == -ECONNRESET)
		return 0;
	if (err == -EAGAIN) {
		kill_keeper();
		return 0;
	}
	if (err || op != KEEPER_REMOVE || keeper.socket < 0)
		return err;
	/* While it gives back, its answers come after that. */
	if (!keeper.gone) {
		keeper.unanswered++;
		return 0;
	}
	if (take_answers(1))
		kill_keeper();
	return 0;
}
