// SPDX-License-Identifier: GPL-2.0
/*
 * Which file of a FIFO takes along what is in it: the one that is frozen first, until it is
 * unpreserved. A kexec is refused in between. /data is on a disk.
 */
#include <errno.h>
#include <fcntl.h>
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
}

static void after(void)
{
	struct luo_session *session = session_retrieve(device_open(), names[1]);
	char text[10] = "";
	int fd, left = -1;

	handler_attach("fifo");
	fd = must(luo_session__retrieve_fd(session, 1), "retrieve");
	must(ioctl(fd, FIONREAD, &left) ? -errno : 0, "FIONREAD");
	check_eq(left, 4, "what was in it is there, once");
	check(read(fd, text, sizeof(text)) == 4 && text[0] == 'o' && text[3] == 'e', "as it was");
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
