// SPDX-License-Identifier: GPL-2.0
/* The signalfd handler through a kexec: which signals a file takes, and that it takes them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"

#define SESSION "signalfds"

/* Made with the first set, and given the second after PRESERVE_FD. */
static const struct {
	const char *name;
	int flags;
	int made[4], given[4];
} files[] = {
	{ "two signals", 0, { SIGTERM, SIGCHLD }, { 0 } },
	{ "nonblocking", SFD_NONBLOCK, { SIGHUP }, { 0 } },
	{ "realtime", SFD_NONBLOCK, { 64, 34 }, { 0 } },
	{ "set later", SFD_NONBLOCK, { SIGHUP }, { SIGUSR1, SIGUSR2 } },
	{ "SIGKILL asked for", 0, { SIGKILL, SIGSTOP, SIGINT }, { 0 } },
	{ "none", SFD_NONBLOCK, { 0 }, { 0 } },
};

#define FILES ((int)(sizeof(files) / sizeof(*files)))

static sigset_t set_of(const int signals[4])
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < 4 && signals[i]; i++)
		sigaddset(&set, signals[i]);
	return set;
}

static void mask_line(int fd, char *line, size_t len)
{
	char path[64], text[512], *at;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	must(read_file(path, text, sizeof(text)), "%s", path);
	at = strstr(text, "sigmask:\t");
	snprintf(line, len, "%.16s", at ? at + 9 : "none");
}

static void before(void)
{
	struct luo_session *session = session_create(device_open(), SESSION);

	handler_attach("signalfd");
	for (int i = 0; i < FILES; i++) {
		sigset_t set = set_of(files[i].made);
		int fd = must(signalfd(-1, &set, files[i].flags), "signalfd");
		char line[20], key[16];

		must(luo_session__preserve_fd(session, fd, i), "%s: preserve", files[i].name);
		if (files[i].given[0]) {
			set = set_of(files[i].given);
			must(signalfd(fd, &set, 0), "signalfd");
		}
		mask_line(fd, line, sizeof(line));
		snprintf(key, sizeof(key), "mask%d", i);
		vm_kexec_arg(key, "%s", line);
	}
}

/* Blocked by whoever retrieved the file, as by whoever made it */
static int take(int fd, int signal)
{
	struct signalfd_siginfo info;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	raise(signal);
	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : -errno;
}

static void check_file(int i, int fd)
{
	const int *signals = files[i].given[0] ? files[i].given : files[i].made;
	char line[20], key[16];

	mask_line(fd, line, sizeof(line));
	snprintf(key, sizeof(key), "mask%d", i);
	check(vm_arg(key) && !strcmp(vm_arg(key), line), "%s: mask %s", files[i].name, line);
	check_eq(!!(fcntl(fd, F_GETFL) & O_NONBLOCK), !!(files[i].flags & SFD_NONBLOCK),
		 "%s: O_NONBLOCK", files[i].name);
	for (int n = 0; n < 4 && signals[n]; n++) {
		if (signals[n] != SIGKILL && signals[n] != SIGSTOP)
			check_eq(take(fd, signals[n]), signals[n], "%s: takes signal %d",
				 files[i].name, signals[n]);
	}
	check_eq(take(fd, SIGALRM), -EAGAIN, "%s: but not another", files[i].name);
}

static void after(void)
{
	struct luo_session *session = session_retrieve(device_open(), SESSION);
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	check_eq(luo_session__retrieve_fd(session, 0), -EUNATCH, "no handler yet");
	handler_attach("signalfd");
	for (int i = FILES - 1; i >= 0; i--) {
		int fd = luo_session__retrieve_fd(session, i);

		if (check(fd >= 0, "%s: back", files[i].name))
			check_file(i, fd);
	}
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
