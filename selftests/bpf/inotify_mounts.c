// SPDX-License-Identifier: GPL-2.0
/*
 * Where the file systems are mounted whose files an inotify file watches: in parts that
 * lie anywhere, beside a copy that has the same UUID, or with no UUID at all. /data is
 * on a disk, and a copy of that on /dev/zram0.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"
#include "watch.h"

#define ZRAM "/dev/zram0"
#define UUID_AT (1024 + 104)	/* in the super block of ext2 and ext4 */
/* Watched when it had no name in memory: the handle says not where it is. */
#define FORGOTTEN "/data/c/forgotten"
#define OTHER "/selftests/bpf_inotify_mounts"

enum { FILE_A = 1, DIR_A, NESTED, FILE_B, DIR_B, B, ALONE, HIDDEN };

static const char *const dirs[] = {
	"/data/a", "/data/a/dir", "/data/a/in", "/data/b", "/data/b/dir", "/data/c",
};

static const char *const files[] = {
	"/data/a/file", "/data/a/in/file", "/data/b/file", "/data/c/alone", "/data/c/hidden",
};

/* Watch descriptors are those of the enum above. */
static const struct {
	const char *path;
	uint32_t mask;
} watches[] = {
	{ "/data/a/file", IN_MODIFY },
	{ "/data/a/dir", IN_CREATE },
	{ "/data/a/in/file", IN_MODIFY },
	{ "/data/b/file", IN_MODIFY },
	{ "/data/b/dir", IN_CREATE },
	{ "/data/b", IN_CREATE },
	{ "/data/c/alone", IN_MODIFY },
	{ "/data/c/hidden", IN_MODIFY },
};

#define WATCHES ((int)(sizeof(watches) / sizeof(*watches)))

static struct luo_device *device;

static void preserve(const char *name, int inotify)
{
	must(luo_session__preserve_fd(session_create(device, name), inotify, 1),
	     "%s: preserve", name);
	close(inotify);
}

static int new_inotify(void)
{
	return must(inotify_init1(IN_NONBLOCK), "inotify_init1");
}

static void make_parts(const char *name)
{
	int inotify = new_inotify();

	for (int i = 0; i < WATCHES; i++)
		must(watch_add(inotify, watches[i].path, watches[i].mask) == i + 1 ? 0 : -EBADMSG,
		     "the descriptors are not in a row");
	preserve(name, inotify);
}

/* Before the others, whose names are to be there */
static void make_forgotten(void)
{
	int inotify = new_inotify();

	make_file(FORGOTTEN);
	watch_add(inotify, FORGOTTEN, IN_MODIFY | IN_DELETE_SELF);
	sync();
	check_eq(write_file("/proc/sys/vm/drop_caches", "2"), 0, "forget names");
	preserve("forgotten", inotify);
}

/* By turns on two file systems */
static void make_copied(const char *name)
{
	int inotify = new_inotify();

	watch_add(inotify, "/data/a/file", IN_MODIFY);
	watch_add(inotify, OTHER, IN_ATTRIB);
	watch_add(inotify, "/data/b/file", IN_MODIFY);
	watch_add(inotify, "/selftests", IN_ATTRIB);
	preserve(name, inotify);
}

/* The device that /data is on, in @dev; the line of /proc/mounts begins with it. */
static void data_device(char *dev, size_t len)
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[512], where[64];

	snprintf(dev, len, "%s", "");
	while (mounts && fgets(line, sizeof(line), mounts)) {
		if (sscanf(line, "%63s %63s", dev, where) == 2 && !strcmp(where, "/data"))
			break;
	}
	must(mounts && !strcmp(where, "/data") ? 0 : -ENOENT, "the device of /data");
	fclose(mounts);
}

static void set_up_zram(void)
{
	static char block[1 << 16];
	char dev[64];
	off_t size;
	ssize_t got;
	int from, to;

	data_device(dev, sizeof(dev));
	sync();
	from = must(open(dev, O_RDONLY), "open %s", dev);
	size = lseek(from, 0, SEEK_END);
	lseek(from, 0, SEEK_SET);
	must(write_file("/sys/block/zram0/disksize", "%ld", (long)size), "size of zram0");
	to = must(open(ZRAM, O_WRONLY), "open " ZRAM);
	while ((got = read(from, block, sizeof(block))) > 0)
		must(write(to, block, got) == got ? 0 : -EIO, "copy to " ZRAM);
	must(got, "read %s", dev);
	must(fsync(to) ? -errno : 0, "fsync");
	close(from);
	close(to);
}

static void clear_uuid(void)
{
	static const char nil[16];
	int fd = must(open(ZRAM, O_WRONLY), "open " ZRAM);

	must(pwrite(fd, nil, sizeof(nil), UUID_AT) == sizeof(nil) && !fsync(fd) ? 0 : -EIO,
	     "clear the UUID");
	close(fd);
}

static void mount_copy(void)
{
	mkdir("/copy", 0755);
	must(mount(ZRAM, "/copy", vm_arg("luo_disk"), MS_RDONLY, NULL) ? -errno : 0, "mount the copy");
}

static void make_no_uuid(void)
{
	int inotify = new_inotify();

	set_up_zram();
	clear_uuid();
	mount_copy();
	watch_add(inotify, "/copy/a/file", IN_ATTRIB);
	watch_add(inotify, "/data/a/file", IN_MODIFY);
	preserve("no UUID", inotify);
}

static void before(void)
{
	device = device_open();
	handler_attach("inotify");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		must(mkdir(dirs[i], 0755) ? -errno : 0, "mkdir %s", dirs[i]);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		make_file(files[i]);
	make_forgotten();
	make_parts("parts");
	make_parts("all");
	make_copied("copy");
	make_copied("no copy");
	make_no_uuid();
	sync();
}

/* A session's file, which tells first that events were lost */
static int retrieve(struct luo_session **session, const char *name)
{
	int inotify;

	*session = session_retrieve(device, name);
	vm_log_mark();
	inotify = must(luo_session__retrieve_fd(*session, 1), "%s: retrieve", name);
	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "%s: events were lost", name);
	return inotify;
}

static void finish(struct luo_session *session, int inotify)
{
	check(watch_silent(inotify), "nothing else");
	check_eq(luo_session__finish(session), 0, "finish");
	close(inotify);
}

static void check_end(int inotify, int wd, uint32_t first, const char *what)
{
	check((!first || watch_told(inotify, wd, first, NULL)) &&
	      watch_told(inotify, wd, IN_IGNORED, NULL), "%s", what);
}

static void check_file(int inotify, int wd, const char *path)
{
	touch_file(path);
	check(watch_told(inotify, wd, IN_MODIFY, NULL), "%s is watched", path);
}

static void check_dir(int inotify, int wd, const char *path)
{
	char file[64];

	snprintf(file, sizeof(file), "%s/new", path);
	make_file(file);
	check(watch_told(inotify, wd, IN_CREATE, "new"), "%s is watched", path);
	unlink(file);
}

/* The copy is what /data was when it was made: nothing tells which one was watched. */
static void check_copy(void)
{
	struct luo_session *session;
	int inotify;

	set_up_zram();
	mount_copy();
	inotify = retrieve(&session, "copy");
	check_eq(vm_log_count("session 'copy': .*zram0.* one UUID.*: unmount the copy"), 1,
		 "the log says once what to do");
	check_end(inotify, 3, IN_UNMOUNT, "a file that may be in a copy ends");
	check_end(inotify, 1, IN_UNMOUNT, "and another one");
	check(watch_is_at(inotify, 2, OTHER) && watch_is_at(inotify, 4, "/selftests"),
	      "what is on another file system goes on");
	finish(session, inotify);

	must(umount2("/copy", 0) ? -errno : 0, "unmount the copy, which nothing holds");
	inotify = retrieve(&session, "no copy");
	check_eq(vm_log_count("one UUID"), 0, "without the copy the log says nothing");
	check_file(inotify, 1, "/data/a/file");
	check_file(inotify, 3, "/data/b/file");
	check(watch_is_at(inotify, 2, OTHER) && watch_is_at(inotify, 4, "/selftests"),
	      "the other file system too");
	finish(session, inotify);
}

static void check_no_uuid(void)
{
	struct luo_session *session;
	int inotify;

	clear_uuid();
	mount_copy();
	inotify = retrieve(&session, "no UUID");
	check_end(inotify, 1, IN_UNMOUNT, "on a file system without a UUID: unmounted");
	check_file(inotify, 2, "/data/a/file");
	finish(session, inotify);
	must(umount2("/copy", 0) ? -errno : 0, "umount");
}

static void bind(const char *from, const char *to)
{
	if (mkdir(to, 0755) && errno != EEXIST)
		tap_bail("mkdir %s: %m", to);
	must(mount(from, to, NULL, MS_BIND, NULL) ? -errno : 0, "bind %s", to);
}

static void check_shared(int inotify)
{
	check_file(inotify, FILE_A, "/a/file");
	check_dir(inotify, DIR_A, "/a/dir");
	check_file(inotify, NESTED, "/in/file");
	check_file(inotify, FILE_B, "/b/file");
	check_dir(inotify, DIR_B, "/b/dir");
	check_dir(inotify, B, "/b");
	check_file(inotify, ALONE, "/alone");
}

/* None of the whole, one in another, one of a file, and each of them twice */
static void check_parts(void)
{
	struct luo_session *session;
	int inotify;

	bind("/data/b/dir", "/first");
	bind("/data/a/in", "/in");
	bind("/data/a", "/a");
	bind("/data/a", "/a-2");
	bind("/data/b", "/b");
	make_file("/alone");
	must(mount("/data/c/alone", "/alone", NULL, MS_BIND, NULL) ? -errno : 0, "bind a file");
	must(umount2("/data", MNT_DETACH) ? -errno : 0, "umount /data");
	check_eq(write_file("/proc/sys/vm/drop_caches", "2"), 0, "forget names");
	inotify = retrieve(&session, "parts");
	check_end(inotify, HIDDEN, 0, "what is in none of the parts ends");
	check_shared(inotify);
	finish(session, inotify);
	inotify = retrieve(&session, "forgotten");
	check_end(inotify, 1, 0, "what may be in any of them ends, and was not deleted");
	finish(session, inotify);
}

/* And one of the whole beside them */
static void check_all(const char *dev)
{
	struct luo_session *session;
	int inotify;

	mkdir("/whole", 0755);
	must(mount(dev, "/whole", vm_arg("luo_disk"), 0, NULL) ? -errno : 0, "mount %s", dev);
	inotify = retrieve(&session, "all");
	check_file(inotify, HIDDEN, "/whole/c/hidden");
	check_shared(inotify);
	finish(session, inotify);
}

static void after(void)
{
	char dev[64];

	device = device_open();
	data_device(dev, sizeof(dev));
	handler_attach("inotify");
	check_copy();
	check_no_uuid();
	check_parts();
	check_all(dev);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
