// SPDX-License-Identifier: GPL-2.0
/*
 * Inotify files through a kexec: watches, with their descriptors and events, of whatever
 * was watched, by whatever name; what is told first; and an epoll file that watches one,
 * in any order. /data is on a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"
#include "watch.h"

#define INOTIFY 1	/* tokens */
#define EPOLL 2
#define EMPTY 3
#define DATA 0x1234567890abcdefULL
#define CHURNED 20

#define DIR_EVENTS (IN_CREATE | IN_DELETE | IN_MOVE)

/* In the order in which they are added: the first has watch descriptor 1. */
static const struct {
	const char *name;
	uint32_t mask, shown;	/* as /proc has it, if it is another */
} watches[] = {
	{ "file", IN_MODIFY, 0 },
	{ "added", IN_OPEN, IN_OPEN | IN_ATTRIB },
	{ "replaced", IN_OPEN | IN_ONESHOT, IN_ATTRIB },
	{ "dir", DIR_EVENTS | IN_ONLYDIR | IN_EXCL_UNLINK, DIR_EVENTS | IN_EXCL_UNLINK },
	{ "oneshot", IN_MODIFY | IN_ONESHOT, 0 },
	{ "link", IN_MODIFY, 0 },
	{ "symlink", IN_ATTRIB | IN_DONT_FOLLOW, IN_ATTRIB },
	{ "fifo", IN_OPEN, 0 },
	{ "renamed", IN_MODIFY | IN_MOVE_SELF, 0 },
	{ "everything", IN_ALL_EVENTS, 0 },
	{ "fired", IN_MODIFY | IN_ONESHOT, 0 },
	{ "removed", IN_MODIFY, 0 },
	{ "late", IN_MODIFY | IN_CLOSE, 0 },
	{ ".", IN_DELETE, 0 },
};

#define WATCHES ((int)(sizeof(watches) / sizeof(*watches)))
#define GONE 2		/* of these: fired, and removed */
#define HIGHEST (WATCHES + 1)	/* one that was there for a while */

static const char *const orders[] = { "inotify first", "epoll first", "handler late" };

static int order;

/* In the directory of this order; two at a time */
static const char *at(const char *name)
{
	static char paths[2][64];
	static int n;

	n = !n;
	snprintf(paths[n], sizeof(paths[n]), "/data/%d/%s", order, name);
	return paths[n];
}

static int wd_of(const char *name)
{
	for (int i = 0; i < WATCHES; i++) {
		if (!strcmp(watches[i].name, name))
			return i + 1;
	}
	tap_bail("no watch of %s", name);
}

static void make_files(void)
{
	must(mkdir(at(""), 0755) ? -errno : 0, "mkdir");
	for (int i = 0; i < WATCHES - 1; i++) {
		const char *name = watches[i].name;

		if (!strcmp(name, "dir"))
			must(mkdir(at(name), 0755) ? -errno : 0, "mkdir");
		else if (!strcmp(name, "symlink"))
			must(symlink("nowhere", at(name)) ? -errno : 0, "symlink");
		else if (!strcmp(name, "fifo"))
			must(mkfifo(at(name), 0644) ? -errno : 0, "mkfifo");
		else
			make_file(at(name));
	}
	must(link(at("link"), at("link-2")) ? -errno : 0, "link");
	make_file(at("dir/inside"));
	make_file(at("highest"));
}

static void add_watches(int inotify, int from, int to)
{
	for (int i = from; i < to; i++)
		must(watch_add(inotify, at(watches[i].name), watches[i].mask) == i + 1 ?
		     0 : -EBADMSG, "the descriptors are not in a row");
}

/* What happens until the kexec */
static void change(int inotify)
{
	watch_add(inotify, at("added"), IN_ATTRIB | IN_MASK_ADD);
	watch_add(inotify, at("replaced"), IN_ATTRIB);
	touch_file(at("fired"));
	inotify_rm_watch(inotify, wd_of("removed"));
	must(rename(at("renamed"), at("dir/renamed-2")) ? -errno : 0, "rename");
	unlink(at("link"));
	inotify_rm_watch(inotify, watch_add(inotify, at("highest"), IN_OPEN));
	/* Of what is only watched, nothing but the inode is in memory any more. */
	check_eq(write_file("/proc/sys/vm/drop_caches", "2"), 0, "forget names");
}

static void preserve(struct luo_session *session, int fd, uint64_t token)
{
	must(luo_session__preserve_fd(session, fd, token), "preserve %d", (int)token);
}

static void make(struct luo_device *device)
{
	struct luo_session *session = session_create(device, orders[order]);
	int inotify = must(inotify_init1(order ? 0 : IN_NONBLOCK), "inotify_init1");
	int epoll = must(epoll_create1(0), "epoll_create1");
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = DATA };

	make_files();
	must(epoll_ctl(epoll, EPOLL_CTL_ADD, inotify, &event) ? -errno : 0, "EPOLL_CTL_ADD");
	add_watches(inotify, 0, WATCHES - 2);
	if (order == 1)
		preserve(session, epoll, EPOLL);
	preserve(session, inotify, INOTIFY);
	if (order != 1)
		preserve(session, epoll, EPOLL);
	add_watches(inotify, WATCHES - 2, WATCHES);
	change(inotify);
	preserve(session, must(inotify_init1(0), "inotify_init1"), EMPTY);
	close(inotify);
}

/* One event at a time is watched for, as fast as that goes: marks come and vanish. */
static void *churn(void *data)
{
	int inotify = *(int *)data;
	char path[64];

	for (unsigned int i = 0;; i++) {
		snprintf(path, sizeof(path), "/data/churn/%u", i % CHURNED);
		inotify_add_watch(inotify, path, IN_MODIFY | IN_ONESHOT);
		touch_file(path);
		if (i % 3 == 0)
			inotify_add_watch(inotify, path, IN_MODIFY | IN_ONESHOT);
	}
	return NULL;
}

static void make_churn(struct luo_device *device)
{
	static int inotify;
	pthread_t thread;
	char path[64];
	int bad = 0;

	must(mkdir("/data/churn", 0755) ? -errno : 0, "mkdir");
	for (int i = 0; i < CHURNED; i++) {
		snprintf(path, sizeof(path), "/data/churn/%d", i);
		make_file(path);
	}
	inotify = must(inotify_init1(IN_NONBLOCK), "inotify_init1");
	must(-pthread_create(&thread, NULL, churn, &inotify), "pthread_create");
	for (int i = 0; i < 200; i++) {
		struct luo_session *session = session_create(device, "again and again");

		bad += luo_session__preserve_fd(session, inotify, 1) != 0;
		luo_session__close(session);
	}
	check_eq(bad, 0, "while watches come and vanish: files that are not preserved");
	preserve(session_create(device, "churn"), inotify, 1);
}

static void before(void)
{
	struct luo_device *device = device_open();

	handler_attach("inotify");
	handler_attach("epoll");
	for (order = 0; order < 3; order++)
		make(device);
	make_churn(device);
	sync();
}

static void check_watches(int inotify)
{
	int bad = 0;

	for (int i = 0; i < WATCHES; i++) {
		const char *name = watches[i].name;
		long mask = watch_mask(inotify, i + 1), want = watches[i].shown ?: watches[i].mask;
		const char *path = at(name);

		if (!strcmp(name, "fired") || !strcmp(name, "removed"))
			want = -ENOENT;
		if (!strcmp(name, "renamed"))
			path = at("dir/renamed-2");
		if (!strcmp(name, "link"))
			path = at("link-2");
		if (mask == want && (want < 0 || watch_is_at(inotify, i + 1, path)))
			continue;
		tap_note("  %s: events %#lx", name, mask);
		bad++;
	}
	check_eq(bad, 0, "watches that are not as they were");
	check_eq(watch_count(inotify), WATCHES - GONE, "and so many are there");
}

static void check_names(int inotify)
{
	int wd = wd_of("dir");

	touch_file(at("dir/inside"));
	make_file(at("dir/new"));
	check(watch_told(inotify, wd, IN_CREATE, "new"), "a new name in a directory");
	must(rename(at("dir/new"), at("dir/newer")) ? -errno : 0, "rename");
	check(watch_told(inotify, wd, IN_MOVED_FROM, "new") &&
	      watch_told(inotify, wd, IN_MOVED_TO, "newer"), "another name");
	unlink(at("dir/newer"));
	check(watch_told(inotify, wd, IN_DELETE, "newer"), "a name less");
	touch_file(at("dir/renamed-2"));
	check(watch_told(inotify, wd_of("renamed"), IN_MODIFY, NULL),
	      "a file that had another name when it was watched");
	touch_file(at("link-2"));
	check(watch_told(inotify, wd_of("link"), IN_MODIFY, NULL),
	      "a file whose watched name is gone, by the one that it has");
	check(watch_silent(inotify), "nothing else");
}

static void check_masks(int inotify)
{
	touch_file(at("file"));
	check(watch_told(inotify, wd_of("file"), IN_MODIFY, NULL), "a file that was written to");
	touch_file(at("oneshot"));
	touch_file(at("oneshot"));
	check(watch_told(inotify, wd_of("oneshot"), IN_MODIFY, NULL) &&
	      watch_told(inotify, wd_of("oneshot"), IN_IGNORED, NULL), "a one-shot, once");
	chmod(at("added"), 0600);
	check(watch_told(inotify, wd_of("added"), IN_ATTRIB, NULL), "an event that was added");
	touch_file(at("added"));
	check(watch_told(inotify, wd_of("added"), IN_OPEN, NULL), "one that it was added to");
	touch_file(at("replaced"));
	chmod(at("replaced"), 0600);
	chmod(at("replaced"), 0644);
	check(watch_told(inotify, wd_of("replaced"), IN_ATTRIB, NULL),
	      "what it is watched for now, not once");
	lchown(at("symlink"), 1, 1);
	check(watch_told(inotify, wd_of("symlink"), IN_ATTRIB, NULL), "a symlink itself");
	close(open(at("fifo"), O_RDWR | O_NONBLOCK));
	check(watch_told(inotify, wd_of("fifo"), IN_OPEN, NULL), "a FIFO");
	touch_file(at("late"));
	check(watch_told(inotify, wd_of("late"), IN_MODIFY, NULL) &&
	      watch_told(inotify, wd_of("late"), IN_CLOSE_WRITE, NULL), "a watch that came late");
	touch_file(at("fired"));
	touch_file(at("removed"));
	check(watch_silent(inotify), "what is not watched any more tells nothing");
}

static void check_descriptors(int inotify)
{
	check_eq(inotify_add_watch(inotify, at("file"), IN_OPEN), wd_of("file"),
		 "a watch that is there has its descriptor");
	check_eq(watch_add(inotify, at("removed"), IN_MODIFY), HIGHEST + 1,
		 "a new one gets one that none had before");
	check_eq(inotify_rm_watch(inotify, wd_of("file")) ? -errno : 0, 0, "one is removed");
	check(watch_told(inotify, wd_of("file"), IN_IGNORED, NULL), "and ends");
	check_eq(inotify_rm_watch(inotify, wd_of("fired")) ? -errno : 0, -EINVAL,
		 "one that had ended is not there");
}

static void check_epoll(int epoll, int inotify)
{
	struct epoll_event event;

	check_eq(epoll_wait(epoll, &event, 1, 0), 1, "epoll: there is something to read");
	check_eq(event.data.u64 == DATA && event.events == EPOLLIN, 1, "and it says where");
	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "first, that events were lost");
	check(watch_silent(inotify), "and nothing else");
	check_eq(epoll_wait(epoll, &event, 1, 0), 0, "epoll: no more");
	unlink(at("late"));
	check_eq(epoll_wait(epoll, &event, 1, 0), 1, "epoll: something happens");
	check(watch_told(inotify, wd_of("late"), IN_IGNORED, NULL) &&
	      watch_told(inotify, WATCHES, IN_DELETE, "late"), "and is told");
}

static void check_order(struct luo_device *device)
{
	struct luo_session *session = session_retrieve(device, orders[order]);
	int inotify, epoll = -1, empty;

	tap_note("%s", orders[order]);
	if (order == 1)
		epoll = must(luo_session__retrieve_fd(session, EPOLL), "retrieve epoll");
	inotify = must(luo_session__retrieve_fd(session, INOTIFY), "retrieve");
	if (order != 1)
		epoll = must(luo_session__retrieve_fd(session, EPOLL), "retrieve epoll");
	check_eq(fcntl(inotify, F_GETFL) & (O_ACCMODE | O_NONBLOCK), order ? 0 : O_NONBLOCK, "flags");
	check_watches(inotify);
	check_epoll(epoll, inotify);
	empty = must(luo_session__retrieve_fd(session, EMPTY), "retrieve the empty one");
	check(watch_told(empty, -1, IN_Q_OVERFLOW, NULL) && watch_silent(empty),
	      "one with no watch tells the same");
	check_eq(luo_session__finish(session), 0, "finish");
	close(empty);
	close(epoll);
	close(inotify);
}

static void check_life(struct luo_device *device)
{
	struct luo_session *session = session_retrieve(device, orders[order]);
	int inotify = must(luo_session__retrieve_fd(session, INOTIFY), "retrieve");

	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "first, that events were lost");
	check_watches(inotify);
	check_names(inotify);
	check_masks(inotify);
	check_descriptors(inotify);
	check_eq(luo_session__finish(session), 0, "finish");
	close(inotify);
}

static void check_churn(struct luo_device *device)
{
	struct luo_session *session = session_retrieve(device, "churn");
	int inotify = must(luo_session__retrieve_fd(session, 1), "retrieve");
	int n = watch_count(inotify);

	check(n >= 0 && n <= CHURNED, "of %d files that were watched on and off, %d are",
	      CHURNED, n);
	check(watch_told(inotify, -1, IN_Q_OVERFLOW, NULL), "events were lost");
	check_eq(luo_session__finish(session), 0, "finish");
	close(inotify);
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *late;

	order = 2;
	late = session_retrieve(device, orders[order]);
	handler_attach("epoll");
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(late, EPOLL), -EUNATCH, "there is no handler yet");
	luo_session__close(late);
	handler_attach("inotify");
	check_life(device);
	for (order = 0; order < 2; order++)
		check_order(device);
	check_churn(device);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
