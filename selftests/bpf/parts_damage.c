// SPDX-License-Identifier: GPL-2.0
/*
 * What a record of a pipe, a FIFO, a pair of sockets, an epoll or an inotify file leads to, when
 * its state or blob is not what the handler wrote: that file is refused, or is one that might have
 * been preserved. The others are whole, and no memory is lost. /data is on a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "progs/damaged.h"
#include "handler.h"
#include "kho.h"
#include "tap.h"
#include "vm.h"

#define OTHER 1000	/* token of the other end, beside that of the first */
#define HEALTHY 50
#define EVENTFD 5000	/* a file of another handler */
#define NOBODY 9999
#define ANY 1		/* whatever it is, it does no harm */

struct kind {
	const char *name, *prog;
	/* Preserves one with this token, and what belongs to it */
	void (*make)(struct luo_session *session, uint64_t token);
	const struct way {
		const char *what;
		unsigned int in_blob, offset, size;
		uint64_t value;
		int want;
	} *ways;
};

static void preserve(struct luo_session *session, int fd, uint64_t token)
{
	must(luo_session__preserve_fd(session, fd, token), "preserve %d", (int)token);
	close(fd);
}

static void make_pipe(struct luo_session *session, uint64_t token)
{
	int fds[2];

	must(pipe(fds), "pipe");
	must(write(fds[1], "0123456789", 10), "write");
	preserve(session, fds[0], token);
	preserve(session, fds[1], OTHER + token);
}

static const struct way pipe_ways[] = {
	{ "no token of a file", 0, 0, 8, NOBODY, -ENOENT },
	{ "token of a file of another handler", 0, 0, 8, EVENTFD, -EUCLEAN },
	{ "token of another pipe", 0, 0, 8, HEALTHY, -EBUSY },
	{ "token of its other end", 0, 0, 8, OTHER + 3, -ELOOP },
	{ "no slots", 0, 8, 4, 0, -EUCLEAN },
	{ "three slots", 0, 8, 4, 3, -EUCLEAN },
	{ "too many slots", 0, 8, 4, 1U << 31, -EUCLEAN },
	{ "no ends", 0, 12, 4, 0, -EUCLEAN },
	{ "a third end", 0, 12, 4, 7, -EUCLEAN },
	{ "its end is not there", 0, 12, 4, 2, -ENOENT },
	{ "it is the other end", 0, 16, 4, 1, -EPERM },
	{ "it is a third end", 0, 16, 4, 2, -ENOENT },
	{ "it is an end far away", 0, 16, 4, 1U << 31, -ENOENT },
	{ "lost for no errno", 0, 20, 4, 5, -EINVAL },
	{ "an empty buffer", 1, 0, 4, 0, -EUCLEAN },
	{ "a buffer cut short", 1, 0, 4, 5, -EUCLEAN },
	{ "a long buffer", 1, 0, 4, 11, -EUCLEAN },
	{ "a buffer of more than a page", 1, 0, 4, 5000, -EUCLEAN },
	{ "an endless buffer", 1, 0, 4, UINT32_MAX, -EUCLEAN },
	{ "unknown flags of a buffer", 1, 4, 4, 4, -EUCLEAN },
	{}
};

static void make_fifo(struct luo_session *session, uint64_t token)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/data/fifo-%d", (int)token);
	must(mkfifo(path, 0600) ? -errno : 0, "mkfifo");
	fd = must(open(path, O_RDWR), "open %s", path);
	must(write(fd, "0123456789", 10), "write");
	preserve(session, must(open(path, O_RDWR), "open %s", path), token);
	preserve(session, fd, OTHER + token);
}

/* Behind a struct luo_path */
#define FIFO_SLOTS 2144
#define FIFO_LOST 2148

static const struct way fifo_ways[] = {
	{ "three slots", 0, FIFO_SLOTS, 4, 3, -EUCLEAN },
	{ "too many slots", 0, FIFO_SLOTS, 4, 1U << 31, -EUCLEAN },
	{ "lost for no errno", 0, FIFO_LOST, 4, 5, -EINVAL },
	{ "an empty buffer", 1, 0, 4, 0, -EUCLEAN },
	{ "a buffer cut short", 1, 0, 4, 5, -EUCLEAN },
	{ "a long buffer", 1, 0, 4, 11, -EUCLEAN },
	{ "an endless buffer", 1, 0, 4, UINT32_MAX, -EUCLEAN },
	{ "unknown flags of a buffer", 1, 4, 4, 4, -EUCLEAN },
	{}
};

static void make_socketpair(struct luo_session *session, uint64_t token)
{
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) ? -errno : 0, "socketpair");
	must(send(fds[1], "0123456789", 10, 0), "send");
	preserve(session, fds[0], token);
	preserve(session, fds[1], OTHER + token);
}

static const struct way socketpair_ways[] = {
	{ "no token of a file", 0, 0, 8, NOBODY, -ENOENT },
	{ "token of a file of another handler", 0, 0, 8, EVENTFD, -EUCLEAN },
	{ "it is a third end", 0, 8, 4, 2, -ENOENT },
	{ "it is an end far away", 0, 8, 4, 1U << 31, -ENOENT },
	{ "the other end is missing", 0, 12, 4, 1, -ENOTCONN },
	{ "of an unknown type", 0, 16, 4, 77, -EUCLEAN },
	{ "of a type that has no pairs", 0, 16, 4, SOCK_RAW, -EUCLEAN },
	{ "shut down too much", 0, 20, 4, 4, -EUCLEAN },
	{ "shut down too much, too", 0, 24, 4, UINT32_MAX, -EUCLEAN },
	{ "no user", 0, 28, 4, UINT32_MAX, -EINVAL },
	{ "no group", 0, 32, 4, UINT32_MAX, -EINVAL },
	{ "a buffer of less than nothing", 0, 36, 4, 1U << 31, -EPERM },
	{ "a receive buffer of nothing", 0, 40, 4, 0, -EPERM },
	{ "a timeout of too many microseconds", 0, 56, 8, 5000000, -EDOM },
	{ "an option", 0, 80, 4, UINT32_MAX, ANY },
	{ "an option out of range", 0, 92, 4, 1U << 31, ANY },
	{ "lost for no errno", 0, 144, 4, 1U << 31, -EINVAL },
	{ "an endless message", 1, 0, 4, UINT32_MAX, -EUCLEAN },
	{ "a long message", 1, 0, 4, 11, -EUCLEAN },
	{ "an empty message in a stream", 1, 0, 4, 0, -EUCLEAN },
	{ "in the queue of a third end", 1, 4, 4, 2, -EUCLEAN },
	{ "unknown flags of a message", 1, 4, 4, 4 << 16, -EUCLEAN },
	{ "ten urgent bytes", 1, 4, 4, 2 << 16, -EUCLEAN },
	{}
};

static void make_epoll(struct luo_session *session, uint64_t token)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = must(epoll_create1(0), "epoll_create1"), fd = must(eventfd(0, 0), "eventfd");

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0, "EPOLL_CTL_ADD");
	preserve(session, epoll, token);
	preserve(session, fd, OTHER + token);
}

static const struct way epoll_ways[] = {
	{ "more watches than there are", 0, 0, 4, 2, -EUCLEAN },
	{ "less", 0, 0, 4, 0, -EUCLEAN },
	{ "many", 0, 0, 4, UINT32_MAX, -EUCLEAN },
	{ "watches a file that is not there", 1, 0, 8, NOBODY, -ENOENT },
	{ "watches itself", 1, 0, 8, 4, -ELOOP },
	{ "events that can't be", 1, 16, 4, UINT32_MAX, -EINVAL },
	{ "no descriptor", 1, 20, 4, UINT32_MAX, ANY },
	{ "lost for no errno", 0, 8, 4, 1, -EINVAL },
	{}
};

static void make_inotify(struct luo_session *session, uint64_t token)
{
	int inotify = must(inotify_init1(0), "inotify_init1");

	must(inotify_add_watch(inotify, "/data", IN_CREATE) == 1 ? 0 : -errno, "watch");
	preserve(session, inotify, token);
	preserve(session, must(eventfd(0, 0), "eventfd"), OTHER + token);
}

static const struct way inotify_ways[] = {
	{ "more watches than there are", 0, 0, 4, 2, -EUCLEAN },
	{ "less", 0, 0, 4, 0, -EUCLEAN },
	{ "many", 0, 0, 4, UINT32_MAX, -EUCLEAN },
	{ "a negative next descriptor", 0, 8, 4, 1U << 31, -EUCLEAN },
	{ "a high next descriptor", 0, 8, 4, INT32_MAX, ANY },
	{ "lost for no errno", 0, 12, 4, 1, -EINVAL },
	{ "no descriptor", 1, 0, 4, 0, -EINVAL },
	{ "a negative descriptor", 1, 0, 4, UINT32_MAX, -EINVAL },
	{ "the highest descriptor", 1, 0, 4, INT32_MAX, ANY },
	{ "no events", 1, 4, 4, 0, ANY },
	{ "events that can't be", 1, 4, 4, UINT32_MAX, -EINVAL },
	{ "a flag of inotify_add_watch()", 1, 4, 4, IN_MASK_ADD, -EINVAL },
	{ "gone for no errno", 1, 8, 4, 1, -EINVAL },
	{ "gone for another reason", 1, 8, 4, UINT32_MAX, -EINVAL },
	{ "something reserved", 1, 12, 4, 1, -EINVAL },
	{ "in another type of file system", 1, 16, 8, 0x123456, ANY },
	{ "in another file system", 1, 32, 8, 0x123456, ANY },
	{ "in a file system without a name", 1, 48, 4, 0, -EINVAL },
	{ "in one with two names", 1, 48, 4, 3, -EINVAL },
	{ "something reserved of it", 1, 52, 4, 1, -EINVAL },
	{ "of another format", 1, 56, 4, 2, -EINVAL },
	{ "of another type", 1, 60, 4, 0100000, ANY },
	{ "a handle of no type", 1, 64, 4, 0, -EINVAL },
	{ "a handle that is none", 1, 64, 4, 255, -EINVAL },
	{ "a handle of more than a type", 1, 64, 4, 0x10001, -EINVAL },
	{ "a handle of another type", 1, 64, 4, 77, ANY },
	{ "no handle", 1, 68, 4, 0, -EINVAL },
	{ "half a handle", 1, 68, 4, 4, ANY },
	{ "an uneven handle", 1, 68, 4, 7, -EINVAL },
	{ "a long handle", 1, 68, 4, 44, -EINVAL },
	{ "an endless handle", 1, 68, 4, UINT32_MAX - 3, -EINVAL },
	{ "of another inode", 1, 72, 4, 3, ANY },
	{ "of no inode", 1, 72, 4, 0, ANY },
	{ "of an inode far away", 1, 72, 4, UINT32_MAX, ANY },
	{ "of an inode that is no more", 1, 76, 4, 0x123456, ANY },
	{}
};

static const struct kind kinds[] = {
	{ "pipe", "pipe_damaged", make_pipe, pipe_ways },
	{ "fifo", "fifo_damaged", make_fifo, fifo_ways },
	{ "socketpair", "socketpair_damaged", make_socketpair, socketpair_ways },
	{ "epoll", "epoll_damaged", make_epoll, epoll_ways },
	{ "inotify", "inotify_damaged", make_inotify, inotify_ways },
};

#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

static struct damages *attach(const struct kind *kind)
{
	struct luo_handler *handler = handler_open(kind->prog);
	int err = luo_handler__attach(handler);

	if (err)
		handler_logged("the reason is shown");
	must(err, "attach %s", kind->prog);
	return handler_variable(handler, "damages");
}

static void before(void)
{
	struct luo_device *device = device_open();

	handler_attach("eventfd");
	for (int i = 0; i < KINDS; i++) {
		struct luo_session *session = session_create(device, kinds[i].name);
		struct damages *damages = attach(&kinds[i]);

		for (int n = 0; kinds[i].ways[n].what; n++) {
			const struct way *way = &kinds[i].ways[n];

			damages->of[n].in_blob = way->in_blob;
			damages->of[n].offset = way->offset;
			damages->of[n].value = way->value;
			damages->of[n].size = way->size;
			kinds[i].make(session, n);
		}
		kinds[i].make(session, HEALTHY);
		preserve(session, must(eventfd(0, 0), "eventfd"), EVENTFD);
	}
	sync();
}

static void check_kind(struct luo_session *session, const struct kind *kind)
{
	check(luo_session__retrieve_fd(session, HEALTHY) >= 0, "%s: one that is whole", kind->name);
	check(luo_session__retrieve_fd(session, OTHER + HEALTHY) >= 0, "and what belongs to it");
	for (int n = 0; kind->ways[n].what; n++) {
		int fd = luo_session__retrieve_fd(session, n), again;

		if (kind->ways[n].want == ANY)
			check(true, "%s: %s: %d", kind->name, kind->ways[n].what, fd < 0 ? fd : 0);
		else
			check_eq(fd, kind->ways[n].want, "%s: %s", kind->name, kind->ways[n].what);
		again = luo_session__retrieve_fd(session, n);
		if (fd < 0 && again != fd)
			check_eq(again, fd, "%s: %s, asked again", kind->name, kind->ways[n].what);
		luo_session__retrieve_fd(session, OTHER + n);
	}
	check(luo_session__retrieve_fd(session, EVENTFD) >= 0, "a file of another handler");
	check_eq(luo_session__finish(session), 0, "finish");
}

static void after(void)
{
	struct luo_device *device = device_open();
	long kho = must(kho_preserved(), "count what KHO preserves");

	handler_attach("eventfd");
	for (int i = 0; i < KINDS; i++) {
		attach(&kinds[i]);
		check_kind(session_retrieve(device, kinds[i].name), &kinds[i]);
	}
	check_eq(kho_preserved(), kho, "nothing more is preserved");
	check_eq(vm_log_count("stays reserved"), 0, "and no memory was given up");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
