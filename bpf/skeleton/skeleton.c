// SPDX-License-Identifier: GPL-2.0
/* The skeleton handler through a kexec: what its contract says survives. */
#include <errno.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"

/* TODO: a file of the type, in a state that can be told again. */
static int make_file(void)
{
	return -EOPNOTSUPP;
}

/* TODO: whether it is as make_file() left it. */
static bool is_as_it_was(int fd)
{
	return fd < 0;
}

static void before(void)
{
	struct luo_session *session = session_create(device_open(), "skeleton");
	int fd;

	handler_attach("skeleton");
	check(true, "the handler attaches");
	fd = make_file();
	if (!check(fd >= 0, "there is a file: write this test"))
		tap_finish();
	check_eq(luo_session__preserve_fd(session, fd, 1), 0, "preserve");
	/* TODO: change the file once more, for what counts is how it is frozen. */
}

static void after(void)
{
	struct luo_session *session = session_retrieve(device_open(), "skeleton");
	int fd;

	handler_attach("skeleton");
	fd = luo_session__retrieve_fd(session, 1);
	check(fd >= 0 && is_as_it_was(fd), "it is back as it was (%d)", fd);
	check_eq(luo_session__finish(session), 0, "finish");
	close(fd);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
