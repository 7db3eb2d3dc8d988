// SPDX-License-Identifier: GPL-2.0
/*
 * luod as a service: this test is the service manager, with its socket and its store of
 * descriptors. After the kexec it has taken the sessions out of the kernel, as systemd does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define NOTIFY	"/run/notify"
#define SOCKET	"/run/luod/liveupdate.sock"
#define SIZE	KIB(16)
#define STORED	64

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

static struct {
	char name[256];
	int fd;
} stored[STORED];

static int store_count, notify_fd, listen_fd;
static pid_t luod;
static bool luod_ready;

static int bound(const char *path, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = must(socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "socket");

	strcpy(address.sun_path, path);
	must(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind %s", path);
	return fd;
}

static void store_remove(const char *name)
{
	for (int i = 0; i < store_count; i++) {
		if (strcmp(stored[i].name, name))
			continue;
		close(stored[i].fd);
		stored[i--] = stored[--store_count];
	}
}

static void take_message(char *text, int fd)
{
	char *name = strstr(text, "FDNAME=");

	if (name)
		name[7 + strcspn(name + 7, "\n")] = '\0';
	if (!strncmp(text, "FDSTORE=1", 9) && name && fd >= 0 && store_count < STORED) {
		snprintf(stored[store_count].name, sizeof(stored[0].name), "%s", name + 7);
		stored[store_count++].fd = fd;
		return;
	}
	if (!strncmp(text, "FDSTOREREMOVE=1", 15) && name)
		store_remove(name + 7);
	else if (strstr(text, "READY=1"))
		luod_ready = true;
	/* That of a barrier: it waits for this. */
	if (fd >= 0)
		close(fd);
}

/* Take what luod says, for as long as it says something at once. */
static bool serve(int wait_ms)
{
	char text[1024], control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct pollfd poll_fd = { notify_fd, POLLIN, 0 };
	struct cmsghdr *cmsg;
	int fd = -1;
	ssize_t n;

	if (poll(&poll_fd, 1, wait_ms) != 1)
		return false;
	n = must(recvmsg(notify_fd, &msg, MSG_CMSG_CLOEXEC), "receive");
	text[n] = '\0';
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	take_message(text, fd);
	return true;
}

/* Descriptors from 3 on, as sd_listen_fds(3) has them. */
static void run_luod(void)
{
	char names[STORED * 256] = "luod.socket", number[16];
	int fds[STORED + 1], count = 1;

	/* Out of the way first. */
	fds[0] = fcntl(listen_fd, F_DUPFD_CLOEXEC, 200);
	for (int i = 0; i < store_count; i++) {
		fds[count++] = fcntl(stored[i].fd, F_DUPFD_CLOEXEC, 200);
		strcat(strcat(names, ":"), stored[i].name);
	}
	for (int i = 0; i < count; i++)
		dup2(fds[i], 3 + i);
	snprintf(number, sizeof(number), "%d", getpid());
	setenv("LISTEN_PID", number, 1);
	snprintf(number, sizeof(number), "%d", count);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	snprintf(number, sizeof(number), "%d", STORED);
	setenv("FDSTORE", number, 1);
	setenv("NOTIFY_SOCKET", NOTIFY, 1);
	execl("/selftests/luod", "luod", "--config", "/tmp/luod.conf", NULL);
	_exit(127);
}

static void service_start(void)
{
	luod_ready = false;
	fflush(NULL);
	luod = must(fork(), "fork");
	if (!luod)
		run_luod();
	while (!luod_ready)
		must(serve(300 * 1000) ? 0 : -ETIMEDOUT, "luod is ready");
}

static void service_kill(int signal, const char *what)
{
	int status;

	kill(luod, signal);
	waitpid(luod, &status, 0);
	while (serve(0))
		;
	check(signal == SIGKILL ? WIFSIGNALED(status) : WIFEXITED(status) && !WEXITSTATUS(status),
	      "%s: luod ends", what);
}

static void manager_start(void)
{
	FILE *conf = fopen("/tmp/luod.conf", "we");

	must(conf && fputs(AGENT_CONF, conf) >= 0 && !fclose(conf) ? 0 : -EIO, "luod.conf");
	mkdir("/run/luod", 0755);
	notify_fd = bound(NOTIFY, SOCK_DGRAM);
	listen_fd = bound(SOCKET, SOCK_STREAM);
	must(listen(listen_fd, 64), "listen");
	/* As by AcceptFileDescriptors=no; kernels before 6.16 know nothing of it. */
	setsockopt(listen_fd, SOL_SOCKET, SO_PASSRIGHTS, &(int){ 0 }, sizeof(int));
}

static bool is_stored(const char *name)
{
	for (int i = 0; i < store_count; i++) {
		if (!strcmp(stored[i].name, name))
			return true;
	}
	for (int i = 0; i < store_count; i++)
		tap_note("  stored: %s", stored[i].name);
	return false;
}

/* A client in a process of its own: luod waits for this one while it stores. */
static pid_t in_background(int (*fn)(void))
{
	pid_t pid;

	fflush(NULL);
	pid = must(fork(), "fork");
	if (!pid)
		_exit(fn());
	return pid;
}

static bool succeeds(pid_t pid)
{
	int status;

	while (!waitpid(pid, &status, WNOHANG))
		serve(20);
	while (serve(0))
		;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static int create_kept(void)
{
	int session = agent_session(agent_connect(),
				    "{\"cmd\":\"CREATE\",\"id\":\"a: b\",\"keep\":true}");

	return luo_preserve(session, mem_filled("kept", 0, SIZE, 1), 1) ? 1 : 0;
}

static int is_kept(void)
{
	return agent_listed("a: b", "\"outgoing\"", "\"kept\":true", "\"files\":1") ? 0 : 1;
}

/* As many as there is room for, and none that would be lost; and all of them go again. */
static int create_many(void)
{
	int client = agent_connect(), count = 0, fd;
	const char *line;

	do {
		agent_send(client, -1,
			   "{\"cmd\":\"CREATE\",\"id\":\"many-%d\",\"keep\":true}", count);
		line = agent_line(client, &fd) ?: "";
		close(fd);
	} while (strstr(line, "\"ok\"") && ++count < STORED);
	if (!strstr(line, "\"ENOSPC\"") || count < STORED / 4 || count > STORED / 2)
		return 1;
	for (int i = 0; i < count; i++) {
		agent_send(client, -1, "{\"cmd\":\"RELEASE\",\"id\":\"many-%d\"}", i);
		line = agent_line(client, &fd) ?: "";
		if (!strstr(line, "\"ok\""))
			return 1;
	}
	agent_send(client, -1, "{\"cmd\":\"CREATE\",\"id\":\"one\",\"keep\":true}");
	line = agent_line(client, &fd) ?: "";
	close(fd);
	agent_send(client, -1, "{\"cmd\":\"RELEASE\",\"id\":\"one\"}");
	return strstr(line, "\"ok\"") && strstr(agent_line(client, &fd) ?: "", "\"ok\"") ? 0 : 1;
}

static void before(void)
{
	manager_start();
	service_start();
	check(is_stored("luod.handler.eventfd"), "a handler is stored");
	check(succeeds(in_background(create_kept)), "a client has a session kept");
	check(is_stored("a%3a%20b"), "it is stored, under its name");
	check(succeeds(in_background(create_many)), "no more is kept than the store takes");
	service_kill(SIGKILL, "killed");
	service_start();
	check(succeeds(in_background(is_kept)), "killed: the next luod has it");
	service_kill(SIGTERM, "stopped");
	check(is_stored("a%3a%20b"), "stopped: it is stored still");
}

static int claim(void)
{
	int client = agent_connect(), session, file;

	session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"a: b\"}");
	file = luo_retrieve_fd(session, 1);
	return file >= 0 && mem_is(file, 0, SIZE, 1) && !luo_finish(session) ? 0 : 1;
}

static void after(void)
{
	int device = must(luo_open(), "/dev/liveupdate");

	manager_start();
	strcpy(stored[0].name, "a%3a%20b");
	stored[0].fd = must(luo_retrieve(device, "a: b"), "retrieve");
	store_count = 1;
	close(device);
	service_start();
	check(is_stored("luod.handler.eventfd") && !is_stored("a%3a%20b"),
	      "what came in goes back to the kernel");
	check(succeeds(in_background(claim)), "from where a client claims it");
	service_kill(SIGTERM, "stopped");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
