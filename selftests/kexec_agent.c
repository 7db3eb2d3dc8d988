// SPDX-License-Identifier: GPL-2.0
/*
 * The agent dies: before the kexec that undoes its session; after it the
 * session goes back, with its files as they are by then.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define SIZE KIB(64)

/* Runs @fn in a child until it is killed. */
struct agent {
	pid_t pid;
	int pipe;
};

static struct agent agent_start(bool (*fn)(void *arg), void *arg, const char *what)
{
	struct agent agent;
	int fds[2];
	char ok = 0;

	must(pipe(fds), "pipe");
	fflush(NULL);
	agent.pid = must(fork(), "fork");
	if (!agent.pid) {
		ok = fn(arg);
		if (write(fds[1], &ok, 1) == 1)
			pause();
		_exit(1);
	}
	close(fds[1]);
	agent.pipe = fds[0];
	check(read(agent.pipe, &ok, 1) == 1 && ok, "%s", what);
	return agent;
}

static void agent_kill(struct agent agent)
{
	kill(agent.pid, SIGKILL);
	waitpid(agent.pid, NULL, 0);
	close(agent.pipe);
}

static bool preserve_and_wait(void *arg)
{
	int luo = luo_open(), session = luo_create(luo, arg);

	return !luo_preserve(session, mem_filled("agent", 0, SIZE, 1), 1);
}

static void before(void)
{
	struct agent agent = agent_start(preserve_and_wait, "dies before",
					 "before: the agent preserves a file");
	int luo, session;

	agent_kill(agent);
	luo = must(luo_open(), "/dev/liveupdate");
	session = must(luo_create(luo, "dies after"), "create");
	for (int i = 1; i <= 3; i++)
		must(luo_preserve(session, mem_filled("agent", 0, SIZE, i), i), "preserve");
}

static ino_t *shared_ino;

static bool retrieve_and_write(void *arg)
{
	int luo = luo_open(), session = luo_retrieve(luo, arg);
	int fd = luo_retrieve_fd(session, 1);
	struct stat st;

	if (fd < 0 || !mem_is(fd, 0, SIZE, 1) || fstat(fd, &st))
		return false;
	mem_fill(fd, KIB(32), KIB(32), 4);
	lseek(fd, 33, SEEK_SET);
	*shared_ino = st.st_ino;
	return true;
}

static void check_back(int session)
{
	int fd = luo_retrieve_fd(session, 1);
	struct stat st = { };

	if (!check(fd >= 0, "back: the file that the dead agent had"))
		return;
	fstat(fd, &st);
	check_eq(st.st_ino, *shared_ino, "back: the very same file");
	check(mem_is(fd, 0, KIB(32), 1), "back: what it held");
	check(mem_is(fd, KIB(32), KIB(32), 4), "back: and what was written since");
	check_eq(lseek(fd, 0, SEEK_CUR), 33, "back: at its position");
	close(fd);
	fd = luo_retrieve_fd(session, 2);
	check(fd >= 0 && mem_is(fd, 0, SIZE, 2), "back: a file it had not retrieved");
	close(fd);
}

static bool hold(void *arg)
{
	(void)arg;
	return true;
}

static void check_elsewhere(int luo, int session)
{
	struct agent agent = agent_start(hold, NULL, "elsewhere: another process has the session");

	close(session);
	check_eq(luo_retrieve(luo, "dies after"), -EBUSY, "elsewhere: so it is busy");
	agent_kill(agent);
	session = luo_retrieve(luo, "dies after");
	check(session >= 0, "elsewhere: back when that one dies");
	close(session);
}

static void after(void)
{
	int luo, session, fd;
	struct agent agent;

	shared_ino = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	agent = agent_start(retrieve_and_write, "dies after", "after: the agent retrieves a file");
	agent_kill(agent);

	luo = must(luo_open(), "/dev/liveupdate");
	check_eq(luo_retrieve(luo, "dies before"), -ENOENT, "before: its session did not come along");
	session = luo_retrieve(luo, "dies after");
	check(session >= 0, "back: the session");
	check_back(session);
	check_elsewhere(luo, session);

	session = luo_retrieve(luo, "dies after");
	check_back(session);
	fd = luo_retrieve_fd(session, 3);
	check_eq(luo_finish(session), 0, "finish");
	check_eq(luo_retrieve(luo, "dies after"), -ENOENT, "finish: ends it, with its fd still open");
	close(session);
	check_eq(luo_retrieve(luo, "dies after"), -ENOENT, "finish: and for good");
	check(mem_is(fd, 0, SIZE, 3), "finish: a retrieved file stays");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
