// SPDX-License-Identifier: GPL-2.0
/*
 * Every memory allocation fails once, where files go and come back by path: files with a lock,
 * devices, FIFOs with something in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "handler.h"
#include "kho.h"
#include "sweep.h"
#include "tap.h"
#include "vm.h"

#define DEVICE 1000	/* tokens of the devices */
#define FIFO 2000

static struct luo_session *session;
static int files[SWEEP_MAX], devices[SWEEP_MAX], fifos[SWEEP_MAX];
static long kho;

static const char *path_of(int n)
{
	static char path[32];

	snprintf(path, sizeof(path), "/data/file-%d", n);
	return path;
}

static const char *fifo_of(int n)
{
	static char path[32];

	snprintf(path, sizeof(path), "/data/fifo-%d", n);
	return path;
}

static int make_fifo(int n)
{
	int fd;

	must(mkfifo(fifo_of(n), 0600) ? -errno : 0, "mkfifo");
	fd = must(open(fifo_of(n), O_RDWR | O_NONBLOCK), "open %s", fifo_of(n));
	must(write(fd, "left", 4) == 4 ? 0 : -errno, "write");
	return fd;
}

static int preserve_file(int n)
{
	kho = kho_preserved();
	return luo_session__preserve_fd(session, files[n], n);
}

static int preserve_device(int n)
{
	kho = kho_preserved();
	return luo_session__preserve_fd(session, devices[n], DEVICE + n);
}

static int preserve_fifo(int n)
{
	kho = kho_preserved();
	return luo_session__preserve_fd(session, fifos[n], FIFO + n);
}

static bool nothing_preserved(int n)
{
	(void)n;
	return kho_preserved() == kho;
}

static void before(void)
{
	static const struct sweep file = {
		"preserve a file", preserve_file, nothing_preserved, NULL,
	};
	static const struct sweep device = {
		"preserve a device", preserve_device, nothing_preserved, NULL,
	};
	static const struct sweep fifo = {
		"preserve a FIFO", preserve_fifo, nothing_preserved, NULL,
	};

	sweep_start();
	session = session_create(device_open(), "nth");
	handler_attach("file");
	handler_attach("chardev");
	handler_attach("fifo");
	for (int n = 0; n < SWEEP_MAX; n++) {
		files[n] = must(open(path_of(n), O_RDONLY | O_CREAT, 0600), "create");
		must(flock(files[n], LOCK_EX) ? -errno : 0, "flock");
		devices[n] = must(open("/dev/zero", O_RDONLY), "/dev/zero");
		fifos[n] = make_fifo(n);
	}
	sync();
	sweep_call(&file);
	sweep_call(&device);
	sweep_call(&fifo);
	/* Those that the sweeps did not get to */
	for (int n = 1; n < SWEEP_MAX; n++) {
		luo_session__preserve_fd(session, files[n], n);
		luo_session__preserve_fd(session, devices[n], DEVICE + n);
		luo_session__preserve_fd(session, fifos[n], FIFO + n);
	}
}

static int retrieve_file(int n)
{
	return luo_session__retrieve_fd(session, n);
}

static int retrieve_device(int n)
{
	return luo_session__retrieve_fd(session, DEVICE + n);
}

static int retrieve_fifo(int n)
{
	return luo_session__retrieve_fd(session, FIFO + n);
}

static bool right_file(int n, int fd)
{
	int rival = open(path_of(n), O_RDONLY);
	struct stat is, there;
	bool good = !fstat(fd, &is) && !fstat(rival, &there) && is.st_ino == there.st_ino &&
		    flock(rival, LOCK_SH | LOCK_NB) && errno == EAGAIN;

	close(rival);
	close(fd);
	return good;
}

static bool right_device(int n, int fd)
{
	struct stat is;
	bool good = !fstat(fd, &is) && is.st_rdev == makedev(1, 5);

	(void)n;
	close(fd);
	return good;
}

/* With what was left, once */
static bool right_fifo(int n, int fd)
{
	char got[10];
	bool good = read(fd, got, sizeof(got)) == 4 && !memcmp(got, "left", 4);

	(void)n;
	close(fd);
	return good;
}

static void after(void)
{
	static const struct sweep file = {
		"retrieve a file", retrieve_file, NULL, right_file,
	};
	static const struct sweep device = {
		"retrieve a device", retrieve_device, NULL, right_device,
	};
	static const struct sweep fifo = {
		"retrieve a FIFO", retrieve_fifo, NULL, right_fifo,
	};
	struct stat st;

	sweep_start();
	session = session_retrieve(device_open(), "nth");
	handler_attach("file");
	handler_attach("chardev");
	handler_attach("fifo");
	/* What a file system reads from its disk is not what is looked at here. */
	for (int n = 0; n < SWEEP_MAX; n++)
		must(stat(path_of(n), &st) || stat(fifo_of(n), &st) ? -errno : 0, "%d", n);
	vm_log_mark();
	sweep_call(&file);
	sweep_call(&device);
	sweep_call(&fifo);
	check_eq(vm_log_count("stays reserved"), 0, "no memory was given up");
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };
	struct rlimit limit = { 1 << 12, 1 << 12 };

	setrlimit(RLIMIT_NOFILE, &limit);
	vm_run_stages(stages, 2);
}
