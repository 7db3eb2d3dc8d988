// SPDX-License-Identifier: GPL-2.0
/*
 * A handler opens files and calls ioctls in the name of who retrieves: with its user,
 * its capabilities, its root. And no file comes back with more rights than it had.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler.h"
#include "progs/tap.h"
#include "tap.h"
#include "vm.h"

#define NOBODY 65534
#define TAP 1
#define READ_ONLY 2
#define READ_WRITE 3

static struct luo_session *session;

static void preserve_file(const char *path, int flags, int token)
{
	int fd = must(open(path, flags), "open %s", path);

	must(luo_session__preserve_fd(session, fd, token), "preserve %s", path);
}

static struct tap_control *attach_tap(void)
{
	struct luo_handler *handler = handler_open("tap");

	must(luo_handler__attach(handler), "attach tap");
	return handler_variable(handler, "tap");
}

static void before(void)
{
	struct ifreq ifreq = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = must(open("/dev/net/tun", O_RDWR), "/dev/net/tun"), unset;
	struct tap_control *tap = attach_tap();

	session = session_create(device_open(), "rights");
	unset = must(open("/dev/net/tun", O_RDWR), "/dev/net/tun");
	check_eq(luo_session__preserve_fd(session, unset, 9), -EBADFD,
		 "the errno of an ioctl, as the handler returns it");
	check_eq(tap->undeclared, -EACCES, "an ioctl that the object does not declare");

	strcpy(ifreq.ifr_name, "luo0");
	must(ioctl(fd, TUNSETIFF, &ifreq) ? -errno : 0, "TUNSETIFF");
	must(luo_session__preserve_fd(session, fd, TAP), "preserve the tap");

	handler_attach("zero");
	preserve_file("/dev/zero", O_RDONLY, READ_ONLY);
	preserve_file("/dev/zero", O_RDWR, READ_WRITE);
}

static int as_nobody(void *token)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		return 1;
	return -luo_session__retrieve_fd(session, (long)token);
}

static int in_empty_root(void *token)
{
	if (mkdir("/tmp/empty", 0755) || chroot("/tmp/empty") || chdir("/"))
		return 1;
	return -luo_session__retrieve_fd(session, (long)token);
}

static void check_tap(void)
{
	struct ifreq ifreq = {};
	int fd = luo_session__retrieve_fd(session, TAP);

	check(fd >= 0 && !ioctl(fd, TUNGETIFF, &ifreq), "the tap is back");
	check(!strcmp(ifreq.ifr_name, "luo0"), "its name: %s", ifreq.ifr_name);
	check_eq(ifreq.ifr_flags & (IFF_TAP | IFF_TUN | IFF_NO_PI), IFF_TAP | IFF_NO_PI,
		 "its flags");
}

static void after(void)
{
	session = session_retrieve(device_open(), "rights");
	attach_tap();
	handler_attach("zero");

	must(chmod("/dev/net/tun", 0666), "chmod");
	check_eq(vm_in_child(as_nobody, (void *)TAP), EPERM, "an ioctl that nobody may not do");
	check_tap();
	must(chmod("/dev/zero", 0600), "chmod");
	check_eq(vm_in_child(as_nobody, (void *)READ_WRITE), EACCES,
		 "a file that nobody may not open");
	check_eq(vm_in_child(in_empty_root, (void *)READ_WRITE), ENOENT,
		 "a file that is not in this root");
	check(luo_session__retrieve_fd(session, READ_WRITE) >= 0, "and root gets it");
	check_eq(luo_session__retrieve_fd(session, READ_ONLY), -EPERM,
		 "the handler opened it for writing too");
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
