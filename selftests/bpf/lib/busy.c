// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "busy.h"
#include "tap.h"
#include "vm.h"

void wait_for_sleep(pid_t child)
{
	char path[64], text[256], *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", child);
	for (int asleep = 0; asleep < 20; usleep(5000)) {
		must(read_file(path, text, sizeof(text)), "%s", path);
		state = strrchr(text, ')');
		if (!state || state[2] == 'Z')
			tap_bail("the child that should sleep has ended: %s", text);
		asleep = state[2] == 'S' || state[2] == 'D' ? asleep + 1 : 0;
	}
}

/* Who waits for the idle socket has it. */
pid_t hold_pipe(int fd)
{
	int idle[2];
	pid_t child;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, idle) ? -errno : 0, "socketpair");
	child = must(fork(), "fork");
	if (!child) {
		splice(idle[0], NULL, fd, NULL, 4096, 0);
		_exit(1);
	}
	wait_for_sleep(child);
	return child;
}

/* Memory that does not come; or NULL */
static void *held_back(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int uffd = syscall(SYS_userfaultfd, 0);

	range.range.start = (unsigned long)page;
	range.range.len = 4096;
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &range))
		return NULL;
	return page;
}

static pid_t hold(int fd, void (*fn)(int fd, void *page))
{
	pid_t child = must(fork(), "fork");
	void *page;

	if (!child) {
		page = held_back();
		if (page)
			fn(fd, page);
		_exit(1);
	}
	wait_for_sleep(child);
	return child;
}

static void take_events(int epoll, void *page)
{
	epoll_wait(epoll, page, 1, -1);
}

static void write_page(int fd, void *page)
{
	(void)!write(fd, page, 4096);
}

pid_t hold_epoll(int epoll)
{
	return hold(epoll, take_events);
}

pid_t hold_file(int fd)
{
	return hold(fd, write_page);
}

void let_go(pid_t child)
{
	kill(child, SIGKILL);
	must(waitpid(child, NULL, 0) == child ? 0 : -errno, "waitpid");
}
