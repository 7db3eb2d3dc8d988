// SPDX-License-Identifier: GPL-2.0
/*
 * The timerfd handler through two kexecs: over the first one time goes on, over the second one
 * the wall clock goes backwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"

#define SESSION "timerfds"
#define SEC 1000000000LL
#define MS 1000000LL
#define SLACK (SEC / 2)		/* an emulated machine is slow */
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)

static int64_t now_of(int clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

static struct timespec to_ts(int64_t ns)
{
	return (struct timespec){ ns / SEC, ns % SEC };
}

static int64_t to_ns(struct timespec ts)
{
	return ts.tv_sec * SEC + ts.tv_nsec;
}

static int set(int fd, int flags, int64_t value, int64_t interval)
{
	struct itimerspec spec = { to_ts(interval), to_ts(value) };

	return timerfd_settime(fd, flags, &spec, NULL) ? -errno : 0;
}

static int64_t remaining(int fd, int64_t *interval)
{
	struct itimerspec spec;

	must(timerfd_gettime(fd, &spec), "timerfd_gettime");
	if (interval)
		*interval = to_ns(spec.it_interval);
	return to_ns(spec.it_value);
}

static int64_t take(int fd)
{
	uint64_t ticks;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	return read(fd, &ticks, sizeof(ticks)) == sizeof(ticks) ? (int64_t)ticks : -errno;
}

static int fdinfo_flags(int fd)
{
	char path[64], text[512], *at;
	unsigned int flags;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	must(read_file(path, text, sizeof(text)), "%s", path);
	at = strstr(text, "settime flags: ");
	return at && sscanf(at, "settime flags: 0%o", &flags) == 1 ? (int)flags : -1;
}

enum {
	NEW, MONOTONIC, REALTIME_RELATIVE, REALTIME, MONOTONIC_ABSOLUTE, SOON, EXPIRED,
	MEANWHILE, PERIODIC, PERIODIC_READ, READ, TICKS, CANCEL, CANCELLED, ALARM,
	REALTIME_ALARM, SET_LATER, DISARMED_LATER, TIMERS
};

static int fds[TIMERS];

/* When a timer will expire, by the wall clock, for the next kernel's program */
static void note_due(int i)
{
	char key[16];

	snprintf(key, sizeof(key), "due%d", i);
	vm_kexec_arg(key, "%lld", (long long)now_of(CLOCK_REALTIME) + remaining(fds[i], NULL));
}

static int64_t due(int i)
{
	char key[16];

	snprintf(key, sizeof(key), "due%d", i);
	return vm_arg_num(key, 0);
}

static void make(int i, int clock)
{
	fds[i] = must(timerfd_create(clock, i % 2 ? TFD_NONBLOCK : 0), "timerfd_create");
}

static void make_set(int i, int clock, int flags, int64_t value, int64_t interval)
{
	make(i, clock);
	must(set(fds[i], flags, value, interval), "timerfd_settime %d", i);
}

static void step_clock(int64_t by)
{
	struct timespec ts = to_ts(now_of(CLOCK_REALTIME) + by);

	must(clock_settime(CLOCK_REALTIME, &ts), "clock_settime");
}

static void make_all(void)
{
	int64_t real = now_of(CLOCK_REALTIME), mono = now_of(CLOCK_MONOTONIC);
	uint64_t seven = 7;

	make(NEW, CLOCK_MONOTONIC);
	make_set(MONOTONIC, CLOCK_MONOTONIC, 0, 1000 * SEC, 0);
	make_set(REALTIME_RELATIVE, CLOCK_REALTIME, 0, 1000 * SEC, 3 * SEC);
	make_set(REALTIME, CLOCK_REALTIME, TFD_TIMER_ABSTIME, real + 1000 * SEC, 0);
	make_set(MONOTONIC_ABSOLUTE, CLOCK_MONOTONIC, TFD_TIMER_ABSTIME, mono + 1000 * SEC, 0);
	make_set(EXPIRED, CLOCK_BOOTTIME, 0, 1, 0);
	make_set(MEANWHILE, CLOCK_MONOTONIC, 0, SEC, 0);
	make_set(PERIODIC, CLOCK_BOOTTIME, 0, 1, 20 * MS);
	make_set(PERIODIC_READ, CLOCK_REALTIME, TFD_TIMER_ABSTIME, real - SEC / 2, SEC);
	make_set(READ, CLOCK_MONOTONIC, 0, 1, 0);
	make(TICKS, CLOCK_MONOTONIC);
	must(ioctl(fds[TICKS], TFD_IOC_SET_TICKS, &seven), "TFD_IOC_SET_TICKS");
	make_set(CANCELLED, CLOCK_REALTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
		 real + 1000 * SEC, 0);
	step_clock(MS);
	make_set(CANCEL, CLOCK_REALTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
		 real + 1000 * SEC, 0);
	make_set(ALARM, CLOCK_BOOTTIME_ALARM, 0, 1000 * SEC, 0);
	make_set(REALTIME_ALARM, CLOCK_REALTIME_ALARM, TFD_TIMER_ABSTIME, real + 1000 * SEC, SEC);
	make_set(SET_LATER, CLOCK_MONOTONIC, 0, 5 * SEC, 0);
	make_set(DISARMED_LATER, CLOCK_MONOTONIC, 0, 5 * SEC, 0);
	usleep(10000);
	must(take(fds[PERIODIC_READ]), "read");
	must(take(fds[READ]), "read");
}

/* Those that have a time to come */
static const int running[] = {
	MONOTONIC, REALTIME_RELATIVE, REALTIME, MONOTONIC_ABSOLUTE, SOON, CANCEL, ALARM,
	REALTIME_ALARM, SET_LATER,
};

static void before(void)
{
	struct luo_session *session = session_create(device_open(), SESSION);

	handler_attach("timerfd");
	vm_kexec_arg("set", "%lld", (long long)now_of(CLOCK_REALTIME));
	make_all();
	make_set(SOON, CLOCK_REALTIME, TFD_TIMER_ABSTIME, now_of(CLOCK_REALTIME) + 20 * SEC, 0);
	for (int i = 0; i < TIMERS; i++)
		must(luo_session__preserve_fd(session, fds[i], i), "preserve %d", i);
	/* The last word has who sets it last. */
	must(set(fds[SET_LATER], 0, 300 * SEC, 2 * SEC), "timerfd_settime");
	must(set(fds[DISARMED_LATER], 0, 0, 0), "timerfd_settime");
	set(fds[SOON], TFD_TIMER_ABSTIME, now_of(CLOCK_REALTIME) + 8 * SEC, 0);
	for (size_t i = 0; i < sizeof(running) / sizeof(*running); i++)
		note_due(running[i]);
	vm_kexec_arg("frozen", "%lld", (long long)now_of(CLOCK_REALTIME));
}

static bool is_near(int64_t got, int64_t want)
{
	if (got >= want - SLACK && got <= want + SLACK)
		return true;
	tap_note("  %lld ms, should be %lld", (long long)got / MS, (long long)want / MS);
	return false;
}

/* @due: when it expires, by the wall clock; 0 if it does not */
static void check_remaining(struct luo_session *session, int i, int64_t due,
			    int64_t want_interval, const char *name)
{
	int fd = luo_session__retrieve_fd(session, i);
	int64_t interval, left;

	if (!check(fd >= 0, "%s: back", name))
		return;
	check_eq(!!(fcntl(fd, F_GETFL) & O_NONBLOCK), i % 2, "%s: O_NONBLOCK", name);
	left = remaining(fd, &interval);
	check(is_near(left, due ? due - now_of(CLOCK_REALTIME) : 0), "%s: what remains", name);
	check_eq(interval, want_interval, "%s: interval", name);
	check_eq(take(fd), -EAGAIN, "%s: has not expired", name);
	fds[i] = fd;
}

static void check_ticks(struct luo_session *session, int i, int64_t want, const char *name)
{
	int fd = luo_session__retrieve_fd(session, i);

	struct pollfd ready = { fd, POLLIN };

	if (!check(fd >= 0, "%s: back", name))
		return;
	/* What should have expired meanwhile does as soon as the clock's interrupt comes. */
	if (want > 0)
		must(poll(&ready, 1, 10000), "poll");
	check_eq(take(fd), want, "%s: expirations", name);
	fds[i] = fd;
}

/* It began while the clock went from "set" to "frozen", and has gone on since. */
static void check_periodic(struct luo_session *session, int i, int64_t interval,
			   const char *name)
{
	int64_t low = (now_of(CLOCK_REALTIME) - vm_arg_num("frozen", 0)) / interval - 1, ticks;
	int fd = luo_session__retrieve_fd(session, i);

	if (!check(fd >= 0, "%s: back", name))
		return;
	ticks = take(fd);
	check(ticks >= low &&
	      ticks <= (now_of(CLOCK_REALTIME) - vm_arg_num("set", 0) + SEC) / interval + 1,
	      "%s: %lld expirations, at least %lld", name, (long long)ticks, (long long)low);
	fds[i] = fd;
}

static int without_capability(void *session)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return errno;
	data[1].effective &= ~(1U << (CAP_WAKE_ALARM - 32));
	if (syscall(SYS_capset, &header, data))
		return errno;
	return -luo_session__retrieve_fd(session, ALARM);
}

static void check_cancelled(int i, const char *name)
{
	struct pollfd poll_fd = { fds[i], POLLIN, 0 };

	check_eq(poll(&poll_fd, 1, 0), 1, "%s: there is something to read", name);
	check_eq(take(fds[i]), -ECANCELED, "%s: that is the clock was set", name);
	check_eq(take(fds[i]), -EAGAIN, "%s: once", name);
}

/* What waits for it is woken when its time has come. */
static void check_soon(struct luo_session *session)
{
	struct pollfd poll_fd = { .events = POLLIN };
	int64_t start = now_of(CLOCK_REALTIME), now;

	fds[SOON] = must(luo_session__retrieve_fd(session, SOON), "retrieve");
	poll_fd.fd = fds[SOON];
	check_eq(poll(&poll_fd, 1, 20000), 1, "it expires");
	now = now_of(CLOCK_REALTIME);
	check(is_near(now, start > due(SOON) ? start : due(SOON)), "at its time");
	check_eq(take(fds[SOON]), 1, "once");
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_retrieve(device, SESSION);
	int64_t gone;

	/* The wall clock may be late by a second, and a kexec may take little more. */
	sleep(1);
	handler_attach("timerfd");
	check_remaining(session, NEW, 0, 0, "never set");
	check_remaining(session, MONOTONIC, due(MONOTONIC), 0, "monotonic");
	check_remaining(session, REALTIME_RELATIVE, due(REALTIME_RELATIVE), 3 * SEC,
			"realtime, relative");
	check_remaining(session, REALTIME, due(REALTIME), 0, "realtime");
	check_remaining(session, MONOTONIC_ABSOLUTE, due(MONOTONIC_ABSOLUTE), 0,
			"monotonic, absolute");
	check_eq(fdinfo_flags(fds[MONOTONIC_ABSOLUTE]), TFD_TIMER_ABSTIME, "it was absolute");
	check_remaining(session, SET_LATER, due(SET_LATER), 2 * SEC, "set later");
	check_remaining(session, DISARMED_LATER, 0, 0, "disarmed later");
	check_eq(vm_in_child(without_capability, session), EPERM,
		 "an alarm clock needs CAP_WAKE_ALARM");
	check_remaining(session, ALARM, due(ALARM), 0, "alarm clock");
	check_remaining(session, REALTIME_ALARM, due(REALTIME_ALARM), SEC, "realtime alarm clock");
	check_ticks(session, EXPIRED, 1, "expired before");
	gone = now_of(CLOCK_REALTIME) - vm_arg_num("frozen", 0);
	check(gone > SEC, "%lld ms have gone by", (long long)gone / MS);
	check_ticks(session, MEANWHILE, 1, "expired meanwhile");
	check_periodic(session, PERIODIC, 20 * MS, "periodic, 20 ms");
	usleep(100000);
	check(take(fds[PERIODIC]) >= 4, "and on");
	check_periodic(session, PERIODIC_READ, SEC, "periodic, 1 s");
	check(remaining(fds[PERIODIC_READ], NULL) <= SEC, "and on");
	check_ticks(session, READ, -EAGAIN, "expired and read");
	check_ticks(session, TICKS, 7, "given ticks");

	fds[CANCELLED] = must(luo_session__retrieve_fd(session, CANCELLED), "retrieve");
	check_cancelled(CANCELLED, "clock set before");
	check_remaining(session, CANCEL, due(CANCEL), 0, "to be cancelled");
	check_eq(fdinfo_flags(fds[CANCEL]), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, "flags");
	check_soon(session);
	step_clock(MS);
	check_cancelled(CANCEL, "clock set after");
	check_eq(luo_session__finish(session), 0, "finish");
	luo_session__close(session);

	/* On to where the wall clock is not what it was. */
	session = session_create(device, "backwards");
	step_clock(3600 * SEC);
	make_set(MONOTONIC, CLOCK_MONOTONIC, 0, 1000 * SEC, 0);
	make_set(CANCEL, CLOCK_REALTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
		 now_of(CLOCK_REALTIME) + 1000 * SEC, 0);
	make_set(REALTIME, CLOCK_REALTIME, TFD_TIMER_ABSTIME,
		 now_of(CLOCK_REALTIME) + 1000 * SEC, 0);
	must(luo_session__preserve_fd(session, fds[MONOTONIC], MONOTONIC), "preserve");
	must(luo_session__preserve_fd(session, fds[CANCEL], CANCEL), "preserve");
	must(luo_session__preserve_fd(session, fds[REALTIME], REALTIME), "preserve");
	note_due(REALTIME);
	vm_kexec_arg("frozen", "%lld", (long long)now_of(CLOCK_REALTIME));
}

static void backwards(void)
{
	struct luo_session *session = session_retrieve(device_open(), "backwards");
	int64_t gone = now_of(CLOCK_REALTIME) - vm_arg_num("frozen", 0), left;

	handler_attach("timerfd");
	check(gone < -2000 * SEC, "the wall clock has gone backwards");
	fds[MONOTONIC] = must(luo_session__retrieve_fd(session, MONOTONIC), "retrieve");
	left = remaining(fds[MONOTONIC], NULL);
	/* What was left at the freeze, which came a little after it was set. */
	check(left <= 1000 * SEC && left > 900 * SEC, "the kexec took no time: %lld ms left",
	      (long long)left / MS);
	check_remaining(session, REALTIME, due(REALTIME), 0, "a time of day stays one");
	fds[CANCEL] = must(luo_session__retrieve_fd(session, CANCEL), "retrieve");
	check_cancelled(CANCEL, "clock gone backwards");
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after, backwards };

	vm_run_stages(stages, 3);
}
