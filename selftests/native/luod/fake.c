// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's side, made up: a session is the writing end of a pipe, and gone when
 * nobody has that open any more. All else is luod as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "luod/fake.h"
#include "tools/luod/luod.h"

#define SESSIONS 64

struct luod luod;
struct fake *fake;		/* shared with luod */
struct handler *handlers;

static struct {
	char name[NAME_MAX_BYTES + 1];
	int fd;
	ino_t ino;
} kernel[SESSIONS];

static bool is_open(int i)
{
	struct pollfd fd = { kernel[i].fd, POLLIN, 0 };

	if (!kernel[i].fd)
		return false;
	if (poll(&fd, 1, 0) == 1 && fd.revents & POLLHUP) {
		close(kernel[i].fd);
		kernel[i].fd = 0;
	}
	return kernel[i].fd;
}

int device_create(const char *name)
{
	int free_one = -1, fds[2];
	struct stat st;

	for (int i = 0; i < SESSIONS; i++) {
		if (is_open(i) && !strcmp(kernel[i].name, name))
			return -EEXIST;
		if (!kernel[i].fd)
			free_one = i;
	}
	if (free_one < 0 || pipe2(fds, O_CLOEXEC))
		return -ENOSPC;
	fstat(fds[1], &st);
	snprintf(kernel[free_one].name, sizeof(kernel[0].name), "%s", name);
	kernel[free_one].fd = fds[0];
	kernel[free_one].ino = st.st_ino;
	return fds[1];
}

int device_retrieve(const char *name)
{
	(void)name;
	return -ENOENT;
}

int device_finish(int session)
{
	(void)session;
	return -EINVAL;
}

void device_close(void)
{
}

int device_name(int fd, char name[NAME_MAX_BYTES + 1])
{
	struct stat st;

	for (int i = 0; !fstat(fd, &st) && i < SESSIONS; i++) {
		if (kernel[i].fd && kernel[i].ino == st.st_ino) {
			strcpy(name, kernel[i].name);
			return 0;
		}
	}
	return -EINVAL;
}

static void describe(const char *name, struct kernel_session *session)
{
	memset(session, 0, sizeof(*session));
	strcpy(session->name, name);
	strcpy(session->state, "outgoing");
}

int device_describe(int fd, struct kernel_session *session)
{
	char name[NAME_MAX_BYTES + 1];

	if (device_name(fd, name))
		return -EINVAL;
	describe(name, session);
	return 0;
}

int device_list(void (*fn)(const struct kernel_session *session, void *ctx), void *ctx)
{
	struct kernel_session session;

	for (int i = 0; i < SESSIONS; i++) {
		/* After the first */
		if (i && fake->blind)
			return -EIO;
		if (!is_open(i))
			continue;
		describe(kernel[i].name, &session);
		fn(&session, ctx);
		if (!fake->twice)
			continue;
		strcpy(session.state, "incoming");
		fn(&session, ctx);
		strcpy(session.name, "b\xff");
		fn(&session, ctx);
	}
	return 0;
}

void device_list_reset(void)
{
}

bool store_is_systemd(void)
{
	return false;
}

int store_add(const char *name, int fd)
{
	return *name && fd >= 0 ? 0 : -EINVAL;
}

bool store_has_room(void)
{
	return !fake->full;
}

void store_remove(const char *name)
{
	(void)name;
}

int kexec_load(int kernel_fd, int initrd, const char *cmdline, bool reuse, char message[ERROR_MAX])
{
	(void)kernel_fd;
	(void)initrd;
	(void)cmdline;
	(void)reuse;
	snprintf(message, ERROR_MAX, "it is not a kernel");
	return -ENOEXEC;
}

bool kexec_is_loaded(void)
{
	return true;
}

bool kexec_is_coming(void)
{
	return fake->kexec == FAKE_COMING;
}

int kexec_go(char message[ERROR_MAX])
{
	if (fake->kexec == FAKE_COMING)
		return 0;
	snprintf(message, ERROR_MAX, "the kernel refuses the kexec");
	return -EUCLEAN;
}

int state_save(struct json_object *voided, char message[ERROR_MAX])
{
	/* Says who it went without. */
	log_text(LOG_NOTICE, "voided %s", json_object_to_json_string_ext(voided, 0));
	message[0] = '\0';
	return 0;
}

void state_drop(void)
{
}

int handlers_load(const char *name, int object, char message[ERROR_MAX])
{
	(void)object;
	snprintf(message, ERROR_MAX, "%s", name);
	return -EINVAL;
}

int handlers_upgrade(const char *name, int object, char message[ERROR_MAX])
{
	return handlers_load(name, object, message);
}

int handlers_unload(const char *name, char message[ERROR_MAX])
{
	return handlers_load(name, -1, message);
}

struct json_object *handlers_list(const char *after, size_t limit, struct json_object **next)
{
	(void)after;
	(void)limit;
	*next = NULL;
	return json_object_new_array();
}

luo_print_fn luo_set_print(luo_print_fn fn)
{
	return fn;
}

static void serve(int fd)
{
	char message[ERROR_MAX];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	log_open(LOG_TO_STDERR, LOG_EMERG);
	luod.conf_path = "/nowhere/luod.conf";
	if (conf_parse(&luod.conf, "{}", 2, message, sizeof(message)) ||
	    sd_event_default(&luod.event) < 0 ||
	    sd_event_add_signal(luod.event, NULL, SIGTERM, NULL, NULL) < 0 || server_start(fd))
		exit(99);
	sd_event_loop(luod.event);
	update_cancel(-ECANCELED, "luod ends");
	server_stop();
	session_drop_all(SESSION_READY);
	session_drop_all(SESSION_KEPT);
	conf_free(&luod.conf);
	sd_event_unref(luod.event);
	exit(0);
}

static pid_t start(const char *path, bool remembering)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	strcpy(address.sun_path, path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64))
		return -1;
	if (!fake)
		fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fake == MAP_FAILED)
		return -1;
	memset(fake, 0, sizeof(*fake));
	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (remembering)
			session_restore(STORE_READY FAKE_REMEMBERED,
					device_create(FAKE_REMEMBERED));
		serve(fd);
	}
	close(fd);
	return pid;
}

pid_t fake_start(const char *path)
{
	return start(path, false);
}

pid_t fake_start_remembering(const char *path)
{
	return start(path, true);
}

int fake_stop(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
