// SPDX-License-Identifier: GPL-2.0
/*
 * A driver in a module: with a native handler, with a handler in BPF that uses what
 * the driver exports, and with one that is attached before the driver comes and stays
 * when it goes.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define NATIVE 1
#define BPF 2

static struct luo_device *device;

static int unload(void)
{
	return vm_rmmod("luo_testfh");
}

/* Which handler takes a file of the driver now? */
static bool taken_by(const char *handler)
{
	struct luo_session *session = session_create(device, "who");
	int fd = testfh_open(1);
	bool native;

	vm_log_mark();
	must(luo_session__preserve_fd(session, fd, 1), "preserve");
	native = testfh_calls("preserve 1");
	luo_session__close(session);
	close(fd);
	return native == !strcmp(handler, "native");
}

static void come_and_go(void)
{
	handler_attach("testfh_path");
	check(access("/dev/luo_test", F_OK), "attached before the driver comes");
	for (int i = 0; i < 3; i++) {
		testfh_load("");
		check(taken_by("bpf"), "the handler takes its files");
		check_eq(unload(), 0, "the driver goes");
	}
	check_eq(handler_detach("test-path-v1"), 0, "detach");
	testfh_load("");
	check(taken_by("native"), "without it, the driver's own does");
}

/* Programs that use a module's functions hold it. */
static void use_of_module(void)
{
	handler_attach("testfh");
	check(taken_by("bpf"), "the handler that uses the driver's kfuncs takes its files");
	check_eq(unload(), -EWOULDBLOCK, "the driver can't go");
	check_eq(handler_detach("test-driver-v1"), 0, "detach");
	for (int i = 0; i < 100 && unload(); i++)
		usleep(20000);
	check(access("/dev/luo_test", F_OK), "then it can");
	handler_log_mark();
	check(handler_try("testfh") < 0, "without the driver, the handler does not load");
	testfh_load("");
}

static void before(void)
{
	struct luo_session *session;

	device = device_open();
	come_and_go();
	use_of_module();

	session = session_create(device, "both");
	must(luo_session__preserve_fd(session, testfh_open(11), NATIVE), "preserve");
	handler_attach("testfh");
	must(luo_session__preserve_fd(session, testfh_open(22), BPF), "preserve");
}

static void after(void)
{
	struct luo_session *session;

	device = device_open();
	session = session_retrieve(device, "both");
	check_eq(luo_session__retrieve_fd(session, NATIVE), -EUNATCH, "no driver: the native one");
	check_eq(luo_session__retrieve_fd(session, BPF), -EUNATCH, "no driver: the one in BPF");
	testfh_load("");
	check_eq(testfh_number(luo_session__retrieve_fd(session, NATIVE)), 11, "the native one");
	handler_attach("testfh");
	check_eq(testfh_number(luo_session__retrieve_fd(session, BPF)), 22, "the one in BPF");
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
