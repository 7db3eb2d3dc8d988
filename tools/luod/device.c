// SPDX-License-Identifier: GPL-2.0
/* The kernel's side: /dev/liveupdate, opened when it is first needed, and what it lists. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "luod.h"

#define RETRY_S	10

static struct luo_device *device;

/* Without the device it is not the session that there is none of. */
static int device_open(void)
{
	if (!device)
		device = luo_device__open(NULL);
	if (device)
		return 0;
	return errno == ENOENT ? -ENODEV : -errno;
}

void device_close(void)
{
	luo_device__close(device);
	device = NULL;
}

/* The library's session goes, a descriptor of it stays. */
static int take_fd(struct luo_session *session)
{
	int fd;

	if (!session)
		return -errno;
	fd = fcntl(luo_session__fd(session), F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		fd = -errno;
	luo_session__close(session);
	return fd;
}

/* Who is stopped for the kexec may still ask for sessions, but systemd must find it closed. */
static int device_done(int result)
{
	if (update_is_leaving())
		device_close();
	return result;
}

int device_create(const char *name)
{
	int err = device_open();

	return device_done(err ?: take_fd(luo_session__create(device, name)));
}

int device_retrieve(const char *name)
{
	int err = device_open();

	return device_done(err ?: take_fd(luo_session__retrieve(device, name)));
}

/* The library's session has a descriptor of its own; NULL with errno. */
static struct luo_session *borrow(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct luo_session *session = copy < 0 ? NULL : luo_session__from_fd(copy);

	if (!session && copy >= 0) {
		close(copy);
		errno = EINVAL;
	}
	return session;
}

int device_finish(int fd)
{
	struct luo_session *session = borrow(fd);
	int err = session ? luo_session__finish(session) : -errno;

	luo_session__close(session);
	return err;
}

int device_name(int fd, char name[NAME_MAX_BYTES + 1])
{
	static const char is[] = "anon_inode:[luo_session]";
	char path[64], target[sizeof(is)];
	struct luo_session *session;
	int err;

	/* Another file might take the number of the call for one of its own. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, target, sizeof(target)) < (ssize_t)strlen(is) ||
	    strncmp(target, is, strlen(is)))
		return -EINVAL;
	session = borrow(fd);
	err = session ? luo_session__get_name(session, name, NAME_MAX_BYTES + 1) : -EINVAL;
	luo_session__close(session);
	return err;
}

int device_describe(int fd, struct kernel_session *session)
{
	char path[64], line[256];
	FILE *f;

	memset(session, 0, sizeof(*session));
	session->open = true;
	session->files = -1;
	session->bytes = -1;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "luo-state: %15s", session->state) == 1 ||
		    sscanf(line, "luo-files: %jd", &session->files) == 1 ||
		    sscanf(line, "luo-bytes: %jd", &session->bytes) == 1)
			continue;
	}
	fclose(f);
	return device_name(fd, session->name);
}

bool device_is_incoming(int fd)
{
	struct kernel_session session;

	return !device_describe(fd, &session) && !strcmp(session.state, "incoming");
}

/* What lists the sessions: loaded once */
static struct {
	struct bpf_object *object;
	struct bpf_link *link;
	bool missed;			/* and that was said */
	time_t retry;			/* not before */
} iterator;

void device_list_reset(void)
{
	bpf_link__destroy(iterator.link);
	bpf_object__close(iterator.object);
	memset(&iterator, 0, sizeof(iterator));
}

/* Without a link, errno says what is missing: the object, or something in the kernel. */
static void load_iterator(void)
{
	char path[PATH_MAX];
	struct bpf_program *program;
	int err;

	snprintf(path, sizeof(path), "%s/luo_session.bpf.o", luod.conf.iterators);
	iterator.object = bpf_object__open_file(path, NULL);
	if (!iterator.object)
		return;
	program = bpf_object__load(iterator.object) ? NULL :
		  bpf_object__next_program(iterator.object, NULL);
	iterator.link = program ? bpf_program__attach_iter(program, NULL) : NULL;
	if (iterator.link)
		return;
	err = errno;
	bpf_object__close(iterator.object);
	iterator.object = NULL;
	errno = err;
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static FILE *open_list(void)
{
	int fd;

	libbpf_set_print(NULL);
	/* It takes long to find out that it does not work. */
	if (!iterator.link && now() >= iterator.retry) {
		load_iterator();
		iterator.retry = now() + RETRY_S;
	}
	fd = iterator.link ? bpf_iter_create(bpf_link__fd(iterator.link)) : -1;
	if (fd < 0) {
		if (!iterator.missed)
			log_text(LOG_NOTICE, "%s/luo_session.bpf.o can't be used, so the kernel's sessions are not listed: %m",
				 luod.conf.iterators);
		iterator.missed = true;
		return NULL;
	}
	return fdopen(fd, "r");
}

/* STATE OPEN FILES BYTES SESSION, the name up to the end of the line */
static bool take_line(const char *line, struct kernel_session *session)
{
	int open, at = 0;
	size_t len;

	memset(session, 0, sizeof(*session));
	if (sscanf(line, "%15s %d %jd %jd %n", session->state, &open, &session->files,
		   &session->bytes, &at) < 4 || !at)
		return false;
	len = strcspn(line + at, "\n");
	session->open = open;
	if (!len || len > NAME_MAX_BYTES)
		return false;
	memcpy(session->name, line + at, len);
	return true;
}

int device_list(void (*fn)(const struct kernel_session *session, void *ctx), void *ctx)
{
	struct kernel_session session;
	FILE *list = open_list();
	char *line = NULL;
	size_t size = 0;
	int err;

	if (!list)
		return -EOPNOTSUPP;
	while (getline(&line, &size, list) > 0) {
		if (take_line(line, &session))
			fn(&session, ctx);
	}
	err = ferror(list) ? -(errno ?: EIO) : 0;
	if (err)
		log_text(LOG_ERR, "the kernel's sessions can't all be listed: %s", strerror(-err));
	free(line);
	fclose(list);
	return err;
}
