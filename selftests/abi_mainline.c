// SPDX-License-Identifier: GPL-2.0
/*
 * liveupdate.abi=mainline: what mainline's kernel could not read is refused, with a line
 * in the log that says why; and nothing is left of the attempt.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define PARAMETER "/sys/module/liveupdate/parameters/abi"
#define REGISTER "mkdir -p /sys/fs/bpf/luo && " \
	"bpftool struct_ops register /handlers/eventfd.bpf.o /sys/fs/bpf/luo"
#define NO_HANDLER "mainline has no such handler"

static int session;

static void check_refused(int fd, const char *what, const char *log)
{
	struct liveupdate_session_get_report report = { .size = sizeof(report) };
	long kho = must(kho_preserved(), "count what KHO preserves");

	vm_log_mark();
	check_eq(luo_preserve(session, fd, 99), -EOPNOTSUPP, "%s: refused", what);
	check_eq(vm_log_count(log), 1, "%s: the log says why", what);
	check_eq(vm_log_count("^(memfd_)?luo: "), 1, "%s: in one line", what);
	check(!luo_ioctl(session, LIVEUPDATE_SESSION_GET_REPORT, &report) &&
	      report.error == EOPNOTSUPP && report.token == 99 && report.message[0],
	      "%s: so does the report: %s", what, (char *)report.message);
	check_eq(kho_preserved() - kho, 0, "%s: bytes left preserved", what);
	close(fd);
}

static int open_again(int fd, int mode)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return must(open(path, mode | O_CLOEXEC), "open %s", path);
}

static void check_handlers(void)
{
	testfh_load("");
	check_refused(testfh_open(1), "handler of a module", NO_HANDLER);
	check_eq(luo_preserve(session, eventfd(0, EFD_CLOEXEC), 1), -ENOENT, "no handler");
	must(system(REGISTER) ? -EIO : 0, "load a handler in BPF");
	check_refused(eventfd(0, EFD_CLOEXEC), "handler in BPF", NO_HANDLER);
}

static void check_memfds(void)
{
	int fd = mem_filled("memfd", 0, KIB(8), 1), huge;

	check_refused(open_again(fd, O_RDONLY), "read-only", "open to read and write");
	check_refused(open_again(fd, O_WRONLY), "write-only", "open to read and write");
	huge = memfd_create("huge", MFD_HUGETLB | MFD_CLOEXEC);
	if (huge >= 0)
		check_refused(huge, "hugetlb", "hugetlbfs");
	else
		tap_skip("hugetlb: %m");
	check_eq(luo_preserve(session, fd, 99), 0, "a memfd that can be said");
}

/* Given up, it is as it was, and KHO preserves what it did. */
static void check_undone(int luo)
{
	long kho = must(kho_preserved(), "count what KHO preserves");
	int undone = must(luo_create(luo, "undone"), "create");
	int fd = mem_filled("undone", 0, MIB(3), 1);
	char bytes[32] = "";

	must(luo_preserve(undone, fd, 1), "preserve");
	luo_fdinfo(undone, "luo-bytes", bytes, sizeof(bytes));
	/* The record, a chunk, the array of 768 folios, and these. */
	check_eq(atol(bytes), MIB(3) + 5 * page_size(), "undone: bytes in fdinfo");
	check(kho_preserved() - kho >= atol(bytes), "undone: %ld KiB preserved",
	      (kho_preserved() - kho) / 1024);
	check(ftruncate(fd, MIB(4)) && errno == EPERM, "undone: its size is fixed");
	close(undone);
	check_eq(kho_preserved() - kho, 0, "undone: bytes left preserved");
	check(!ftruncate(fd, MIB(4)) && mem_is(fd, 0, MIB(3), 1), "undone: as it was");
	close(fd);
}

int main(void)
{
	char value[32] = "";
	int luo;

	tap_start(true, 0);
	read_file(PARAMETER, value, sizeof(value));
	check(!strcmp(value, "mainline"), PARAMETER " says '%s'", value);
	luo = must(luo_open(), "/dev/liveupdate");
	session = must(luo_create(luo, "mainline"), "create");
	check_undone(luo);
	check_handlers();
	check_memfds();
	tap_finish();
}
