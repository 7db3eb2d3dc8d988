// SPDX-License-Identifier: GPL-2.0
/* Sessions: names, how they are shown, and what an outgoing one refuses. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../api.h"

static int create_raw(int luo, const void *name, size_t len)
{
	struct liveupdate_ioctl_create_session arg = { .size = sizeof(arg) };
	int ret;

	memcpy(arg.name, name, len);
	ret = luo_ioctl(luo, LIVEUPDATE_IOCTL_CREATE_SESSION, &arg);
	if (ret < 0)
		return ret;
	close(arg.fd);
	return 0;
}

static int retrieve_raw(int luo, const void *name, size_t len)
{
	struct liveupdate_ioctl_retrieve_session arg = { .size = sizeof(arg) };

	memcpy(arg.name, name, len);
	return luo_ioctl(luo, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, &arg);
}

static void names(int luo)
{
	char longest[64] = "", full[64];

	memset(longest, 'n', 63);
	memset(full, 'n', 64);
	expect(create_raw(luo, "", 1), -EINVAL, "create: empty name");
	expect(create_raw(luo, full, 64), -EINVAL, "create: name not terminated");
	expect(create_raw(luo, longest, 64), 0, "create: name of 63 bytes");
	expect(create_raw(luo, "a/b c\n\xff", 8), 0, "create: any byte but zero is a name");
	expect(create_raw(luo, "two\0x", 5), 0, "create: bytes after the end are ignored");

	expect(retrieve_raw(luo, "", 1), -ENOENT, "retrieve: empty name");
	expect(retrieve_raw(luo, full, 64), -ENOENT, "retrieve: name not terminated");
	expect(retrieve_raw(luo, "nobody", 7), -ENOENT, "retrieve: unknown name");
}

static void unique(int luo)
{
	int one = must(luo_create(luo, "unique"), "create");
	int two;

	expect(luo_create(luo, "unique"), -EEXIST, "create: name in use");
	expect(luo_retrieve(luo, "unique"), -ENOENT, "retrieve: an outgoing session");
	two = luo_create(luo, "unique ");
	check(two >= 0, "create: name that differs in the last byte");
	close(two);
	close(one);
	one = luo_create(luo, "unique");
	check(one >= 0, "create: name is free again after close");
	close(one);
}

static void shown(int luo)
{
	char name[LUO_NAME_MAX] = "", link[128] = "", longest[64] = "";
	int session;

	memset(longest, 'l', 63);
	session = must(luo_create(luo, longest), "create");
	check_eq(luo_get_name(session, name), 0, "get_name");
	check(!strcmp(name, longest), "get_name: all 63 bytes");
	fd_link(session, link, sizeof(link));
	check(!strncmp(link, "anon_inode:[luo_session] l", 26),
	      "/proc/PID/fd: %s", link);
	close(session);

	session = must(luo_create(luo, "shown"), "create");
	fd_link(session, link, sizeof(link));
	check(!strcmp(link, "anon_inode:[luo_session] shown"), "/proc/PID/fd: short name");
	check(fcntl(session, F_GETFD) & FD_CLOEXEC, "session is closed on exec");
	close(session);
}

/* What the stock kernel's fdinfo does not have: -ENOENT there. */
static void fdinfo_is(int session, const char *key, const char *value, const char *name)
{
	char got[128] = "";
	int ret = luo_fdinfo(session, key, got, sizeof(got));

	expect(ret ?: strcmp(got, value), 0, name);
	if (!ret && strcmp(got, value))
		tap_note("%s: got %s, want %s", key, got, value);
}

static void fdinfo(int luo)
{
	int session = must(luo_create(luo, "fd info"), "create");
	int memfd = small_memfd("info");
	long page = sysconf(_SC_PAGESIZE);
	char bytes[32];

	fdinfo_is(session, "luo-session", "fd info", "fdinfo: name");
	fdinfo_is(session, "luo-state", "outgoing", "fdinfo: state");
	fdinfo_is(session, "luo-files", "0", "fdinfo: no file");
	fdinfo_is(session, "luo-bytes", "0", "fdinfo: no bytes");
	must(luo_preserve(session, memfd, 1), "preserve");
	fdinfo_is(session, "luo-files", "1", "fdinfo: one file");
	/* The page, and what is needed to describe the file. */
	expect(luo_fdinfo(session, "luo-bytes", bytes, sizeof(bytes)) ?:
	       atol(bytes) >= page && atol(bytes) <= 4 * page, 1, "fdinfo: a page");
	close(memfd);
	close(session);
}

static void outgoing(int luo)
{
	int session = must(luo_create(luo, "outgoing"), "create");
	int memfd = small_memfd("outgoing");

	must(luo_preserve(session, memfd, 7), "preserve");
	expect(luo_retrieve_fd(session, 7), -EINVAL, "retrieve_fd: outgoing session");
	expect(luo_finish(session), -EINVAL, "finish: outgoing session");
	close(memfd);
	close(session);
}

void api_session(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");

	names(luo);
	unique(luo);
	shown(luo);
	fdinfo(luo);
	outgoing(luo);
	close(luo);
}
