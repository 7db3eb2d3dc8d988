// SPDX-License-Identifier: GPL-2.0
/*
 * Character devices through a kexec: each is the device that it was, in every order of
 * retrieving; another device at the path is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "handler.h"
#include "orders.h"
#include "tap.h"
#include "vm.h"

#define NOBODY 65534
#define OWN_NODE "/tmp/null"	/* not there in the next kernel */
#define DEVICES 4		/* of those below, in every order */

enum { OWN = 100, DELETED_LATER };

static const struct {
	const char *path;
	int flags, minor;
} devices[] = {
	{ "/dev/null", O_RDWR, 3 },
	{ "/dev/zero", O_RDONLY, 5 },
	{ "/dev/full", O_WRONLY | O_APPEND, 7 },
	{ "/dev/kmsg", O_RDONLY | O_NONBLOCK, 11 },
	{ "/dev/random", O_RDWR, 8 },
	{ "/dev/urandom", O_RDONLY, 9 },
	{ "/dev/kmsg", O_WRONLY, 11 },
};

#define ALL ((int)(sizeof(devices) / sizeof(*devices)))

static struct luo_device *device;
static struct luo_session *session;

static const char *order_name(int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "order %d", i);
	return name;
}

static void preserve(struct luo_session *to, int i)
{
	int fd = must(open(devices[i].path, devices[i].flags), "open %s", devices[i].path);

	must(luo_session__preserve_fd(to, fd, i), "preserve %s", devices[i].path);
}

static int make_node(const char *path, int minor)
{
	must(mknod(path, S_IFCHR | 0666, makedev(1, minor)) ? -errno : 0, "mknod");
	return must(open(path, O_RDWR), "open %s", path);
}

static int in_other_root(void *fd)
{
	if (mkdir("/tmp/root", 0755) || chroot("/tmp/root") || chdir("/"))
		return 1;
	return -luo_session__preserve_fd(session, (long)fd, 1000);
}

static void refuse(void)
{
	int fd = make_node("/tmp/deleted", 3);

	unlink("/tmp/deleted");
	handler_log_mark();
	check_eq(luo_session__preserve_fd(session, fd, 1000), -ESTALE,
		 "a device whose node was deleted");
	check(handler_logged("has no name any more"), "and the report says why");
	close(fd);
	fd = must(open("/dev/null", O_RDONLY), "/dev/null");
	check_eq(vm_in_child(in_other_root, (void *)(long)fd), EXDEV,
		 "one that is not below the preserver's root");
	close(fd);
	fd = must(open("/dev/null", O_PATH), "/dev/null");
	check_eq(luo_session__preserve_fd(session, fd, 1000), -EBADF, "O_PATH");
	close(fd);
	fd = must(open("/dev/console", O_WRONLY | O_NOCTTY), "/dev/console");
	check_eq(luo_session__preserve_fd(session, fd, 1000), -ENOENT, "a terminal");
	close(fd);
}

static void before(void)
{
	char record[1024];
	int fd;

	device = device_open();
	session = session_create(device, "devices");
	handler_attach("chardev");
	for (int i = 0; i < ALL; i++)
		preserve(session, i);
	/* One that has read a part of this kernel's log */
	fd = must(open("/dev/kmsg", O_RDONLY), "/dev/kmsg");
	must(read(fd, record, sizeof(record)), "read");
	must(luo_session__preserve_fd(session, fd, ALL), "preserve a reader");
	for (int i = 0; i < order_count(DEVICES); i++) {
		struct luo_session *order = session_create(device, order_name(i));

		for (int j = 0; j < DEVICES; j++)
			preserve(order, j);
	}
	must(luo_session__preserve_fd(session, make_node(OWN_NODE, 3), OWN), "preserve");
	must(luo_session__preserve_fd(session, make_node("/tmp/later", 3), DELETED_LATER),
	     "preserve");
	unlink("/tmp/later");
	refuse();
}

static bool is_device(int fd, int i)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) && major(st.st_rdev) == 1 &&
	       (int)minor(st.st_rdev) == devices[i].minor &&
	       (fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) == devices[i].flags;
}

/* "PRIORITY,SEQUENCE,TIME,...;TEXT" */
static bool first_record(int fd)
{
	unsigned long long sequence;
	char record[1024] = "";
	ssize_t n = read(fd, record, sizeof(record) - 1);

	return n > 0 && sscanf(record, "%*u,%llu,", &sequence) == 1 && !sequence;
}

static void check_orders(void)
{
	int order[ORDER_MAX], wrong = 0;

	for (int i = 0; i < order_count(DEVICES); i++) {
		struct luo_session *one = session_retrieve(device, order_name(i));

		order_get(i, DEVICES, order);
		for (int j = 0; j < DEVICES; j++) {
			int fd = luo_session__retrieve_fd(one, order[j]);

			wrong += fd < 0 || !is_device(fd, order[j]);
			close(fd);
		}
		wrong += luo_session__finish(one) != 0;
	}
	check_eq(wrong, 0, "in every order: devices that are not what they were");
}

static void check_uses(void)
{
	int fds[ALL + 1], zero = -1;

	for (int i = 0; i < ALL; i++) {
		fds[i] = luo_session__retrieve_fd(session, i);
		check(fds[i] >= 0 && is_device(fds[i], i), "%s: back as it was", devices[i].path);
	}
	check_eq(read(fds[0], &zero, sizeof(zero)), 0, "null is empty");
	check(read(fds[1], &zero, sizeof(zero)) == sizeof(zero) && !zero, "zero has zeros");
	check(write(fds[2], "x", 1) < 0 && errno == ENOSPC, "full is full");
	check(first_record(fds[3]), "a reader of the log begins with this kernel's");
	check_eq(read(fds[4], &zero, sizeof(zero)), sizeof(zero), "random has bytes");
	check_eq(read(fds[5], &zero, sizeof(zero)), sizeof(zero), "urandom has bytes");
	vm_log_mark();
	check_eq(write(fds[6], "chardev: written\n", 17), 17, "a writer of the log writes");
	check_eq(vm_log_count("chardev: written"), 1, "and it is there");
	fds[ALL] = luo_session__retrieve_fd(session, ALL);
	check(first_record(fds[ALL]), "so does one that had read of the last one's");
}

static int as_nobody(void *token)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		return 1;
	return -luo_session__retrieve_fd(session, (long)token);
}

static void check_refused(void)
{
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, DELETED_LATER), -ESTALE,
		 "a device whose node was deleted after preserve");
	check(handler_logged("the previous kernel's log says why"), "and the report says why");
	check_eq(luo_session__retrieve_fd(session, OWN), -ENOENT, "one whose node is gone");
	close(make_node(OWN_NODE, 5));
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, OWN), -ESTALE, "another device at its path");
	check(handler_logged("'/tmp/null' is another file now: its device number differs"),
	      "and the report says why");
	unlink(OWN_NODE);
	must(mkfifo(OWN_NODE, 0600) ? -errno : 0, "mkfifo");
	check_eq(luo_session__retrieve_fd(session, OWN), -ESTALE, "a FIFO at its path");
	unlink(OWN_NODE);
	close(make_node(OWN_NODE, 3));
	chmod(OWN_NODE, 0600);
	check_eq(vm_in_child(as_nobody, (void *)OWN), EACCES, "one that the retriever may not open");
	check(luo_session__retrieve_fd(session, OWN) >= 0, "and when all is as it was, it comes");
}

static void after(void)
{
	device = device_open();
	session = session_retrieve(device, "devices");
	handler_attach("chardev");
	check_orders();
	check_uses();
	check_refused();
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
