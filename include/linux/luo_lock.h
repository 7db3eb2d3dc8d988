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

/* Before another try: 0, or an errno as luo_try_for(). */
static inline int luo_wait_until(unsigned long end)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	if (time_after(jiffies, end))
		return -EBUSY;
	schedule_timeout_uninterruptible(1);
	return 0;
}

/**
 * luo_try_for - try something until it is true, for a while
 * @ms:  how long
 * @try: an expression
 *
 * Context: may sleep.
 * Return: 0, -EBUSY if it was false all that time, -EINTR if the task is being killed.
 */
#define luo_try_for(ms, try)						\
({									\
	unsigned long _end = jiffies + msecs_to_jiffies(ms);		\
	int _err = 0;							\
									\
	while (!_err && !(try))						\
		_err = luo_wait_until(_end);				\
	_err;								\
})

/*
 * The same for %LUO_LOCK_MS. That a lock is not held is also tried before calls that wait
 * for it uninterruptibly: who takes it right then does so at no time of his choice.
 */
#define luo_try_briefly(try)	luo_try_for(LUO_LOCK_MS, try)

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
	return luo_try_briefly(mutex_trylock(lock));
}

#endif /* _LINUX_LUO_LOCK_H */
