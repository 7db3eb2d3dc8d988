// SPDX-License-Identifier: GPL-2.0
/*
 * Files that can't come back by their path are refused when they are preserved; those
 * that are not what they were in the next kernel are refused there, never confused, and
 * the report says why. /data is on a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "busy.h"
#include "handler.h"
#include "tap.h"
#include "vm.h"

#define NOBODY 65534

static struct luo_device *device;
static struct luo_session *session;

static int make(const char *path)
{
	return must(open(path, O_RDWR | O_CREAT | O_EXCL, 0600), "create %s", path);
}

static void refused(int fd, int err, const char *what, const char *message)
{
	must(fd, "%s", what);
	handler_log_mark();
	check_eq(luo_session__preserve_fd(session, fd, 1), err, "%s", what);
	if (message)
		check(handler_logged(message), "%s: the report says why", what);
	close(fd);
}

static void refuse_nameless(void)
{
	int fd = make("/data/deleted");

	unlink("/data/deleted");
	refused(fd, -ESTALE, "a file that was deleted", "has no name any more");
	fd = make("/data/deleted");
	must(link("/data/deleted", "/data/linked") ? -errno : 0, "link");
	unlink("/data/deleted");
	refused(fd, -ESTALE, "one whose name was deleted, though it has another",
		"has no name any more");
	fd = make("/data/replaced");
	close(make("/data/other"));
	must(rename("/data/other", "/data/replaced") ? -errno : 0, "rename");
	refused(fd, -ESTALE, "one that was replaced", "has no name any more");
	refused(open("/data", O_TMPFILE | O_RDWR, 0600), -ESTALE, "O_TMPFILE",
		"has no name any more, or never had one");
	must(mkdir("/data/gone", 0700) ? -errno : 0, "mkdir");
	fd = open("/data/gone", O_RDONLY);
	rmdir("/data/gone");
	refused(fd, -ESTALE, "a directory that was removed", "has no name any more");
}

static void refuse_types(void)
{
	static const char same[] = "type 0[0-9]+ in [a-z]+: no identity that lasts";
	int fds[2];

	refused(make("/tmp/file"), -EOPNOTSUPP, "a file in tmpfs", same);
	refused(open("/tmp", O_RDONLY), -EOPNOTSUPP, "a directory in tmpfs", same);
	refused(open("/proc/version", O_RDONLY), -EOPNOTSUPP, "a file in proc", same);
	refused(open("/sys/kernel", O_RDONLY), -EOPNOTSUPP, "a directory in sysfs", same);
	refused(open("/data", O_PATH), -EBADF, "O_PATH", NULL);
	must(pipe(fds) ? -errno : 0, "pipe");
	refused(fds[0], -ENOENT, "a pipe is another handler's", "no handler takes files");
	refused(memfd_create("huge", MFD_HUGETLB), -EOPNOTSUPP, "so is a memfd of huge pages",
		"memfd-extents-v1");
	refused(open("/dev/null", O_RDWR), -ENOENT, "so is a device", "no handler takes files");
}

static int in_other_root(void *fd)
{
	if (chroot("/data/root") || chdir("/"))
		return 1;
	return -luo_session__preserve_fd(session, (long)fd, 1);
}

static void refuse_places(void)
{
	int fd = make("/data/outside");

	must(mkdir("/data/root", 0755) ? -errno : 0, "mkdir");
	check_eq(vm_in_child(in_other_root, (void *)(long)fd), EXDEV,
		 "a file that is not below the preserver's root");
	must(mkdir("/data/over", 0700) ? -errno : 0, "mkdir");
	fd = make("/data/over/mounted");
	must(mount("none", "/data/over", "tmpfs", 0, NULL) ? -errno : 0, "mount");
	refused(fd, -ESTALE, "one with a file system mounted over it",
		"'/data/over/mounted' is not found");
	close(make("/data/over/mounted"));
	umount("/data/over");
	must(mount("/data/root", "/data/over", NULL, MS_BIND, NULL) ? -errno : 0, "bind");
	fd = make("/data/over/inside");
	umount2("/data/over", MNT_DETACH);
	refused(fd, -EXDEV, "one that was reached through a mount that is gone",
		"no path leads to it");
}

static int as_nobody(void *fd)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		return 1;
	return -luo_session__preserve_fd(session, (long)fd, 1);
}

static void refuse_rights(void)
{
	int fd;

	must(mkdir("/data/private", 0700) ? -errno : 0, "mkdir");
	fd = make("/data/private/file");
	check_eq(vm_in_child(as_nobody, (void *)(long)fd), EACCES,
		 "one that its preserver would not find by the path");
	close(fd);
}

/* What is done to a file, before the kexec or behind it, and what retrieve says. */
static void do_nothing(void)
{
}

static void do_delete(void)
{
	unlink("/data/f/file");
}

static void do_remake(void)
{
	unlink("/data/f/file");
	close(make("/data/f/file"));
}

static void do_remake_same_number(void)
{
	struct stat was, is;
	char other[32];

	must(stat("/data/f/file", &was) ? -errno : 0, "stat");
	do_remake();
	/* The lowest number that is free is taken: others first */
	for (int i = 0; i < 100; i++) {
		must(stat("/data/f/file", &is) ? -errno : 0, "stat");
		if (is.st_ino >= was.st_ino)
			break;
		snprintf(other, sizeof(other), "/data/f/file-%d", i);
		must(rename("/data/f/file", other) ? -errno : 0, "rename");
		close(make("/data/f/file"));
	}
	check_eq(is.st_ino, was.st_ino, "a new file with the same inode number");
}

static void do_directory(void)
{
	unlink("/data/f/file");
	must(mkdir("/data/f/file", 0700) ? -errno : 0, "mkdir");
}

static void do_fifo(void)
{
	unlink("/data/f/file");
	must(mkfifo("/data/f/file", 0600) ? -errno : 0, "mkfifo");
}

static void do_symlink_away(void)
{
	close(make("/data/f/target"));
	unlink("/data/f/file");
	must(symlink("target", "/data/f/file") ? -errno : 0, "symlink");
}

static void do_move_behind_symlink(void)
{
	must(rename("/data/f/file", "/data/f/moved") ? -errno : 0, "rename");
	must(symlink("moved", "/data/f/file") ? -errno : 0, "symlink");
}

static void do_mount_over(void)
{
	must(mount("none", "/data/f", "tmpfs", 0, NULL) ? -errno : 0, "mount");
	close(make("/data/f/file"));
}

static void do_device(void)
{
	unlink("/data/f/file");
	must(mknod("/data/f/file", S_IFCHR | 0600, 0x0103) ? -errno : 0, "mknod");
}

/* Whoever has it written back would wait for that. */
static void do_hold(void)
{
	hold_file(must(open("/data/f/file", O_WRONLY), "open"));
}

static const struct change {
	const char *what;
	void (*early)(void);
	void (*late)(void);
	int err;
	const char *message;
} changes[] = {
	{ "nothing done", do_nothing, do_nothing, 0, NULL },
	{ "deleted after preserve", do_delete, do_nothing, -ESTALE,
	  "the previous kernel's log says why" },
	{ "replaced after preserve", do_remake, do_nothing, -ESTALE,
	  "the previous kernel's log says why" },
	{ "deleted", do_nothing, do_delete, -ENOENT, "'/data/3/file' is not found" },
	{ "replaced, with its number", do_nothing, do_remake_same_number, -ESTALE,
	  "another file now: its inode generation differs" },
	{ "a directory", do_nothing, do_directory, -ESTALE, "its type differs" },
	{ "a FIFO, whose open would block", do_nothing, do_fifo, -ESTALE, "its type differs" },
	{ "a device", do_nothing, do_device, -ESTALE, "its type differs" },
	{ "a symbolic link to another file", do_nothing, do_symlink_away, -ESTALE,
	  "its inode number differs" },
	{ "a symbolic link to where it is now", do_nothing, do_move_behind_symlink, 0, NULL },
	{ "another file system mounted over it", do_nothing, do_mount_over, -ESTALE,
	  "its file system differs" },
	{ "in the middle of a write at the freeze", do_hold, do_nothing, -EBUSY,
	  "the previous kernel's log says why" },
};

#define CHANGES ((int)(sizeof(changes) / sizeof(*changes)))

/* Each has a directory of its own, which is /data/f while it is its turn. */
static const char *dir_of(int i)
{
	static char path[32];

	snprintf(path, sizeof(path), "/data/%d", i);
	return path;
}

static void turn(int i)
{
	unlink("/data/f");
	must(symlink(dir_of(i), "/data/f") ? -errno : 0, "symlink");
}

static void preserve_changes(void)
{
	for (int i = 0; i < CHANGES; i++) {
		must(mkdir(dir_of(i), 0700) ? -errno : 0, "mkdir");
		turn(i);
		must(luo_session__preserve_fd(session, make("/data/f/file"), i), "preserve");
		changes[i].early();
	}
}

static void before(void)
{
	device = device_open();
	session = session_create(device, "refused");
	handler_attach("file");
	refuse_nameless();
	refuse_types();
	refuse_places();
	refuse_rights();
	preserve_changes();
	/* For what is done with rights and mounts in the next kernel */
	must(luo_session__preserve_fd(session, make("/data/mine"), 100), "preserve");
	must(mkdir("/data/ro", 0700) ? -errno : 0, "mkdir");
	must(luo_session__preserve_fd(session, make("/data/ro/file"), 101), "preserve");
	sync();
}

static void check_change(int i)
{
	const struct change *change = &changes[i];
	int fd;

	change->late();
	handler_log_mark();
	fd = luo_session__retrieve_fd(session, i);
	check_eq(fd < 0 ? fd : 0, change->err, "%s", change->what);
	if (change->message)
		check(handler_logged(change->message), "%s: the report says why", change->what);
	close(fd);
}

static int retrieve_as_nobody(void *token)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		return 1;
	return -luo_session__retrieve_fd(session, (long)token);
}

static int retrieve_in_root(void *token)
{
	if (chroot("/data/root") || chdir("/"))
		return 1;
	return -luo_session__retrieve_fd(session, (long)token);
}

static void check_read_only(void)
{
	int fd;

	must(mount("/data/ro", "/data/ro", NULL, MS_BIND, NULL) ? -errno : 0, "bind");
	must(mount(NULL, "/data/ro", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) ? -errno : 0,
	     "remount");
	check_eq(luo_session__retrieve_fd(session, 101), -EROFS,
		 "one to write to, where nothing can be written");
	must(umount("/data/ro") ? -errno : 0, "unmount");
	fd = luo_session__retrieve_fd(session, 101);
	check(fd >= 0 && write(fd, "x", 1) == 1, "and where it can, it comes");
}

/* Refused, and then not: a retrieve that failed can be repeated. */
static void check_rights(void)
{
	int fd;

	check_eq(vm_in_child(retrieve_as_nobody, (void *)100), EACCES,
		 "a file that the retriever may not open");
	check_eq(vm_in_child(retrieve_in_root, (void *)100), ENOENT,
		 "one that is not in the retriever's root");
	must(rename("/data/mine", "/data/elsewhere") ? -errno : 0, "rename");
	check_eq(luo_session__retrieve_fd(session, 100), -ENOENT, "one that is elsewhere");
	must(rename("/data/elsewhere", "/data/mine") ? -errno : 0, "rename");
	fd = luo_session__retrieve_fd(session, 100);
	check(fd >= 0 && write(fd, "x", 1) == 1, "and when all is as it was, it comes");
}

static void after(void)
{
	device = device_open();
	session = session_retrieve(device, "refused");
	handler_attach("file");
	for (int i = 0; i < CHANGES; i++) {
		turn(i);
		check_change(i);
	}
	check_rights();
	check_read_only();
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
