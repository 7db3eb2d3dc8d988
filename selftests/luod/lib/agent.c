// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"
#include "tap.h"
#include "vm.h"

#define SOCKET		"/run/luod/liveupdate.sock"
#define CONF		"/tmp/luod.conf"	/* agent_start() has it once more */
/* Long enough for a machine that is busy; what takes longer hangs. */
#define LIMIT_MS	(300 * 1000)

void agent_conf(const char *conf)
{
	FILE *f = fopen(CONF, "we");

	must(f && fputs(conf, f) >= 0 && !fclose(f) ? 0 : -EIO, CONF);
}

void agent_start_program(const char *program, const char *conf)
{
	char command[256];
	int status;

	agent_conf(conf);
	fflush(stdout);
	/* luod itself, and who starts it again, is in another directory. */
	snprintf(command, sizeof(command), "cd /tmp && %s --verbose --config luod.conf", program);
	status = system(command);
	if (status)
		tap_bail("luod ended with status %d", status);
}

void agent_start(const char *conf)
{
	agent_start_program("/selftests/luod", conf);
}

static int try_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -errno;
	}
	return fd;
}

int agent_connect(void)
{
	return must(try_connect(), "connect to luod");
}

/* A process by its name; 0 if there is none. Those that are dead have no executable. */
static pid_t find_process(const char *name)
{
	char path[280], comm[32], exe[8];
	struct dirent *entry;
	pid_t pid = 0;
	DIR *dir = opendir("/proc");

	while (dir && !pid && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (read_file(path, comm, sizeof(comm)) || strcmp(comm, name))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
		if (readlink(path, exe, sizeof(exe)) > 0)
			pid = atoi(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return pid;
}

pid_t agent_pid(void)
{
	pid_t pid = find_process("luod");

	return must(pid ?: -ESRCH, "find luod");
}

pid_t agent_keeper_pid(void)
{
	return find_process("luod-keeper");
}

void agent_kill(void)
{
	int client, fd;

	kill(agent_pid(), SIGKILL);
	/* The keeper has the socket, so that this waits for the next luod. */
	client = agent_connect();
	agent_send(client, -1, "{\"cmd\":\"HELLO\",\"version\":1}");
	if (!agent_line(client, &fd)) {
		/* It had been taken by the one that is dead. */
		close(client);
		client = agent_connect();
		agent_send(client, -1, "{\"cmd\":\"HELLO\",\"version\":1}");
		must(agent_line(client, &fd) ? 0 : -ECONNRESET, "luod is back");
	}
	close(client);
}

int agent_send_fds(int client, const int *fds, int count, const char *line)
{
	union {
		char space[CMSG_SPACE(32 * sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = { (char *)line, strlen(line) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	}
	return sendmsg(client, &msg, MSG_NOSIGNAL) == (ssize_t)iov.iov_len ? 0 : -errno;
}

int agent_send(int client, int fd, const char *format, ...)
{
	char *text, *line;
	va_list args;
	int err;

	va_start(args, format);
	err = vasprintf(&text, format, args);
	va_end(args);
	if (err < 0 || asprintf(&line, "%s\n", text) < 0)
		tap_bail("no memory");
	err = agent_send_fds(client, &fd, fd >= 0, line);
	free(line);
	free(text);
	return err;
}

/* One byte at a time, so that nothing of the next line is taken. */
static int receive_byte(int client, char *byte, int *fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct pollfd poll_fd = { client, POLLIN, 0 };
	struct cmsghdr *cmsg;
	int n;

	if (poll(&poll_fd, 1, LIMIT_MS) != 1)
		tap_bail("luod says nothing");
	n = recvmsg(client, &msg, MSG_CMSG_CLOEXEC);
	cmsg = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(cmsg), sizeof(*fd));
	return n;
}

const char *agent_line(int client, int *fd)
{
	static char line[AGENT_LINE * 16];
	size_t n = 0;

	*fd = -1;
	while (n < sizeof(line) - 1) {
		if (receive_byte(client, line + n, fd) <= 0)
			return NULL;
		if (line[n] == '\n')
			break;
		n++;
	}
	line[n] = '\0';
	return line;
}

bool agent_silent(int client)
{
	struct pollfd poll_fd = { client, POLLIN, 0 };
	int other = agent_connect(), fd;

	/* What another one is told after that, luod has done after that. */
	agent_send(other, -1, "{\"cmd\":\"HELLO\",\"version\":1}");
	must(agent_line(other, &fd) ? 0 : -ECONNRESET, "luod answers");
	close(other);
	return poll(&poll_fd, 1, 0) == 0;
}

static const char *answer_to(int client, const char *line)
{
	const char *answer;
	int fd;

	must(agent_send(client, -1, "%s", line), "send %s", line);
	answer = agent_line(client, &fd);
	if (fd >= 0)
		close(fd);
	return answer ?: "(the connection ended)";
}

bool agent_ok(int client, const char *line, const char *what)
{
	const char *answer = answer_to(client, line);

	if (check(strstr(answer, "\"status\":\"ok\""), "%s", what))
		return true;
	tap_note("  %s", answer);
	return false;
}

bool agent_error(int client, const char *line, const char *error, const char *what)
{
	const char *answer = answer_to(client, line);
	char text[64];

	snprintf(text, sizeof(text), "\"error\":\"%s\"", error);
	if (check(strstr(answer, text), "%s", what))
		return true;
	tap_note("  %s", answer);
	return false;
}

bool agent_event(int client, const char *event, int *fd, const char *what)
{
	const char *line = agent_line(client, fd) ?: "(the connection ended)";
	char text[64];

	snprintf(text, sizeof(text), "{\"event\":\"%s\"", event);
	if (check(!strncmp(line, text, strlen(text)), "%s", what))
		return true;
	tap_note("  %s", line);
	return false;
}

int agent_session(int client, const char *format, ...)
{
	const char *answer;
	char line[512];
	va_list args;
	int fd;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	must(agent_send(client, -1, "%s", line), "send %s", line);
	answer = agent_line(client, &fd);
	if (fd < 0)
		tap_bail("%s: %s", line, answer ?: "the connection ended");
	return fd;
}

/* The element of LIST for @id, cut out, or NULL. */
static char *listed(const char *id)
{
	int client = agent_connect(), fd;
	const char *answer, *at;
	char text[96], *element;

	agent_send(client, -1, "{\"cmd\":\"LIST\"}");
	answer = agent_line(client, &fd);
	must(answer ? 0 : -ECONNRESET, "LIST");
	snprintf(text, sizeof(text), "{\"id\":\"%s\"", id);
	at = strstr(answer, text);
	element = at ? strndup(at, strcspn(at, "}") + 1) : NULL;
	close(client);
	return element;
}

bool agent_lists(const char *id, const char *const *texts)
{
	char *element = listed(id);
	bool all = element;

	for (; all && *texts; texts++)
		all = strstr(element, *texts);
	if (!all)
		tap_note("  listed: %s", element ?: "nothing of that name");
	free(element);
	return all;
}

bool agent_lists_nothing(const char *id)
{
	char *element = listed(id);

	if (element)
		tap_note("  listed: %s", element);
	free(element);
	return !element;
}

bool agent_lists_handler(int client, const char *text)
{
	const char *line;
	int fd;

	agent_send(client, -1, "{\"cmd\":\"HANDLERS\"}");
	line = agent_line(client, &fd) ?: "(the connection ended)";
	if (strstr(line, text))
		return true;
	tap_note("  %s", line);
	return false;
}

int agent_subscribe(const char *id)
{
	int client = agent_connect(), fd;
	const char *answer;

	agent_send(client, -1, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"%s\",\"seq\":1}", id);
	answer = agent_line(client, &fd);
	if (!answer || !strstr(answer, "\"status\":\"ok\""))
		tap_bail("subscribe as %s: %s", id, answer ?: "the connection ended");
	return client;
}

int agent_preserving(int client)
{
	const char *line;
	int fd;

	line = agent_line(client, &fd);
	if (fd < 0 || strncmp(line, "{\"event\":\"START_PRESERVATION\"", 29))
		tap_bail("no session to preserve in: %s", line ?: "the connection ended");
	return fd;
}

void agent_load(int client)
{
	char line[VM_CMDLINE_MAX + 128], cmdline[VM_CMDLINE_MAX];
	const char *answer;
	int fds[2], fd;

	must(access("/boot/initrd", R_OK) ? system("vm-boot-files") : 0, "/boot");
	fds[0] = must(open(vm_kexec_kernel(), O_RDONLY | O_CLOEXEC), "kernel");
	fds[1] = must(open("/boot/initrd", O_RDONLY | O_CLOEXEC), "initrd");
	vm_kexec_cmdline(cmdline);
	snprintf(line, sizeof(line), "{\"cmd\":\"LOAD\",\"cmdline\":\"%s\"}\n", cmdline);
	must(agent_send_fds(client, fds, 2, line), "send LOAD");
	answer = agent_line(client, &fd);
	if (!answer || !strstr(answer, "\"status\":\"ok\""))
		tap_bail("LOAD: %s", answer ?: "the connection ended");
	close(fds[0]);
	close(fds[1]);
}

const char *agent_outcome(int client)
{
	const char *line;
	int fd;

	do {
		line = agent_line(client, &fd);
	} while (line && strstr(line, "\"event\":\"PROGRESS\""));
	return line ?: "(the connection ended)";
}

const char *agent_update(int client, const char *fields)
{
	/* What is printed must be out before the kexec. */
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	agent_send(client, -1, "{\"cmd\":\"UPDATE\"%s%s}", *fields ? "," : "", fields);
	return agent_outcome(client);
}
