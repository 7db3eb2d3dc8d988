// SPDX-License-Identifier: GPL-2.0
/* A file that refers to another one, which has a token, wherever in the order it comes. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "progs/links.h"
#include "handler.h"
#include "tap.h"
#include "vm.h"

static int watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = must(epoll_create1(0), "epoll_create1");

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "EPOLL_CTL_ADD");
	return epoll;
}

int main(void)
{
	int fd = must(eventfd(0, 0), "eventfd"), epoll = watch(fd), stranger;
	struct luo_device *device = device_open();
	struct luo_session *session = session_create(device, "links");
	struct luo_handler *handler = handler_open("links");
	struct links_control *links;

	tap_start(true, 0);
	handler_attach("eventfd");
	must(luo_handler__attach(handler), "attach links");
	links = handler_variable(handler, "links");

	must(luo_session__preserve_fd(session, epoll, 1), "preserve the epoll file");
	must(luo_session__preserve_fd(session, fd, 0x77), "preserve what it watches");
	check_eq(vm_kexec(), -EBUSY, "freeze looks, and refuses");
	check_eq(links->error, 0, "the file that the epoll file watches has a token");
	check_eq(links->token, 0x77, "that with which it was preserved");
	luo_session__close(session);

	stranger = must(eventfd(0, 0), "eventfd");
	session = session_create(device, "links");
	must(luo_session__preserve_fd(session, watch(stranger), 1), "preserve");
	check_eq(vm_kexec(), -EBUSY, "freeze looks again");
	check_eq(links->error, -ENOENT, "a file that is not preserved has none");

	luo_session__close(session);
	session = session_create(device, "other");
	must(luo_session__preserve_fd(session, stranger, 2), "preserve");
	session = session_create(device, "links");
	must(luo_session__preserve_fd(session, watch(stranger), 1), "preserve");
	check_eq(vm_kexec(), -EBUSY, "freeze looks a third time");
	check_eq(links->error, -ENOENT, "nor has one of another session");
	tap_finish();
}
