// SPDX-License-Identifier: GPL-2.0
/*
 * The locks of a regular file through a kexec: those of the open file are taken again,
 * those of the process are not. /data is on a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"

#define MANY 38		/* what the handler has room for */

enum { SHARED, EXCLUSIVE, RANGES, LATER, UNLOCKED, POSIX, FULL, IN_THE_WAY, READ_ONLY };

static struct luo_session *session;

static const char *path_of(int n)
{
	static char path[32];

	snprintf(path, sizeof(path), "/data/file-%d", n);
	return path;
}

static int other(int n)
{
	return must(open(path_of(n), O_RDWR | O_CREAT, 0600), "open %s", path_of(n));
}

static int set_lock(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock lock = { .l_type = type, .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &lock) ? -errno : 0;
}

static void lock(int fd, short type, off_t start, off_t len)
{
	must(set_lock(fd, F_OFD_SETLK, type, start, len), "F_OFD_SETLK");
}

static int preserve(int fd, int token)
{
	return luo_session__preserve_fd(session, fd, token);
}

static void must_preserve(int fd, int token)
{
	must(preserve(fd, token), "preserve %s", path_of(token));
}

static void preserve_flock(void)
{
	int fd = other(SHARED);

	must(flock(fd, LOCK_SH) ? -errno : 0, "LOCK_SH");
	must_preserve(fd, SHARED);
	fd = other(EXCLUSIVE);
	must(flock(fd, LOCK_EX) ? -errno : 0, "LOCK_EX");
	must_preserve(fd, EXCLUSIVE);
	fd = other(LATER);
	must_preserve(fd, LATER);
	must(flock(fd, LOCK_EX) ? -errno : 0, "LOCK_EX");
	fd = other(UNLOCKED);
	must(flock(fd, LOCK_EX) ? -errno : 0, "LOCK_EX");
	must_preserve(fd, UNLOCKED);
	must(flock(fd, LOCK_UN) ? -errno : 0, "LOCK_UN");
	fd = other(IN_THE_WAY);
	must(flock(fd, LOCK_SH) ? -errno : 0, "LOCK_SH");
	must_preserve(fd, IN_THE_WAY);
	close(other(READ_ONLY));
	fd = must(open(path_of(READ_ONLY), O_RDONLY), "open");
	must(flock(fd, LOCK_EX) ? -errno : 0, "LOCK_EX");
	lock(fd, F_RDLCK, 0, 1);
	must_preserve(fd, READ_ONLY);
}

static void preserve_ranges(void)
{
	int fd = other(RANGES), posix = other(POSIX);

	lock(fd, F_WRLCK, 100, 10);
	lock(fd, F_RDLCK, 1L << 40, 1);
	lock(fd, F_WRLCK, 1L << 50, 0);
	must(flock(fd, LOCK_EX) ? -errno : 0, "LOCK_EX");
	must_preserve(fd, RANGES);
	/* Others' are others'. */
	lock(other(RANGES), F_WRLCK, 5000, 10);

	must(set_lock(posix, F_SETLK, F_WRLCK, 0, 10), "F_SETLK");
	must_preserve(posix, POSIX);
}

static void preserve_many(void)
{
	int fd = other(FULL);

	for (int i = 0; i <= MANY; i++)
		lock(fd, F_WRLCK, 2 * i, 1);
	handler_log_mark();
	check_eq(preserve(fd, FULL), -ENOLCK, "too many locks");
	check(handler_logged("has 39 locks, the handler has room for 38"), "the report says so");
	lock(fd, F_UNLCK, 0, 1);
	check_eq(preserve(fd, FULL), 0, "and one less");
}

static void refuse_lease(void)
{
	int fd = must(open("/data/leased", O_RDWR | O_CREAT, 0600), "create");

	must(fcntl(fd, F_SETLEASE, F_WRLCK) ? -errno : 0, "F_SETLEASE");
	handler_log_mark();
	check_eq(preserve(fd, 1000), -EOPNOTSUPP, "a lease");
	check(handler_logged("has a lease"), "the report says so");
	must(fcntl(fd, F_SETLEASE, F_UNLCK) ? -errno : 0, "F_SETLEASE");
	check_eq(preserve(fd, 1000), 0, "and when it is given back");
}

static void before(void)
{
	session = session_create(device_open(), "locks");
	handler_attach("file");
	preserve_flock();
	preserve_ranges();
	preserve_many();
	refuse_lease();
	sync();
}

/* What somebody else gets now: 0 or EAGAIN for a shared and for an exclusive lock */
static void check_flock(int token, const char *what, int shared, int exclusive)
{
	int fd = luo_session__retrieve_fd(session, token), rival = other(token);

	check(fd >= 0, "%s: back (%d)", what, fd);
	check_eq(flock(rival, LOCK_SH | LOCK_NB) ? -errno : 0, shared, "%s: to share it", what);
	flock(rival, LOCK_UN);
	check_eq(flock(rival, LOCK_EX | LOCK_NB) ? -errno : 0, exclusive, "%s: to have it", what);
	close(rival);
	/* It is the open file's, so it goes with it once the session has let go. */
}

static void check_range(int rival, short type, off_t start, int err, const char *what)
{
	check_eq(set_lock(rival, F_OFD_SETLK, type, start, 1), err, "ranges: %s", what);
}

static void check_ranges(void)
{
	int fd = luo_session__retrieve_fd(session, RANGES), rival = other(RANGES);

	check(fd >= 0, "ranges: back (%d)", fd);
	check_eq(flock(rival, LOCK_SH | LOCK_NB) ? -errno : 0, -EAGAIN, "ranges: flock beside them");
	check_range(rival, F_WRLCK, 99, 0, "before the first");
	check_range(rival, F_RDLCK, 100, -EAGAIN, "its first byte");
	check_range(rival, F_RDLCK, 109, -EAGAIN, "its last byte");
	check_range(rival, F_WRLCK, 110, 0, "behind it");
	check_range(rival, F_WRLCK, 5000, 0, "another's, that is gone");
	check_range(rival, F_RDLCK, 1L << 40, 0, "one to be shared");
	check_range(rival, F_WRLCK, 1L << 40, -EAGAIN, "which it is");
	check_range(rival, F_RDLCK, (1L << 50) - 1, 0, "before the last one");
	check_range(rival, F_RDLCK, (1L << 62), -EAGAIN, "and it has no end");
	close(rival);
}

static void check_way(void)
{
	int rival = other(IN_THE_WAY), fd;

	must(flock(rival, LOCK_EX) ? -errno : 0, "LOCK_EX");
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, IN_THE_WAY), -EAGAIN, "a lock is in the way");
	check(handler_logged("a lock that the file had can't be taken again"),
	      "the report says so");
	must(flock(rival, LOCK_UN) ? -errno : 0, "LOCK_UN");
	fd = luo_session__retrieve_fd(session, IN_THE_WAY);
	check(fd >= 0 && flock(rival, LOCK_EX | LOCK_NB) && errno == EAGAIN,
	      "and when that is gone, it comes");
}

static void check_rest(void)
{
	int fd = luo_session__retrieve_fd(session, POSIX), rival = other(POSIX), held = 0;

	check(fd >= 0 && !set_lock(rival, F_OFD_SETLK, F_WRLCK, 0, 10),
	      "a lock of a process is gone");
	fd = luo_session__retrieve_fd(session, FULL);
	rival = other(FULL);
	for (int i = 0; i <= MANY; i++)
		held += set_lock(rival, F_OFD_SETLK, F_RDLCK, 2 * i, 1) == -EAGAIN;
	check_eq(held, MANY, "many: all are held");
	fd = luo_session__retrieve_fd(session, READ_ONLY);
	rival = other(READ_ONLY);
	check(fd >= 0 && flock(rival, LOCK_SH | LOCK_NB) &&
	      set_lock(rival, F_OFD_SETLK, F_WRLCK, 0, 1) == -EAGAIN,
	      "read-only: both kinds are held");
}

static void after(void)
{
	int fd, rival;

	session = session_retrieve(device_open(), "locks");
	handler_attach("file");
	check_flock(SHARED, "shared", 0, -EAGAIN);
	check_flock(EXCLUSIVE, "exclusive", -EAGAIN, -EAGAIN);
	check_flock(LATER, "locked after preserve", -EAGAIN, -EAGAIN);
	check_flock(UNLOCKED, "unlocked after preserve", 0, 0);
	check_ranges();
	check_way();
	check_rest();
	fd = luo_session__retrieve_fd(session, EXCLUSIVE);
	check_eq(luo_session__finish(session), 0, "finish");
	rival = other(EXCLUSIVE);
	flock(fd, LOCK_UN);
	check_eq(flock(rival, LOCK_EX | LOCK_NB), 0, "it can be unlocked, as ever");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
