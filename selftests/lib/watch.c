// SPDX-License-Identifier: GPL-2.0
/* Inotify files in a test: what they watch, and what they tell. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tap.h"
#include "watch.h"

int watch_add(int inotify, const char *path, uint32_t mask)
{
	int wd = inotify_add_watch(inotify, path, mask);

	return must(wd < 0 ? -errno : wd, "watch %s", path);
}

struct watch {
	int wd;
	unsigned long ino;
	unsigned int dev, mask;
};

typedef bool (*see_fn)(const struct watch *watch, void *data);

/* Calls @see for each watch until it says that this is the one. */
static int visit_watches(int inotify, see_fn see, void *data)
{
	char path[64], line[512];
	struct watch watch;
	int found = -ENOENT;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", inotify);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "inotify wd:%x ino:%lx sdev:%x mask:%x", (unsigned int *)&watch.wd,
			   &watch.ino, &watch.dev, &watch.mask) == 4 && see(&watch, data))
			found = 0;
	}
	fclose(file);
	return found;
}

static bool is_wd(const struct watch *watch, void *data)
{
	struct watch *want = data;

	if (watch->wd != want->wd)
		return false;
	*want = *watch;
	return true;
}

long watch_mask(int inotify, int wd)
{
	struct watch watch = { .wd = wd };
	int err = visit_watches(inotify, is_wd, &watch);

	return err ?: (long)watch.mask;
}

bool watch_is_at(int inotify, int wd, const char *path)
{
	struct watch watch = { .wd = wd };
	struct stat st;

	/* The kernel's own number of a device is another than that of user space. */
	return !visit_watches(inotify, is_wd, &watch) && !lstat(path, &st) &&
	       watch.ino == st.st_ino && watch.dev >> 20 == major(st.st_dev) &&
	       (watch.dev & 0xfffff) == minor(st.st_dev);
}

static bool count(const struct watch *watch, void *data)
{
	(void)watch;
	++*(int *)data;
	return false;
}

int watch_count(int inotify)
{
	int n = 0, err = visit_watches(inotify, count, &n);

	return err == -ENOENT ? n : err;
}

bool watch_told(int inotify, int wd, uint32_t mask, const char *name)
{
	char buf[sizeof(struct inotify_event) + 256];
	struct inotify_event *event = (void *)buf;
	struct pollfd poll_fd = { .fd = inotify, .events = POLLIN };
	size_t size = sizeof(*event);
	ssize_t got = -1;

	if (poll(&poll_fd, 1, 0) != 1) {
		tap_note("  no event, where %#x of watch %d should be", mask, wd);
		return false;
	}
	/* One at a time: with a name if it has one, and never the one behind it */
	while (got < 0 && size <= sizeof(buf)) {
		got = read(inotify, buf, size);
		size += sizeof(*event);
	}
	if (got < 0) {
		tap_note("  an event can't be read: %s", strerror(errno));
		return false;
	}
	if (event->wd == wd && event->mask == mask &&
	    !strcmp(name ?: "", event->len ? event->name : ""))
		return true;
	tap_note("  event %#x of watch %d '%s' where %#x of watch %d '%s' should be", event->mask,
		 event->wd, event->len ? event->name : "", mask, wd, name ?: "");
	return false;
}

bool watch_silent(int inotify)
{
	int bytes = 0;

	return !ioctl(inotify, FIONREAD, &bytes) && !bytes;
}

void make_file(const char *path)
{
	close(must(open(path, O_WRONLY | O_CREAT | O_EXCL, 0644), "create %s", path));
}

void touch_file(const char *path)
{
	int fd = must(open(path, O_WRONLY | O_NONBLOCK), "open %s", path);

	must(write(fd, "x", 1) == 1 ? 0 : -errno, "write to %s", path);
	close(fd);
}
