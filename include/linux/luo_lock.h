/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: mutexes that others may hold for as long as they like.
 */
#ifndef _LINUX_LUO_LOCK_H
#define _LINUX_LUO_LOCK_H

#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#define LUO_LOCK_MS 20

/* Before another try: 0, or an errno as luo_lock_briefly(). */
static inline int luo_wait_briefly(unsigned long end)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	if (time_after(jiffies, end))
		return -EBUSY;
	schedule_timeout_uninterruptible(1);
	return 0;
}

/**
 * luo_lock_briefly - take a mutex that may not be to be had
 * @lock: held as a rule for much less than %LUO_LOCK_MS, but also by who waits for
 *        memory or for somebody else, which may last until the live update is over
 *
 * Context: may sleep.
 * Return: 0, -EBUSY if another task held it all that time, -EINTR if the task is
 * being killed.
 */
static inline int luo_lock_briefly(struct mutex *lock)
{
	unsigned long end = jiffies + msecs_to_jiffies(LUO_LOCK_MS);

	int err = 0;

	while (!err && !mutex_trylock(lock))
		err = luo_wait_briefly(end);
	return err;
}

#endif /* _LINUX_LUO_LOCK_H */
