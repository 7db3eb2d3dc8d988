// SPDX-License-Identifier: GPL-2.0
/*
 * Watches of inotify files that do not come back through a kexec: each ends with the
 * events that it would end with otherwise, and the others go on. The limits on watches,
 * who may have them, and what is seen of a file system. /data is on a disk.
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

#define NOBODY 65534
#define MAX_WATCHES "/proc/sys/fs/inotify/max_user_watches"
#define MAX_INSTANCES "/proc/sys/fs/inotify/max_user_instances"
#define MAX_EVENTS "/proc/sys/fs/inotify/max_queued_events"

enum { WHOLE = 1, DELETED, DELETED_UNASKED, DELETED_LATER, REPLACED, REMOVED, MEMORY, KERNEL,
	ENDS = KERNEL };

#define OVER 10		/* watches, of which all but one end */
#define ROOM 8		/* for events */

static struct luo_device *device;

static int new_inotify(void)
{
	return must(inotify_init1(IN_NONBLOCK), "inotify_init1");
}

static void preserve(const char *name, int inotify)
{
	struct luo_session *session = session_create(device, name);

	must(luo_session__preserve_fd(session, inotify, 1), "%s: preserve", name);
}

static void watch(int inotify, int wd, const char *path, uint32_t mask)
{
	must(watch_add(inotify, path, mask) == wd ? 0 : -EBADMSG, "the descriptors are in a row");
}

static void make_ends(void)
{
	int inotify = new_inotify();

	make_file("/data/whole");
	make_file("/data/deleted");
	make_file("/data/deleted-2");
	make_file("/data/deleted-later");
	make_file("/data/replaced");
	must(mkdir("/data/removed", 0700) ? -errno : 0, "mkdir");
	make_file("/tmp/memory");
	watch(inotify, WHOLE, "/data/whole", IN_MODIFY);
	watch(inotify, DELETED, "/data/deleted", IN_ALL_EVENTS);
	watch(inotify, DELETED_UNASKED, "/data/deleted-2", IN_MODIFY);
	watch(inotify, DELETED_LATER, "/data/deleted-later", IN_DELETE_SELF);
	watch(inotify, REPLACED, "/data/replaced", IN_DELETE_SELF);
	watch(inotify, REMOVED, "/data/removed", IN_CREATE | IN_DELETE_SELF);
	watch(inotify, MEMORY, "/tmp/memory", IN_ALL_EVENTS);
	watch(inotify, KERNEL, "/sys/kernel", IN_CREATE);
	/* Open, so that their inodes are there until the freeze */
	must(open("/data/deleted", O_RDONLY), "open");
	must(open("/data/deleted-2", O_RDONLY), "open");
	unlink("/data/deleted");
	unlink("/data/deleted-2");
	preserve("ends", inotify);
}

static void make_rights(void)
{
	int inotify = new_inotify();

	must(mkdir("/data/way", 0755) ? -errno : 0, "mkdir");
	make_file("/data/private");
	make_file("/data/way/public");
	chmod("/data/private", 0600);
	watch(inotify, 1, "/data/private", IN_MODIFY);
	watch(inotify, 2, "/data/way/public", IN_MODIFY);
	/* Nobody's way is closed, which is not asked about again. */
	chmod("/data/way", 0700);
	preserve("rights", inotify);
}

/* Who may pass a directory, but not read it, may watch what is there. */
static void make_way(void)
{
	int inotify = new_inotify();

	must(mkdir("/data/pass", 0711) ? -errno : 0, "mkdir");
	must(mkdir("/data/pass/dir", 0755) ? -errno : 0, "mkdir");
	make_file("/data/pass/file");
	watch(inotify, 1, "/data/pass/file", IN_MODIFY);
	watch(inotify, 2, "/data/pass/dir", IN_CREATE);
	watch(inotify, 3, "/data/pass", IN_CREATE);
	preserve("way", inotify);
}

/* More events than there will be room for */
static void make_overflow(void)
{
	int inotify = new_inotify();
	char path[32];

	make_file("/data/kept");
	watch(inotify, 1, "/data/kept", IN_MODIFY);
	for (int wd = 2; wd <= OVER; wd++) {
		snprintf(path, sizeof(path), "/tmp/over-%d", wd);
		make_file(path);
		watch(inotify, wd, path, IN_MODIFY);
	}
	preserve("overflow", inotify);
}

static void make_limits(void)
{
	int inotify = new_inotify();

	make_file("/data/limit");
	make_file("/data/limit-2");
	watch(inotify, 1, "/data/limit", IN_MODIFY);
	watch(inotify, 2, "/data/limit-2", IN_MODIFY);
	preserve("limits", inotify);
}

/* What is retrieved where only /data/part is to be seen, and where nothing is */
static void make_mounts(const char *name)
{
	int inotify = new_inotify();

	watch(inotify, 1, "/data/whole", IN_MODIFY);
	watch(inotify, 2, "/data/part/file", IN_MODIFY);
	watch(inotify, 3, "/data/part/dir", IN_CREATE);
	watch(inotify, 4, "/data/part", IN_CREATE);
	watch(inotify, 5, "/data", IN_CREATE);
	preserve(name, inotify);
}

static void before(void)
{
	device = device_open();
	handler_attach("inotify");
	make_ends();
	make_rights();
	make_way();
	make_limits();
	make_overflow();
	must(mkdir("/data/part", 0755) ? -errno : 0, "mkdir");
	must(mkdir("/data/part/dir", 0755) ? -errno : 0, "mkdir");
	make_file("/data/part/file");
	make_mounts("a part");
	make_mounts("nothing");
	sync();
}

static int retrieve(struct luo_session *session)
{
	return must(luo_session__retrieve_fd(session, 1), "retrieve");
}

static void finish(struct luo_session *session)
{
	check_eq(luo_session__finish(session), 0, "finish");
}

/* It is told of by @first, if that is not 0, and that it has ended. */
static void check_end(int inotify, int wd, uint32_t first, const char *what)
{
	check((!first || watch_told(inotify, wd, first, NULL)) &&
	      watch_told(inotify, wd, IN_IGNORED, NULL), "%s", what);
}

static void check_alive(int inotify, int wd, const char *path, const char *what)
{
	touch_file(path);
	check(watch_told(inotify, wd, IN_MODIFY, NULL), "%s", what);
}

static void check_ends(void)
{
	struct luo_session *session = session_retrieve(device, "ends");
	int inotify;

	unlink("/data/deleted-later");
	rmdir("/data/removed");
	make_file("/data/new");
	must(rename("/data/new", "/data/replaced") ? -errno : 0, "rename");
	make_file("/tmp/memory");
	vm_log_mark();
	inotify = retrieve(session);
	check_eq(vm_log_count("inotify-v1': file 0x1 of session 'ends': 7 of 8 watches end"), 1,
		 "the log says how many");
	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "first, that events were lost");
	check_end(inotify, KERNEL, IN_UNMOUNT, "a directory of the kernel: unmounted");
	check_end(inotify, MEMORY, IN_UNMOUNT, "a file in memory: unmounted");
	check_end(inotify, REMOVED, IN_DELETE_SELF, "a directory that was removed");
	check_end(inotify, REPLACED, IN_DELETE_SELF, "a file that was replaced: deleted");
	check_end(inotify, DELETED_LATER, IN_DELETE_SELF, "one that was deleted behind the kexec");
	check_end(inotify, DELETED_UNASKED, 0, "one deleted before that, not asked about");
	check_end(inotify, DELETED, IN_DELETE_SELF, "one deleted before that");
	check(watch_silent(inotify), "nothing else");
	touch_file("/data/replaced");
	check(watch_silent(inotify), "not of the file that is there now");
	check_alive(inotify, WHOLE, "/data/whole", "the one that is whole goes on");
	check_eq(watch_add(inotify, "/tmp/memory", IN_MODIFY), ENDS + 1,
		 "a new watch has a descriptor of its own");
	finish(session);
}

static int retrieve_as_nobody(struct luo_session *session)
{
	int inotify;

	must(seteuid(NOBODY) ? -errno : 0, "seteuid");
	inotify = luo_session__retrieve_fd(session, 1);
	must(seteuid(0) ? -errno : 0, "seteuid");
	return must(inotify, "retrieve");
}

static void check_rights(void)
{
	struct luo_session *session = session_retrieve(device, "rights");
	int inotify = retrieve_as_nobody(session);

	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "events were lost");
	check_end(inotify, 1, 0, "a file that the retriever may not read");
	check_alive(inotify, 2, "/data/way/public", "one that he may");
	finish(session);
}

static void check_way(void)
{
	struct luo_session *session = session_retrieve(device, "way");
	int inotify = retrieve_as_nobody(session);

	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "events were lost");
	check_end(inotify, 3, 0, "a directory that the retriever may pass, but not read");
	check_alive(inotify, 1, "/data/pass/file", "a file in it");
	make_file("/data/pass/dir/new");
	check(watch_told(inotify, 2, IN_CREATE, "new"), "a directory in it");
	finish(session);
}

static void check_overflow(void)
{
	struct luo_session *session = session_retrieve(device, "overflow");
	long events = must(read_file_num(MAX_EVENTS), MAX_EVENTS);
	int inotify;

	must(write_file(MAX_EVENTS, "%d", ROOM), MAX_EVENTS);
	inotify = retrieve(session);
	must(write_file(MAX_EVENTS, "%ld", events), MAX_EVENTS);
	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "first, that events were lost");
	for (int n = 1; n < ROOM; n++)
		check(watch_told(inotify, OVER - (n - 1) / 2, n % 2 ? IN_UNMOUNT : IN_IGNORED,
				 NULL), "then as many ends as there is room for: %d", n);
	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "last, that others were lost");
	check(watch_silent(inotify), "nothing else");
	check_eq(inotify_rm_watch(inotify, 2) ? -errno : 0, -EINVAL,
		 "one of which nothing was told has ended, too");
	check_alive(inotify, 1, "/data/kept", "the one that is whole goes on");
	finish(session);
}

static void check_limits(void)
{
	struct luo_session *session = session_retrieve(device, "limits");
	long watches = must(read_file_num(MAX_WATCHES), MAX_WATCHES);
	long instances = must(read_file_num(MAX_INSTANCES), MAX_INSTANCES);
	int inotify;

	must(write_file(MAX_WATCHES, "0"), MAX_WATCHES);
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, 1), -ENOSPC, "no more watches");
	check(handler_logged("max_user_watches"), "and it says which limit that is");
	must(write_file(MAX_WATCHES, "%ld", watches), MAX_WATCHES);
	must(write_file(MAX_INSTANCES, "0"), MAX_INSTANCES);
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, 1), -EMFILE, "no more inotify files");
	check(handler_logged("max_user_instances"), "and it says which limit that is");
	must(write_file(MAX_INSTANCES, "%ld", instances), MAX_INSTANCES);
	inotify = retrieve(session);
	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "then it comes back");
	check_alive(inotify, 1, "/data/limit", "with all of its watches");
	check_alive(inotify, 2, "/data/limit-2", "and this");
	finish(session);
}

static void check_part(void)
{
	struct luo_session *session = session_retrieve(device, "a part");
	int inotify;

	must(mkdir("/part", 0755) ? -errno : 0, "mkdir");
	must(mount("/data/part", "/part", NULL, MS_BIND, NULL) ? -errno : 0, "bind");
	must(umount2("/data", MNT_DETACH) ? -errno : 0, "umount");
	inotify = retrieve(session);
	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "a part of it is mounted");
	check_end(inotify, 5, 0, "the directory above is not to be seen");
	check_end(inotify, 1, 0, "nor is a file there");
	check_alive(inotify, 2, "/part/file", "but a file in it");
	make_file("/part/dir/new");
	check(watch_told(inotify, 3, IN_CREATE, "new"), "a directory in it");
	make_file("/part/new");
	check(watch_told(inotify, 4, IN_CREATE, "new"), "and the directory itself");
	finish(session);
}

static void check_nothing(void)
{
	struct luo_session *session = session_retrieve(device, "nothing");
	int inotify;

	must(umount2("/part", MNT_DETACH) ? -errno : 0, "umount");
	inotify = retrieve(session);
	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "nothing of it is mounted");
	for (int wd = 5; wd; wd--)
		check_end(inotify, wd, IN_UNMOUNT, "unmounted");
	check(watch_silent(inotify), "nothing else");
	finish(session);
}

static void after(void)
{
	device = device_open();
	handler_attach("inotify");
	check_ends();
	check_rights();
	check_way();
	check_overflow();
	check_limits();
	check_part();
	check_nothing();
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
