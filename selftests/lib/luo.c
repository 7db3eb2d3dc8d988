// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "luo.h"

int luo_ioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int luo_open(void)
{
	int fd = open("/dev/liveupdate", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int luo_create(int luo, const char *name)
{
	struct liveupdate_ioctl_create_session arg = { .size = sizeof(arg) };
	int ret;

	memcpy(arg.name, name, strnlen(name, sizeof(arg.name)));
	ret = luo_ioctl(luo, LIVEUPDATE_IOCTL_CREATE_SESSION, &arg);
	return ret < 0 ? ret : arg.fd;
}

int luo_retrieve(int luo, const char *name)
{
	struct liveupdate_ioctl_retrieve_session arg = { .size = sizeof(arg) };
	int ret;

	memcpy(arg.name, name, strnlen(name, sizeof(arg.name)));
	ret = luo_ioctl(luo, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, &arg);
	return ret < 0 ? ret : arg.fd;
}

int luo_preserve(int session, int fd, uint64_t token)
{
	struct liveupdate_session_preserve_fd arg = {
		.size = sizeof(arg), .fd = fd, .token = token,
	};

	return luo_ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD, &arg);
}

int luo_retrieve_fd(int session, uint64_t token)
{
	struct liveupdate_session_retrieve_fd arg = {
		.size = sizeof(arg), .token = token,
	};
	int ret = luo_ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD, &arg);

	return ret < 0 ? ret : arg.fd;
}

int luo_finish(int session)
{
	struct liveupdate_session_finish arg = { .size = sizeof(arg) };

	return luo_ioctl(session, LIVEUPDATE_SESSION_FINISH, &arg);
}

int luo_get_name(int session, char name[LUO_NAME_MAX])
{
	struct liveupdate_session_get_name arg = { .size = sizeof(arg) };
	int ret = luo_ioctl(session, LIVEUPDATE_SESSION_GET_NAME, &arg);

	if (!ret)
		memcpy(name, arg.name, sizeof(arg.name));
	return ret;
}

int luo_fdinfo(int fd, const char *key, char *value, size_t len)
{
	char path[64], line[256];
	int ret = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (ret && fgets(line, sizeof(line), f)) {
		size_t n = strlen(key);

		if (strncmp(line, key, n) || line[n] != ':')
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(value, len, "%s", line + n + 1 + strspn(line + n + 1, " \t"));
		ret = 0;
	}
	fclose(f);
	return ret;
}

int fd_link(int fd, char *target, size_t len)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, len - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	return 0;
}
