// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/* Sessions: the ioctls of /dev/liveupdate and of session files. */
#include <errno.h>
#include <linux/liveupdate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

struct luo_session {
	int fd;
};

static struct luo_session *session_new(int fd)
{
	struct luo_session *session = calloc(1, sizeof(*session));

	if (session)
		session->fd = fd;
	return session;
}

/* Both calls that give a session have one structure. */
static struct luo_session *session_open(struct luo_device *device, unsigned long call,
					const char *name)
{
	struct liveupdate_ioctl_create_session arg = { .size = sizeof(arg) };
	struct luo_session *session;

	_Static_assert(sizeof(arg) == sizeof(struct liveupdate_ioctl_retrieve_session),
		       "create and retrieve take the same");
	if (strlen(name) >= sizeof(arg.name)) {
		warn("session name '%s': longer than %zu bytes\n", name, sizeof(arg.name) - 1);
		return luo_null(EINVAL);
	}
	memcpy(arg.name, name, strlen(name));
	if (ioctl(luo_device__fd(device), call, &arg))
		return NULL;

	session = session_new(arg.fd);
	if (!session)
		close(arg.fd);
	return session;
}

struct luo_session *luo_session__create(struct luo_device *device, const char *name)
{
	return session_open(device, LIVEUPDATE_IOCTL_CREATE_SESSION, name);
}

struct luo_session *luo_session__retrieve(struct luo_device *device, const char *name)
{
	return session_open(device, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, name);
}

struct luo_session *luo_session__from_fd(int fd)
{
	struct liveupdate_session_get_name arg = { .size = sizeof(arg) };

	if (ioctl(fd, LIVEUPDATE_SESSION_GET_NAME, &arg))
		return luo_null(EINVAL);
	return session_new(fd);
}

int luo_session__report(struct luo_session *session, struct luo_report *report)
{
	struct liveupdate_session_get_report arg = { .size = sizeof(arg) };
	struct luo_report all = {};
	size_t sz = report->sz;

	_Static_assert(sizeof(all.handler) == sizeof(arg.handler) &&
		       sizeof(all.callback) == sizeof(arg.callback) &&
		       sizeof(all.message) == sizeof(arg.message), "texts fit");
	if (sz < offsetofend(struct luo_report, message))
		return -EINVAL;
	if (ioctl(session->fd, LIVEUPDATE_SESSION_GET_REPORT, &arg))
		return -errno;

	all.error = -arg.error;
	all.token = arg.token;
	memcpy(all.handler, arg.handler, sizeof(all.handler));
	memcpy(all.callback, arg.callback, sizeof(all.callback));
	memcpy(all.message, arg.message, sizeof(all.message));
	memset(report, 0, sz);
	memcpy(report, &all, sz < sizeof(all) ? sz : sizeof(all));
	report->sz = sz;
	return 0;
}

/* The report may be of an earlier failure than the one at hand. */
static bool explain(struct luo_session *session, int err, const __u64 *token)
{
	struct luo_report report = { .sz = sizeof(report) };

	if (luo_session__report(session, &report) || report.error != err ||
	    (token && report.token != *token))
		return false;
	warn("handler '%s': %s of token %llu: %s%s%s\n", report.handler, report.callback,
	     (unsigned long long)report.token, strerror(-err),
	     *report.message ? ": " : "", report.message);
	return true;
}

int luo_session__preserve_fd(struct luo_session *session, int fd, __u64 token)
{
	struct liveupdate_session_preserve_fd arg = {
		.size = sizeof(arg),
		.fd = fd,
		.token = token,
	};
	int err;

	if (!ioctl(session->fd, LIVEUPDATE_SESSION_PRESERVE_FD, &arg))
		return 0;
	err = -errno;
	if (err == -ENOENT)
		warn("preserve: no handler takes files of the type of descriptor %d\n", fd);
	else
		explain(session, err, &token);
	return err;
}

int luo_session__retrieve_fd(struct luo_session *session, __u64 token)
{
	struct liveupdate_session_retrieve_fd arg = {
		.size = sizeof(arg),
		.token = token,
	};
	int err;

	if (!ioctl(session->fd, LIVEUPDATE_SESSION_RETRIEVE_FD, &arg))
		return arg.fd;
	err = -errno;
	/* Its own handler, if not that of a file that it needs */
	if (!explain(session, err, &token) && err == -EUNATCH)
		warn("retrieve: the handler of token %llu is not attached\n",
		     (unsigned long long)token);
	return err;
}

int luo_session__finish(struct luo_session *session)
{
	struct liveupdate_session_finish arg = { .size = sizeof(arg) };
	int err;

	if (!ioctl(session->fd, LIVEUPDATE_SESSION_FINISH, &arg))
		return 0;
	err = -errno;
	explain(session, err, NULL);
	return err;
}

int luo_session__get_name(struct luo_session *session, char *name, size_t size)
{
	struct liveupdate_session_get_name arg = { .size = sizeof(arg) };
	size_t len;

	if (ioctl(session->fd, LIVEUPDATE_SESSION_GET_NAME, &arg))
		return -errno;
	len = strnlen((char *)arg.name, sizeof(arg.name));
	if (len >= size)
		return -ENOSPC;
	memcpy(name, arg.name, len);
	name[len] = '\0';
	return 0;
}

int luo_session__fd(const struct luo_session *session)
{
	return session->fd;
}

void luo_session__close(struct luo_session *session)
{
	if (!session)
		return;
	close(session->fd);
	free(session);
}
