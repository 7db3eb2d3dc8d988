// SPDX-License-Identifier: GPL-2.0
/*
 * A handler opens files and calls ioctls in the name of who preserves or retrieves: with
 * its user, its capabilities, its root, and on no other file than its own. Security
 * modules are asked. And no file comes back with more rights than it had.
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
#include "progs/greedy.h"
#include "progs/guard.h"
#include "progs/tap.h"
#include "tap.h"
#include "vm.h"

#define NOBODY 65534
#define TAP 1
#define READ_ONLY 2
#define READ_WRITE 3
#define TAP_OF_NOBODY 4
#define GREEDY 5

static struct luo_device *device;
static struct luo_session *session;
static struct tap_control *tap;

static void preserve_file(const char *path, int flags, int token)
{
	int fd = must(open(path, flags), "open %s", path);

	must(luo_session__preserve_fd(session, fd, token), "preserve %s", path);
}

/* The variable of this name in the handler of this name */
static void *attach(const char *name)
{
	struct luo_handler *handler = handler_open(name);

	must(luo_handler__attach(handler), "attach %s", name);
	return handler_variable(handler, name);
}

static int open_tap(const char *name)
{
	struct ifreq ifreq = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = must(open("/dev/net/tun", O_RDWR), "/dev/net/tun");

	strcpy(ifreq.ifr_name, name);
	must(ioctl(fd, TUNSETIFF, &ifreq) ? -errno : 0, "TUNSETIFF");
	return fd;
}

static int preserve_as_nobody(void *fd)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		return 1;
	return -luo_session__preserve_fd(session, (long)fd, TAP_OF_NOBODY);
}

/* With a handler there that takes every file */
static void preserve_own(void)
{
	static const char of_luo[] = "no handler gets a file of LUO itself";
	struct luo_session *other = session_create(device, "other");

	check_eq(luo_session__preserve_fd(session, luo_session__fd(session), 7), -ENOENT,
		 "%s: its own session", of_luo);
	check_eq(luo_session__preserve_fd(session, luo_session__fd(other), 7), -ENOENT,
		 "%s: another session", of_luo);
	check_eq(luo_session__preserve_fd(session, luo_device__fd(device), 7), -ENOENT,
		 "%s: the device", of_luo);
	luo_session__close(other);
}

static void before(void)
{
	int unset;

	device = device_open();
	session = session_create(device, "rights");
	tap = attach("tap");
	unset = must(open("/dev/net/tun", O_RDWR), "/dev/net/tun");
	check_eq(luo_session__preserve_fd(session, unset, 9), -EBADFD,
		 "the errno of an ioctl, as the handler returns it");
	check_eq(tap->undeclared, -EACCES, "an ioctl that the object does not declare");
	must(luo_session__preserve_fd(session, open_tap("luo0"), TAP), "preserve the tap");
	check_eq(vm_in_child(preserve_as_nobody, (void *)(long)open_tap("luo1")), 0,
		 "nobody preserves another");

	handler_attach("zero");
	preserve_file("/dev/zero", O_RDONLY, READ_ONLY);
	preserve_file("/dev/zero", O_RDWR, READ_WRITE);

	attach("greedy");
	preserve_own();
	preserve_file("/dev/null", O_RDWR, GREEDY);
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

static void check_greedy(void)
{
	struct greedy_control *greedy = attach("greedy");

	greedy->other = TAP;
	check_eq(luo_session__retrieve_fd(session, GREEDY), -EPERM, "a handler tries");
	check_eq(greedy->device, -EACCES, "to open /dev/liveupdate");
	check_eq(greedy->ioctl_other, -EACCES, "an ioctl on a file that it did not open");
	check_eq(greedy->ioctl_again, -EACCES, "and when it has given that file back");
	check_eq(greedy->ninth, -EMFILE, "to have nine files open");
	check_eq(greedy->after_put, 0, "eight it may");
}

/* An LSM of our own; it is in force until the link is gone. */
static struct guard_control *load_guard(void)
{
	struct bpf_object *object = bpf_object__open_file("/selftests/progs/guard.bpf.o", NULL);
	struct bpf_program *prog;
	struct guard_control *guard;

	must(object ? bpf_object__load(object) : -errno, "load the LSM");
	bpf_object__for_each_program(prog, object)
		must(bpf_program__attach_lsm(prog) ? 0 : -errno, "attach the LSM");
	guard = bpf_map__initial_value(bpf_object__find_map_by_name(object, ".bss"),
				       &(size_t){ 0 });
	guard->pid = getpid();
	return guard;
}

static void check_guard(void)
{
	struct guard_control *guard = load_guard();

	guard->no_ioctl = TUNSETIFF;
	check_eq(luo_session__retrieve_fd(session, TAP_OF_NOBODY), -EACCES,
		 "an ioctl that a security module forbids");
	check_eq(guard->asked, 1, "it was asked");
	guard->no_ioctl = 0;
	guard->no_receive = 1;
	check_eq(luo_session__retrieve_fd(session, TAP_OF_NOBODY), -EACCES,
		 "a file that a security module does not let in");
	check_eq(guard->asked, 2, "it was asked");
	guard->no_receive = 0;

	guard->locked_down = 1;
	handler_log_mark();
	vm_log_mark();
	check_eq(handler_try("eventfd"), -EPERM, "a handler, where the kernel is locked down");
	check(handler_logged("is needed, and no lockdown"), "the library says why");
	check_eq(vm_log_count("handler refused: the kernel is locked down"), 1, "the kernel too");
	guard->locked_down = 0;
	check_eq(handler_try("eventfd"), 0, "and where it is not");
}

static void after(void)
{
	device = device_open();
	session = session_retrieve(device, "rights");
	luo_device__close(device);
	tap = attach("tap");
	handler_attach("zero");

	must(chmod("/dev/net/tun", 0666), "chmod");
	check_eq(vm_in_child(as_nobody, (void *)TAP), EPERM, "an ioctl that nobody may not do");
	check_tap();
	check(tap->frozen != -EPERM, "freeze did an ioctl that root may do: %d", tap->frozen);
	check_guard();
	check(luo_session__retrieve_fd(session, TAP_OF_NOBODY) >= 0, "and else it comes");
	check_eq(tap->frozen, -EPERM, "which it may not for a file that nobody preserved");
	check_greedy();
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
