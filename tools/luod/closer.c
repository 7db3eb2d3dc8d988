// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors that clients sent are closed by threads, for close(2) waits for whatever the
 * file is: for a file system in user space, or a peer on the network. Only who waits is lost
 * then. Nothing else of luod runs in a thread.
 */
#include <pthread.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

#define THREADS_MAX	64
#define STACK_SIZE	(64 << 10)

struct item {
	struct item *next;
	int fd;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
/* All of this under the lock */
static struct item *queue;
static size_t queued, idle, threads;

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

void close_elsewhere(int fd)
{
	struct item *item = malloc(sizeof(*item));
	bool there = item;

	pthread_mutex_lock(&lock);
	/* One that is to wake up soon counts for one descriptor only. */
	if (there && queued >= idle && threads < THREADS_MAX)
		there = start_thread();
	if (there) {
		item->fd = fd;
		item->next = queue;
		queue = item;
		queued++;
		pthread_cond_signal(&filled);
	}
	pthread_mutex_unlock(&lock);
	if (there)
		return;
	log_text(LOG_ERR, "no memory, or no thread, to close a client's descriptor elsewhere");
	close(fd);
	free(item);
}
