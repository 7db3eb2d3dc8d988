// SPDX-License-Identifier: GPL-2.0
/* Files that need other files of their session: in any order, in circles, in long chains. */
#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"

#define DEPTH 8		/* of the kernel: so many in a row are retrieved by one call */
#define LONG 1000
#define NONE UINT64_MAX

/* Tokens: one range for each case */
#define FORWARD	0UL
#define BACK	100
#define DEEP	200
#define CIRCLE	300
#define SELF	400
#define MISSING	500
#define CHAIN	1000

static void preserve(struct luo_session *session, uint64_t token, uint64_t needs)
{
	int fd = must(eventfd(0, 0), "eventfd");
	uint64_t count = (needs + 1) << 32 | (token + 1);

	must(write(fd, &count, sizeof(count)) == sizeof(count) ? 0 : -errno, "write");
	must(luo_session__preserve_fd(session, fd, token), "preserve %ju", (uintmax_t)token);
	close(fd);
}

static void before(void)
{
	struct luo_session *session = session_create(device_open(), "order");

	handler_attach("chain");
	/* The one that is needed is preserved before, and after. */
	preserve(session, BACK, NONE);
	preserve(session, BACK + 1, BACK);
	preserve(session, FORWARD, FORWARD + 1);
	preserve(session, FORWARD + 1, NONE);
	for (int i = 0; i <= DEPTH; i++)
		preserve(session, DEEP + i, i < DEPTH ? DEEP + i + 1UL : NONE);
	for (int i = 0; i < 3; i++)
		preserve(session, CIRCLE + i, CIRCLE + (i + 1) % 3);
	preserve(session, SELF, SELF);
	preserve(session, MISSING, MISSING + 1);
	for (int i = 0; i < LONG; i++)
		preserve(session, CHAIN + i, i < LONG - 1 ? CHAIN + i + 1UL : NONE);
}

static bool is_right(int fd, uint64_t token)
{
	uint64_t n;

	return fd >= 0 && read(fd, &n, sizeof(n)) == sizeof(n) && (uint32_t)n == token + 1;
}

static void after(void)
{
	struct luo_session *session = session_retrieve(device_open(), "order");
	int bad = 0;

	handler_attach("chain");
	check(is_right(luo_session__retrieve_fd(session, BACK + 1), BACK + 1),
	      "needs an earlier one");
	check(is_right(luo_session__retrieve_fd(session, BACK), BACK), "which is there");
	check(is_right(luo_session__retrieve_fd(session, FORWARD), FORWARD), "needs a later one");
	check(is_right(luo_session__retrieve_fd(session, FORWARD + 1), FORWARD + 1),
	      "which is there");
	check_eq(luo_session__retrieve_fd(session, CIRCLE), -ELOOP, "a circle of three");
	check_eq(luo_session__retrieve_fd(session, CIRCLE + 1), -ELOOP, "from another side");
	check_eq(luo_session__retrieve_fd(session, SELF), -ELOOP, "a circle of one");
	check_eq(luo_session__retrieve_fd(session, MISSING), -ENOENT, "needs one that is not there");

	check_eq(luo_session__retrieve_fd(session, DEEP), -ELOOP, "%d in a row", DEPTH + 1);
	check(is_right(luo_session__retrieve_fd(session, DEEP + 1), DEEP + 1), "%d in a row",
	      DEPTH);
	check(is_right(luo_session__retrieve_fd(session, DEEP), DEEP), "and then the one before");

	check_eq(luo_session__retrieve_fd(session, CHAIN), -ELOOP, "%d in a row", LONG);
	for (int i = LONG - 1; i >= 0; i--)
		bad += !is_right(luo_session__retrieve_fd(session, CHAIN + i), CHAIN + i);
	check_eq(bad, 0, "from their end: not right");
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };
	struct rlimit limit = { 1 << 13, 1 << 13 };

	setrlimit(RLIMIT_NOFILE, &limit);
	vm_run_stages(stages, 2);
}
