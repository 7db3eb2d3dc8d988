// SPDX-License-Identifier: GPL-2.0
/* The timerfd handler, as it is, without a kernel: what time does to a timer. */
#include <stddef.h>

#include "bpf/handlers/timerfd.bpf.c"

#include "kselftest.h"

#define SECOND 1000000000LL
#define NOW (1800000000LL * SECOND)	/* at the freeze */
#define MONOTONIC 1
#define REALTIME 0
#define ABSTIME 1
#define CANCEL 2

static struct luo_bpf_ctx luo;
static struct file file;

/* The state of a timer after a kexec that took @gone. */
static int after(const struct luo_timerfd *before, s64 gone)
{
	shim_reset();
	shim.realtime = NOW;
	shim.timer = *before;
	if (timerfd.preserve(&luo, &file) || timerfd.freeze(&luo, &file))
		return 1;
	shim_kexec();
	shim.realtime = NOW + gone;
	memset(&shim.timer, 0, sizeof(shim.timer));
	return timerfd.retrieve(&luo);
}

static bool same(const struct luo_timerfd *before)
{
	return !memcmp(before, &shim.timer, sizeof(*before));
}

static bool test_running(void)
{
	struct luo_timerfd t = {
		.expires = 107 * SECOND, .remaining = 100 * SECOND,
		.clockid = MONOTONIC, .armed = 1,
	};

	if (after(&t, 3 * SECOND) || shim.timer.remaining != 97 * SECOND || shim.timer.ticks)
		return false;
	t.remaining = S64_MAX;
	return !after(&t, 3 * SECOND) && shim.timer.remaining == S64_MAX - 3 * SECOND;
}

static bool test_expired(void)
{
	struct luo_timerfd t = {
		.remaining = 2 * SECOND, .clockid = MONOTONIC, .armed = 1, .ticks = 5,
	};

	/* It is armed so that it expires at once: the kernel counts it. */
	if (after(&t, 3 * SECOND) || shim.timer.remaining != 1 || shim.timer.ticks != 5)
		return false;
	t.remaining = -7 * SECOND;
	if (after(&t, 3 * SECOND) || shim.timer.remaining != 1)
		return false;
	t.armed = 0;
	return !after(&t, 3 * SECOND) && !shim.timer.armed && shim.timer.ticks == 5;
}

static bool periodic(s64 remaining, s64 interval, s64 gone, u64 ticks, s64 next)
{
	struct luo_timerfd t = {
		.remaining = remaining, .interval = interval, .clockid = MONOTONIC,
		.armed = 1, .ticks = 10,
	};

	return !after(&t, gone) && shim.timer.ticks == 10 + ticks &&
	       shim.timer.remaining == next && shim.timer.interval == interval;
}

static bool test_periodic(void)
{
	return periodic(2 * SECOND, SECOND, SECOND, 0, SECOND) &&
	       periodic(2 * SECOND, SECOND, 2 * SECOND, 1, SECOND) &&
	       periodic(2 * SECOND, SECOND, 2 * SECOND + 1, 1, SECOND - 1) &&
	       periodic(2 * SECOND, SECOND, 5 * SECOND, 4, SECOND) &&
	       /* Expired before, and not restarted since */
	       periodic(-SECOND / 2, SECOND, 0, 1, SECOND / 2) &&
	       periodic(-SECOND, 1, 0, SECOND + 1, 1) &&
	       periodic(-1, S64_MAX, 0, 1, S64_MAX - 1);
}

static bool test_wall(void)
{
	struct luo_timerfd t = {
		.expires = NOW + 10 * SECOND, .remaining = 10 * SECOND, .clockid = REALTIME,
		.flags = ABSTIME, .armed = 1, .wall = 1, .interval = 4 * SECOND,
	};

	if (after(&t, 3 * SECOND) || !same(&t))
		return false;
	if (after(&t, 15 * SECOND) || shim.timer.ticks != 2 ||
	    shim.timer.expires != NOW + 18 * SECOND)
		return false;
	t.interval = S64_MAX;
	if (after(&t, 15 * SECOND) || shim.timer.ticks != 1 || shim.timer.expires != S64_MAX)
		return false;
	t.interval = 0;
	t.expires = 1;
	return !after(&t, 15 * SECOND) && shim.timer.expires == 1 && !shim.timer.ticks;
}

/* The wall clock has gone backwards. */
static bool test_backwards(void)
{
	struct luo_timerfd t = {
		.remaining = 100 * SECOND, .clockid = MONOTONIC, .armed = 1,
	};

	if (after(&t, -NOW) || !same(&t))
		return false;
	t = (struct luo_timerfd){
		.expires = NOW + SECOND, .clockid = REALTIME, .flags = ABSTIME | CANCEL,
		.armed = 1, .wall = 1,
	};
	if (after(&t, -1) || !shim.timer.cancelled || shim.timer.ticks != 1)
		return false;
	/* Once is enough. */
	t.cancelled = 1;
	t.ticks = 1;
	if (after(&t, -1) || !same(&t))
		return false;
	t.flags = ABSTIME;
	t.cancelled = 0;
	return !after(&t, -1) && same(&t);
}

static int damaged(size_t offset, size_t size, u64 value)
{
	struct luo_timerfd t = { .remaining = SECOND, .clockid = MONOTONIC, .armed = 1 };

	if (after(&t, 0))
		return 1;
	memcpy(shim.state + offset, &value, size);
	shim.set = NULL;
	shim.report[0] = '\0';
	return timerfd.retrieve(&luo);
}

#define DAMAGED(member, value) \
	(damaged(offsetof(struct timerfd_state, member), \
		 sizeof(((struct timerfd_state *)0)->member), value) == -EUCLEAN && \
	 !shim.set && shim.report[0])

static bool test_damage(void)
{
	if (!DAMAGED(interval, -1) || !DAMAGED(realtime, -1) || !DAMAGED(armed, 2) ||
	    !DAMAGED(wall, 2) || !DAMAGED(cancelled, 2) || !DAMAGED(remaining, 1ULL << 63))
		return false;
	/* What is of the right form is for the kernel to refuse. */
	return !damaged(offsetof(struct timerfd_state, realtime), 8, S64_MAX) &&
	       !damaged(offsetof(struct timerfd_state, realtime), 8, 0) &&
	       !damaged(offsetof(struct timerfd_state, clockid), 4, 77);
}

static bool test_failures(void)
{
	struct luo_timerfd t = { .remaining = SECOND, .clockid = MONOTONIC, .armed = 1 };

	shim_reset();
	shim.no_state = -ENOMEM;
	if (timerfd.preserve(&luo, &file) != -ENOMEM || after(&t, 0))
		return false;
	shim.set = NULL;
	shim.no_file = -EPERM;
	return timerfd.retrieve(&luo) == -EPERM && !shim.set;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(7);
	ksft_test_result(test_running(), "time goes on\n");
	ksft_test_result(test_expired(), "and is over\n");
	ksft_test_result(test_periodic(), "periodic timers count\n");
	ksft_test_result(test_wall(), "a time of day stays one\n");
	ksft_test_result(test_backwards(), "a clock that goes backwards\n");
	ksft_test_result(test_damage(), "a damaged record is refused, or harmless\n");
	ksft_test_result(test_failures(), "failures\n");
	shim_reset();
	ksft_finished();
}
