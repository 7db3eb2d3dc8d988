// SPDX-License-Identifier: GPL-2.0
/* The agent is killed, at each step that it takes with a BPF handler. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handler.h"
#include "progs/probe.h"
#include "tap.h"
#include "vm.h"

#define SESSION "agent"

static struct luo_device *device;
static struct probe_control *probe;

static int add_eventfd(struct luo_session *session, uint64_t count)
{
	int fd = eventfd(count, 0);
	int err = luo_session__preserve_fd(session, fd, count);

	return err ?: fd;
}

static int64_t take(int fd)
{
	uint64_t n;

	return fd < 0 ? fd : read(fd, &n, sizeof(n)) == sizeof(n) ? (int64_t)n : -errno;
}

/* Steps end with the process. */
static int die(void)
{
	kill(getpid(), SIGKILL);
	return 1;
}

static int attach_only(void *arg)
{
	struct luo_handler *handler = handler_open("probe");

	(void)arg;
	return luo_handler__attach(handler) ? 1 : die();
}

static int attach_and_pin(void *arg)
{
	(void)arg;
	handler_attach("eventfd");
	return die();
}

static int preserve_two(void *arg)
{
	struct luo_session *session = luo_session__create(device, SESSION);

	(void)arg;
	if (!session || add_eventfd(session, 1) < 0 || add_eventfd(session, 2) < 0)
		return 1;
	return die();
}

static int retrieve_one(void *arg)
{
	struct luo_session *session = luo_session__retrieve(device, SESSION);

	(void)arg;
	if (!session || luo_session__retrieve_fd(session, 1) < 0)
		return 1;
	return die();
}

static int retrieve_and_take(void *arg)
{
	struct luo_session *session = luo_session__retrieve(device, SESSION);

	(void)arg;
	if (!session || take(luo_session__retrieve_fd(session, 2)) != 2)
		return 1;
	return die();
}

static int attached(const struct luo_handler_info *info, void *ctx)
{
	(void)info;
	(*(int *)ctx)++;
	return 0;
}

static int count_attached(void)
{
	int count = 0;

	luo_handler__list(attached, &count);
	return count;
}

static void before(void)
{
	struct luo_handler *handler;
	struct luo_session *session;

	device = device_open();
	check_eq(vm_in_child(attach_only, NULL), -SIGKILL, "killed after attaching");
	check_eq(count_attached(), 0, "the handler is gone with it");
	check_eq(vm_in_child(attach_and_pin, NULL), -SIGKILL, "killed after pinning");
	check_eq(count_attached(), 1, "the handler stays");
	check_eq(handler_detach("eventfd-v1"), 0, "for someone else to detach");

	handler = handler_open("probe");
	must(luo_handler__attach(handler), "attach probe");
	probe = handler_variable(handler, "probe");
	check_eq(vm_in_child(preserve_two, NULL), -SIGKILL, "killed with files preserved");
	check_eq(probe->calls[PROBE_UNPRESERVE], 2, "they are given up as it exits");

	session = session_create(device, SESSION);
	must(add_eventfd(session, 1), "preserve");
	must(add_eventfd(session, 2), "preserve");
}

static void after(void)
{
	struct luo_session *session;

	device = device_open();
	handler_attach("probe");
	check_eq(vm_in_child(retrieve_one, NULL), -SIGKILL, "killed with one file retrieved");
	check_eq(vm_in_child(retrieve_and_take, NULL), -SIGKILL, "killed with the other one read");
	session = session_retrieve(device, SESSION);
	check_eq(take(luo_session__retrieve_fd(session, 1)), 1, "the next agent gets the one");
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
