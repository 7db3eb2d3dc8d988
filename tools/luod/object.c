// SPDX-License-Identifier: GPL-2.0
/* A handler's object, in a memfd: it can be stored, and carried over. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common.h"
#include "luod.h"

#define OBJECT_MAX	(16 << 20)
/* Where a host gives its VM next to nothing, a large one takes minutes. */
#define CHILD_S		300

int object_empty(void)
{
	int object = memfd_create("luo-handler", MFD_CLOEXEC);

	return object < 0 ? -errno : object;
}

off_t object_size(int object)
{
	struct stat st;

	return fstat(object, &st) ? 0 : st.st_size;
}

static int copy_all(int to, int from, off_t size)
{
	off_t offset = 0;

	while (offset < size) {
		ssize_t n = sendfile(to, from, &offset, size - offset);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

bool is_served_by_program(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (unsigned int)fs.f_type == FUSE_SUPER_MAGIC;
}

int object_copy(int fd)
{
	struct stat st;
	int object, err;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (is_served_by_program(fd))
		return -EOPNOTSUPP;
	if (!st.st_size || st.st_size > OBJECT_MAX)
		return -EFBIG;
	object = object_empty();
	if (object < 0)
		return object;
	err = copy_all(object, fd, st.st_size);
	if (!err)
		return object;
	close(object);
	return err;
}

struct task {
	int object;
	enum object_verb verb;
	int log[2];
	/* What the child has to say */
	struct object_facts facts;
	int err;
};

static struct luo_handler *open_object(int object, struct object_facts *facts)
{
	size_t size = object_size(object);
	struct luo_handler *handler = NULL;
	void *data;

	data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, object, 0) : MAP_FAILED;
	if (data == MAP_FAILED)
		return NULL;
	handler = luo_handler__open_mem(data, size, NULL);
	facts->digest = object_digest(data, size);
	munmap(data, size);
	return handler;
}

static int do_verb(struct luo_handler *handler, enum object_verb verb)
{
	switch (verb) {
	case OBJECT_ATTACH:
		/* Closed without a pin, it is detached. */
		return luo_handler__attach(handler) ?: luo_handler__pin(handler, NULL);
	case OBJECT_UPGRADE:
		return luo_handler__upgrade(handler, NULL);
	default:
		return 0;
	}
}

static int run_task(void *arg)
{
	struct task *task = arg;
	const struct luo_handler_info *info;
	struct luo_handler *handler;

	log_to_parent(task->log[1]);
	handler = open_object(task->object, &task->facts);
	info = handler ? luo_handler__info(handler) : NULL;
	if (!info) {
		task->err = -EINVAL;
	} else {
		task->facts.version = info->version;
		snprintf(task->facts.compatible, sizeof(task->facts.compatible), "%s",
			 info->compatible);
		task->err = do_verb(handler, task->verb);
	}
	luo_handler__close(handler);
	return 0;
}

/* What goes wrong around it, or -EFAULT with the signal that it died of */
static int run_in_child(struct task *task, int *signal)
{
	pid_t child;

	*signal = 0;
	if (pipe2(task->log, O_CLOEXEC))
		return -errno;
	child = child_start(run_task, task, CHILD_S);
	close(task->log[1]);
	/* To its end, which is the child's. */
	log_of_child(task->log[0]);
	return child < 0 ? child : child_wait(child, signal);
}

static int run_shared(struct task *task, struct object_facts *facts, char **error)
{
	int signal, err = run_in_child(task, &signal);
	const char *why;

	if (signal)
		why = child_death(signal);
	else
		why = *log_said() ? log_said() : strerror(-(err ?: task->err));
	err = err ?: task->err;
	if (facts && !err)
		*facts = task->facts;
	free(*error);
	*error = err ? strdup(why) : NULL;
	return err;
}

int object_do(int object, enum object_verb verb, struct object_facts *facts, char **error)
{
	struct task *task = mmap(NULL, sizeof(*task), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int err;

	if (task == MAP_FAILED)
		return -ENOMEM;
	log_said_forget();
	task->object = object;
	task->verb = verb;
	err = run_shared(task, facts, error);
	munmap(task, sizeof(*task));
	return err;
}
