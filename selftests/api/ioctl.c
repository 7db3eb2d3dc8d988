// SPDX-License-Identifier: GPL-2.0
/*
 * The rules that all ioctls share: the size comes first, a larger structure is
 * good if what the kernel does not know is zero, unknown numbers are ENOTTY.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../api.h"

static const struct command {
	const char *name;
	unsigned long nr;
	uint32_t size;
	bool session;
	/* What comes back when the structure is accepted. */
	int accepted;
} commands[] = {
	{ "create", LIVEUPDATE_IOCTL_CREATE_SESSION,
	  sizeof(struct liveupdate_ioctl_create_session), false, 0 },
	{ "retrieve", LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
	  sizeof(struct liveupdate_ioctl_retrieve_session), false, -ENOENT },
	{ "preserve_fd", LIVEUPDATE_SESSION_PRESERVE_FD,
	  sizeof(struct liveupdate_session_preserve_fd), true, 0 },
	{ "retrieve_fd", LIVEUPDATE_SESSION_RETRIEVE_FD,
	  sizeof(struct liveupdate_session_retrieve_fd), true, -EINVAL },
	{ "finish", LIVEUPDATE_SESSION_FINISH,
	  sizeof(struct liveupdate_session_finish), true, -EINVAL },
	{ "get_name", LIVEUPDATE_SESSION_GET_NAME,
	  sizeof(struct liveupdate_session_get_name), true, 0 },
};

/* A structure that @command accepts; @n makes what must be unique so. */
static void fill(const struct command *command, void *buf, int memfd, int n)
{
	*(uint32_t *)buf = command->size;
	if (!command->session) {
		struct liveupdate_ioctl_create_session *arg = buf;

		snprintf((char *)arg->name, sizeof(arg->name), "ioctl-%d", n);
	} else if (command->nr == LIVEUPDATE_SESSION_PRESERVE_FD) {
		struct liveupdate_session_preserve_fd *arg = buf;

		arg->fd = memfd;
		arg->token = n;
	}
}

static void try_size(int luo, const struct command *command, const char *how,
		     int size, int nonzero_at, int want_errno)
{
	char buf[512] = "", name[64];
	int session = must(luo_create(luo, "sizes"), "create");
	int memfd = small_memfd("size");
	int ret;

	fill(command, buf, memfd, size);
	*(uint32_t *)buf = size;
	if (nonzero_at)
		buf[nonzero_at] = 1;
	ret = luo_ioctl(command->session ? session : luo, command->nr, buf);
	snprintf(name, sizeof(name), "%s: %s", command->name, how);
	expect(ret, want_errno, name);
	if (!ret && command->nr == LIVEUPDATE_IOCTL_CREATE_SESSION)
		close(((struct liveupdate_ioctl_create_session *)buf)->fd);
	close(memfd);
	close(session);
}

static void sizes(int luo, const struct command *command)
{
	int size = command->size;

	try_size(luo, command, "size 0", 0, 0, -EINVAL);
	try_size(luo, command, "size of the size field alone", 4, 0, -EINVAL);
	try_size(luo, command, "size one too small", size - 1, 0, -EINVAL);
	try_size(luo, command, "exact size", size, 0, command->accepted);
	try_size(luo, command, "larger, rest zero", size + 64, 0, command->accepted);
	try_size(luo, command, "larger, rest not zero", size + 64, size + 63, -E2BIG);
	try_size(luo, command, "larger by one byte, not zero", size + 1, size, -E2BIG);
}

static void addresses(int luo, const struct command *command)
{
	long page = sysconf(_SC_PAGESIZE);
	int session = must(luo_create(luo, "addresses"), "create");
	int memfd = small_memfd("address");
	int fd = command->session ? session : luo;
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char name[64], *cut = map + page - command->size + 1;

	snprintf(name, sizeof(name), "%s: no structure", command->name);
	expect(luo_ioctl(fd, command->nr, NULL), -EFAULT, name);

	mprotect(map + page, page, PROT_NONE);
	*(uint32_t *)memset(cut, 0, command->size - 1) = command->size;
	snprintf(name, sizeof(name), "%s: structure runs into a hole", command->name);
	expect(luo_ioctl(fd, command->nr, cut), -EFAULT, name);

	if (command->nr == LIVEUPDATE_IOCTL_CREATE_SESSION ||
	    command->nr == LIVEUPDATE_SESSION_GET_NAME) {
		fill(command, map, memfd, 1);
		mprotect(map, page, PROT_READ);
		snprintf(name, sizeof(name), "%s: structure is read-only", command->name);
		expect(luo_ioctl(fd, command->nr, map), -EFAULT, name);
	}
	munmap(map, 2 * page);
	close(memfd);
	close(session);
}

static void numbers(int luo)
{
	int session = must(luo_create(luo, "numbers"), "create");
	struct { uint32_t size, rest[63]; } buf = { .size = sizeof(buf) };

	expect(luo_ioctl(luo, _IO(LIVEUPDATE_IOCTL_TYPE, 0x02), &buf), -ENOTTY,
	       "device: number after the last");
	expect(luo_ioctl(luo, _IO(LIVEUPDATE_IOCTL_TYPE, 0x3f), &buf), -ENOTTY,
	       "device: number 0x3f");
	expect(luo_ioctl(luo, LIVEUPDATE_SESSION_FINISH, &buf), -ENOTTY,
	       "device: number of a session");
	expect(luo_ioctl(luo, _IO(0xbb, 0), &buf), -ENOTTY, "device: another type");
	expect(luo_ioctl(session, _IO(LIVEUPDATE_IOCTL_TYPE, 0x44), &buf), -ENOTTY,
	       "session: number after the last");
	expect(luo_ioctl(session, _IO(LIVEUPDATE_IOCTL_TYPE, 0xff), &buf), -ENOTTY,
	       "session: number 0xff");
	expect(luo_ioctl(session, LIVEUPDATE_IOCTL_CREATE_SESSION, &buf), -ENOTTY,
	       "session: number of the device");
	expect(luo_ioctl(session, _IO(0xbb, 0x40), &buf), -ENOTTY, "session: another type");
	/* Direction and size bits are part of the number. */
	expect(luo_ioctl(session, _IOWR(LIVEUPDATE_IOCTL_TYPE, 0x43, buf), &buf), -ENOTTY,
	       "session: right number, other encoding");
	close(session);
}

static void reserved(int luo)
{
	int session = must(luo_create(luo, "reserved"), "create");
	struct liveupdate_session_finish finish = { .size = sizeof(finish), .reserved = 1 };
	struct liveupdate_session_get_name name = { .size = sizeof(name), .reserved = 1 };

	expect(luo_ioctl(session, LIVEUPDATE_SESSION_FINISH, &finish), -EINVAL,
	       "finish: reserved field set");
	expect(luo_ioctl(session, LIVEUPDATE_SESSION_GET_NAME, &name), -EINVAL,
	       "get_name: reserved field set");
	close(session);
}

void api_ioctl(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		sizes(luo, &commands[i]);
		addresses(luo, &commands[i]);
	}
	numbers(luo);
	reserved(luo);
	close(luo);
}
