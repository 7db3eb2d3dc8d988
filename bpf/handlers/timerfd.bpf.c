// SPDX-License-Identifier: GPL-2.0
/*
 * timerfd_create(2).
 *
 * Survives:	the clock, when it expires, the interval, expirations that were not read,
 *		TFD_TIMER_CANCEL_ON_SET, that the clock was set and nobody has read that,
 *		alarm clocks, and, as for every file, O_NONBLOCK. Time goes on during the
 *		kexec: what expired meanwhile is there to be read, with each expiration of a
 *		periodic timer counted.
 * Does not:	who waits. The time that the clocks of the next kernel show, which begin
 *		anew: only CLOCK_REALTIME goes on. A timer by another clock, or set relative to
 *		CLOCK_REALTIME, expires when the wall clock says that as much time has gone
 *		by, however it was set; an absolute time of CLOCK_MONOTONIC or CLOCK_BOOTTIME
 *		so keeps its moment, not its number.
 * Precision:	that of the wall clock across the kexec. The next kernel reads it from the
 *		hardware, mostly in whole seconds, so timers are late by up to one second, and
 *		by what the hardware's clock is off (NTP in the old kernel keeps it set). Where
 *		the next kernel has no such clock, the time of the kexec counts for nothing. A
 *		timer at a time of day expires by the wall clock, when that is set right, too.
 *		A wall clock that has gone backwards counts as one that was set.
 * Refused:	an alarm clock at retrieve, for who has no CAP_WAKE_ALARM: EPERM.
 *
 * State:	struct timerfd_state below; version 1.
 */
#include "luo_handler.bpf.h"

#define S64_MAX		((__s64)(~0ULL >> 1))

#define TFD_TIMER_CANCEL_ON_SET 2

struct timerfd_state {
	__s64 expires;		/* by its clock */
	__s64 remaining;	/* until then, at @realtime */
	__s64 interval;
	__u64 ticks;		/* expired and not read, but for the one at @expires */
	__s64 realtime;		/* of the freeze */
	__s32 clockid;
	__u32 flags;		/* of timerfd_settime(2) */
	__u32 armed;
	__u32 wall;		/* @expires is a time of day */
	__u32 cancelled;
	__u32 reserved;
};

static int save(struct luo_bpf_ctx *luo, struct file *file)
{
	struct timerfd_state *state = luo_state(luo, struct timerfd_state);
	struct luo_timerfd timer;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	err = bpf_luo_timerfd_save(luo, file, &timer, sizeof(timer));
	if (err)
		return err;

	state->realtime = bpf_luo_realtime(luo);
	state->expires = timer.expires;
	state->remaining = timer.remaining;
	state->interval = timer.interval;
	state->ticks = timer.ticks;
	state->clockid = timer.clockid;
	state->flags = timer.flags;
	state->armed = timer.armed;
	state->wall = timer.wall;
	state->cancelled = timer.cancelled;
	return 0;
}

/* The block is reserved now, so that freeze can't fail. */
int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return save(luo, file);
}

/* It ran, and could be set, until now. */
int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	return save(luo, file);
}

static bool is_sane(const struct timerfd_state *state)
{
	return state->interval >= 0 && state->realtime >= 0 && state->armed <= 1 &&
	       state->wall <= 1 && state->cancelled <= 1 &&
	       (state->wall ? state->expires >= 0 : state->remaining >= -S64_MAX / 2);
}

/* How far @time is in the past tells how often a periodic timer has expired. */
static void catch_up(struct luo_timerfd *timer, __s64 *time, __s64 now)
{
	__u64 late, next;

	if (!timer->armed || *time > now)
		return;
	if (!timer->interval) {
		/* Its time has come: it expires as soon as it is armed. */
		if (*time < 1)
			*time = 1;
		return;
	}
	late = now - *time;
	timer->ticks += late / timer->interval + 1;
	next = timer->interval - late % timer->interval;
	*time = next > (__u64)(S64_MAX - now) ? S64_MAX : now + (__s64)next;
}

/* The wall clock has gone backwards: somebody set it, or the next kernel has none. */
static void cancel(struct luo_timerfd *timer)
{
	if (!(timer->flags & TFD_TIMER_CANCEL_ON_SET) || !timer->wall || timer->cancelled)
		return;
	timer->cancelled = 1;
	timer->ticks++;
}

static void pass_time(struct luo_timerfd *timer, __s64 then, __s64 now)
{
	__s64 gone = now - then;

	if (gone < 0)
		cancel(timer);
	if (timer->wall) {
		catch_up(timer, &timer->expires, now);
		return;
	}
	if (gone > S64_MAX / 2)
		gone = S64_MAX / 2;
	if (gone > 0)
		timer->remaining -= gone;
	catch_up(timer, &timer->remaining, 0);
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct timerfd_state *state = luo_state(luo, struct timerfd_state);
	struct luo_timerfd timer = {};
	struct file *file;

	if (!state)
		return bpf_luo_error(luo);
	if (!is_sane(state)) {
		luo_report(luo, "not the state of a timerfd");
		return -EUCLEAN;
	}

	timer.expires = state->expires;
	timer.remaining = state->remaining;
	timer.interval = state->interval;
	timer.ticks = state->ticks;
	timer.clockid = state->clockid;
	timer.flags = state->flags;
	timer.armed = state->armed;
	timer.wall = state->wall;
	timer.cancelled = state->cancelled;
	pass_time(&timer, state->realtime, bpf_luo_realtime(luo));

	file = bpf_luo_timerfd(luo, &timer, sizeof(timer));
	if (!file)
		return bpf_luo_error(luo);
	return bpf_luo_set_file(file, luo);
}

LUO_HANDLER timerfd = {
	.compatible = "timerfd-v1",
	.fops = "timerfd_fops",
	.version = 1,
	.min_version = 1,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
