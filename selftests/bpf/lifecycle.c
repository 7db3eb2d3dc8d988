// SPDX-License-Identifier: GPL-2.0
/* Every callback of a handler in every role: when it is called, with what, and failing. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "progs/probe.h"
#include "handler.h"
#include "tap.h"
#include "vm.h"

#define SESSION "lifecycle"
#define FILES 6

static struct luo_handler *handler;
static struct probe_control *probe;

static void load_probe(void)
{
	handler = handler_open("probe");
	must(luo_handler__attach(handler), "attach probe");
	must(luo_handler__pin(handler, NULL), "pin probe");
	probe = handler_variable(handler, "probe");
}

static int counted(uint64_t count)
{
	return must(eventfd(count, EFD_NONBLOCK), "eventfd");
}

static int64_t take(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? (int64_t)n : -errno;
}

/* Is the session's report of this failure? */
static void check_report(struct luo_session *session, uint64_t token, const char *callback,
			 int err, const char *message)
{
	struct luo_report report = { .sz = sizeof(report) };
	int ret = luo_session__report(session, &report);

	check(!ret && report.error == err && report.token == token &&
	      !strcmp(report.handler, "bpf:probe-v1") && !strcmp(report.callback, callback) &&
	      !strcmp(report.message, message), "%s: reported", callback);
	if (ret)
		tap_note("  no report: %d", ret);
	else
		tap_note("  %s in %s: %d %s", report.handler, report.callback, report.error,
			 report.message);
}

static void preserve_fails(struct luo_session *session)
{
	int fd = counted(1);

	probe->fail[PROBE_CAN_PRESERVE] = 1;
	check_eq(luo_session__preserve_fd(session, fd, 1), -ENOENT, "can_preserve: no");
	probe->fail[PROBE_CAN_PRESERVE] = 0;
	check_eq(probe->calls[PROBE_PRESERVE], 0, "preserve: then not called");

	handler_log_mark();
	probe->fail[PROBE_PRESERVE] = -EUCLEAN;
	check_eq(luo_session__preserve_fd(session, fd, 1), -EUCLEAN, "preserve: fails as it says");
	check_report(session, 1, "preserve", -EUCLEAN, "preserve was told to fail");
	check(handler_logged("bpf:probe-v1.*preserve of token 1.*preserve was told to fail"),
	      "preserve: the library says why");
	check_eq(vm_log_count("bpf:probe-v1.*preserve.*preserve was told to fail"), 1,
		 "preserve: so does the kernel");
	probe->fail[PROBE_PRESERVE] = 7;
	check_eq(luo_session__preserve_fd(session, fd, 1), -EINVAL, "preserve: 7 is no errno");
	probe->fail[PROBE_PRESERVE] = -100000;
	check_eq(luo_session__preserve_fd(session, fd, 1), -EINVAL, "preserve: nor is -100000");
	probe->fail[PROBE_PRESERVE] = 0;
	check_eq(probe->calls[PROBE_UNPRESERVE], 0, "unpreserve: not called for what failed");
	close(fd);
}

static void unpreserved(struct luo_device *device)
{
	struct luo_session *session = session_create(device, "given up");
	int fd = counted(1);

	check_eq(luo_session__preserve_fd(session, fd, 0x123456789abcdef0), 0, "preserve");
	check(probe->token == 0x123456789abcdef0 && !strcmp(probe->session, "given up") &&
	      probe->version == 1, "preserve: token, session and version");
	check_eq(probe->f_flags & O_NONBLOCK, O_NONBLOCK, "preserve: flags of the file");
	luo_session__close(session);
	check_eq(probe->calls[PROBE_UNPRESERVE], 1, "unpreserve: called when the session goes");
	check_eq(probe->calls[PROBE_FINISH], 0, "finish: not called in the old kernel");
	close(fd);
}

static void before(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_create(device, SESSION);

	vm_log_mark();
	load_probe();
	preserve_fails(session);
	unpreserved(device);
	for (int i = 0; i < FILES; i++)
		must(luo_session__preserve_fd(session, counted(100 + i), i), "preserve %d", i);

	memset(probe->calls, 0, sizeof(probe->calls));
	probe->fail[PROBE_FREEZE] = -ENOSPC;
	check_eq(vm_kexec(), -ENOSPC, "freeze: fails as it says, and no kexec");
	probe->fail[PROBE_FREEZE] = 0;
	check_eq(probe->calls[PROBE_FREEZE], 1, "freeze: none after the one that failed");
	check_eq(probe->calls[PROBE_UNFREEZE], 0, "unfreeze: only what was frozen");
	check_eq(probe->calls[PROBE_UNPRESERVE], 0, "unpreserve: not by that");
}

static void retrieve_fails(struct luo_session *session)
{
	static const struct {
		int way, err;
		const char *what;
	} ways[] = {
		{ PROBE_NO_FILE, -EIO, "no file" },
		{ PROBE_WRONG_FILE, -EPERM, "a file of another type" },
		{ PROBE_TWO_FILES, -EBUSY, "two files" },
		{ PROBE_FILE_AND_ERROR, -EIO, "a file and an error" },
	};

	probe->fail[PROBE_RETRIEVE] = -EUCLEAN;
	check_eq(luo_session__retrieve_fd(session, 1), -EUCLEAN, "retrieve: fails as it says");
	check_report(session, 1, "retrieve", -EUCLEAN, "retrieve was told to fail");
	check_eq(luo_session__retrieve_fd(session, 1), -EUCLEAN, "retrieve: and again");
	check_eq(probe->calls[PROBE_RETRIEVE], 2, "retrieve: asked both times");
	probe->fail[PROBE_RETRIEVE] = 0;

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		probe->retrieve = ways[i].way;
		check_eq(luo_session__retrieve_fd(session, 1), ways[i].err, "retrieve: %s",
			 ways[i].what);
	}
	probe->retrieve = PROBE_RIGHT;
	check_eq(take(luo_session__retrieve_fd(session, 1)), 101, "retrieve: and then works");
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_retrieve(device, SESSION);
	int calls;

	load_probe();
	retrieve_fails(session);
	check(probe->token == 1 && !strcmp(probe->session, SESSION) && probe->version == 1,
	      "retrieve: token, session and version");
	check_eq(probe->f_flags & O_NONBLOCK, O_NONBLOCK, "retrieve: flags as recorded");
	calls = probe->calls[PROBE_RETRIEVE];
	must(luo_session__retrieve_fd(session, 1), "retrieve again");
	check_eq(probe->calls[PROBE_RETRIEVE], calls, "retrieve: once, however often it is asked for");
	check_eq(take(luo_session__retrieve_fd(session, 3)), 103, "retrieve: another");
	probe->fail[PROBE_RETRIEVE] = -EIO;
	check_eq(luo_session__retrieve_fd(session, 4), -EIO, "retrieve: one that fails");

	probe->fail[PROBE_CAN_FINISH] = 1;
	check_eq(luo_session__finish(session), -EBUSY, "can_finish: no");
	check_eq(probe->calls[PROBE_FINISH], 0, "finish: then not called for any");
	probe->fail[PROBE_CAN_FINISH] = 0;
	check_eq(luo_session__finish(session), 0, "finish");
	check_eq(probe->calls[PROBE_FINISH], FILES, "finish: called for each");
	check_eq(probe->calls[PROBE_PRESERVE] + probe->calls[PROBE_UNPRESERVE], 0,
		 "preserve, unpreserve: not called in the new kernel");
	check_eq(luo_handler__detach(handler), 0, "detach");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
