// SPDX-License-Identifier: GPL-2.0
/*
 * Which file of a FIFO takes along what is in it: the one that is frozen first. Kexecs are
 * refused in between, and then it is another one: those that were are unpreserved, or can't
 * be found again. /data is on a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define PATH "/data/fifo"
#define FILES 3
#define REFUSES 77

static const char *const names[FILES] = { "a", "b", "c" };

/* Two FIFOs with two names each, of which one goes */
static const char *const linked[][2] = {
	{ "/data/gone-0", "/data/stays-0" },
	{ "/data/stays-1", "/data/gone-1" },
};

static int stays(int i)
{
	return !strncmp(linked[i][1], "/data/stays", 11);
}

static void make_linked(struct luo_device *device)
{
	struct luo_session *session = session_create(device, "linked");

	for (int i = 0; i < 2; i++) {
		must(mkfifo(linked[i][0], 0600) ? -errno : 0, "mkfifo");
		must(link(linked[i][0], linked[i][1]) ? -errno : 0, "link");
		for (int j = 0; j < 2; j++) {
			int fd = must(open(linked[i][j], O_RDWR), "%s", linked[i][j]);

			must(luo_session__preserve_fd(session, fd, 10 * i + j), "preserve");
			must(j || write(fd, "once", 4) == 4 ? 0 : -errno, "write");
		}
	}
}

static void before(void)
{
	struct luo_session *sessions[FILES], *refuses;
	struct luo_device *device = device_open();
	int fds[FILES];

	handler_attach("fifo");
	must(mkfifo(PATH, 0600) ? -errno : 0, "mkfifo");
	for (int i = 0; i < FILES; i++) {
		sessions[i] = session_create(device, names[i]);
		fds[i] = must(open(PATH, O_RDWR), PATH);
		must(luo_session__preserve_fd(sessions[i], fds[i], 1), "preserve");
	}
	must(write(fds[0], "once", 4) == 4 ? 0 : -errno, "write");

	make_linked(device);
	testfh_load("");
	refuses = session_create(device, "refuses");
	must(luo_session__preserve_fd(refuses, testfh_open(REFUSES), 1), "preserve");
	testfh_fail("freeze", REFUSES);
	sync();
	check_eq(vm_kexec(), -EIO, "a kexec is refused");
	check_eq(vm_kexec(), -EIO, "and again");
	luo_session__close(refuses);
	/* Whichever was frozen first: two of three are gone. */
	luo_session__close(sessions[0]);
	luo_session__close(sessions[2]);
	for (int i = 0; i < 2; i++)
		must(unlink(linked[i][!stays(i)]) ? -errno : 0, "unlink");
	sync();
}

static void check_linked(struct luo_device *device)
{
	struct luo_session *session = session_retrieve(device, "linked");

	for (int i = 0; i < 2; i++) {
		int fd = luo_session__retrieve_fd(session, 10 * i + stays(i)), left = -1;

		check(fd >= 0 && !ioctl(fd, FIONREAD, &left) && left == 4,
		      "by the name that is left, it is there, too");
		check_eq(luo_session__retrieve_fd(session, 10 * i + !stays(i)), -ESTALE,
			 "by the other one nothing is");
	}
	check_eq(luo_session__finish(session), 0, "finish");
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_retrieve(device, names[1]);
	char text[10] = "";
	int fd, left = -1;

	handler_attach("fifo");
	fd = must(luo_session__retrieve_fd(session, 1), "retrieve");
	must(ioctl(fd, FIONREAD, &left) ? -errno : 0, "FIONREAD");
	check_eq(left, 4, "what was in it is there, once");
	check(read(fd, text, sizeof(text)) == 4 && text[0] == 'o' && text[3] == 'e', "as it was");
	check_eq(luo_session__finish(session), 0, "finish");
	check_linked(device);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
