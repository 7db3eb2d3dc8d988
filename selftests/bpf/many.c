// SPDX-License-Identifier: GPL-2.0
/*
 * Two handlers, FILES files each, in one session, retrieved in random order.
 *
 *	bpf_many FILES
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"

#define SESSION "many"

static int files;

static void attach_both(void)
{
	handler_attach("eventfd");
	handler_attach("zero");
}

static void before(void)
{
	struct luo_session *session = session_create(device_open(), SESSION);

	attach_both();
	for (int i = 0; i < files; i++) {
		int count = must(eventfd(i, 0), "eventfd");
		int zero = must(open("/dev/zero", O_RDWR), "/dev/zero");

		must(luo_session__preserve_fd(session, count, 2 * i), "preserve eventfd %d", i);
		must(luo_session__preserve_fd(session, zero, 2 * i + 1), "preserve zero %d", i);
		close(count);
		close(zero);
	}
}

static bool is_right(int fd, int token)
{
	struct stat st;
	uint64_t n;

	if (token & 1)
		return !fstat(fd, &st) && st.st_rdev == makedev(1, 5);
	if (!token)
		return fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && read(fd, &n, sizeof(n)) < 0;
	return read(fd, &n, sizeof(n)) == sizeof(n) && n == (uint64_t)token / 2;
}

static void after(void)
{
	struct luo_session *session = session_retrieve(device_open(), SESSION);
	int *tokens = calloc(2 * files, sizeof(*tokens)), bad = 0;

	attach_both();
	srandom(1);
	for (int i = 0; i < 2 * files; i++) {
		int j = random() % (i + 1);

		tokens[i] = tokens[j];
		tokens[j] = i;
	}
	for (int i = 0; i < 2 * files; i++) {
		int fd = luo_session__retrieve_fd(session, tokens[i]);

		bad += fd < 0 || !is_right(fd, tokens[i]);
		close(fd);
	}
	check_eq(bad, 0, "files of two handlers that are not right, of %d", 2 * files);
	check_eq(luo_session__finish(session), 0, "finish");
	free(tokens);
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };
	struct rlimit limit = { 1 << 16, 1 << 16 };

	files = argc > 1 ? atoi(argv[1]) : 1000;
	setrlimit(RLIMIT_NOFILE, &limit);
	vm_run_stages(stages, 2);
}
