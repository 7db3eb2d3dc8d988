// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors that clients sent are closed by threads, for close(2) waits for whatever the
 * file is: for a file system in user space, or a peer on the network. Only who waits is lost
 * then, and one user can lose so many: he is not served beyond that, and cut off after a
 * second. Nothing else of luod runs in a thread.
 */
#include <pthread.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

#define THREADS_MAX	512
#define STACK_SIZE	(64 << 10)
#define OF_ONE_USER	64

/* Who sent descriptors that are not closed yet */
struct sender {
	struct sender *next;
	uid_t uid;
	size_t count;
};

struct item {
	struct item *next;
	struct sender *sender;
	int fd;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
/* All of this under the lock */
static struct item *queue;
static struct sender *senders;
static size_t queued, idle, threads;

static struct sender **find(uid_t uid)
{
	struct sender **at = &senders;

	while (*at && (*at)->uid != uid)
		at = &(*at)->next;
	return at;
}

static struct sender *sender_get(uid_t uid)
{
	struct sender **at = find(uid);

	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return NULL;
		(*at)->uid = uid;
	}
	(*at)->count++;
	return *at;
}

static void sender_put(struct sender *sender)
{
	struct sender **at = find(sender->uid);

	if (--sender->count)
		return;
	*at = sender->next;
	free(sender);
}

static struct item *take(void)
{
	struct item *item;

	pthread_mutex_lock(&lock);
	idle++;
	while (!queue)
		pthread_cond_wait(&filled, &lock);
	idle--;
	item = queue;
	queue = item->next;
	queued--;
	pthread_mutex_unlock(&lock);
	return item;
}

static void *close_all(void *arg)
{
	(void)arg;
	for (;;) {
		struct item *item = take();

		close(item->fd);
		pthread_mutex_lock(&lock);
		sender_put(item->sender);
		pthread_mutex_unlock(&lock);
		free(item);
	}
	return NULL;
}

/* False if there is not one thread. */
static bool start_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (pthread_attr_init(&attr))
		return threads;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	threads += !pthread_create(&thread, &attr, close_all, NULL);
	pthread_attr_destroy(&attr);
	return threads;
}

static bool enqueue(struct item *item, uid_t uid)
{
	/* One that is to wake up soon counts for one descriptor only. */
	if (queued >= idle && threads < THREADS_MAX && !start_thread())
		return false;
	item->sender = sender_get(uid);
	if (!item->sender)
		return false;
	item->next = queue;
	queue = item;
	queued++;
	pthread_cond_signal(&filled);
	return true;
}

void close_elsewhere(int fd, uid_t uid)
{
	struct item *item = malloc(sizeof(*item));
	bool there;

	pthread_mutex_lock(&lock);
	if (item)
		item->fd = fd;
	there = item && enqueue(item, uid);
	pthread_mutex_unlock(&lock);
	if (there)
		return;
	log_text(LOG_ERR, "no memory, or no thread, to close a client's descriptor elsewhere");
	close(fd);
	free(item);
}

bool closes_too_many(uid_t uid)
{
	struct sender *sender;
	bool many;

	pthread_mutex_lock(&lock);
	sender = *find(uid);
	many = sender && sender->count > OF_ONE_USER;
	pthread_mutex_unlock(&lock);
	return many;
}
