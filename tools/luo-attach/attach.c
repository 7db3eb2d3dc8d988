// SPDX-License-Identifier: GPL-2.0
/*
 * Each is attached in a child: an object may be so damaged that libbpf does not survive it, and
 * the others have to be attached all the same. It is pinned: by that it stays when luo-attach
 * ends, and luod finds it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "../luod/common.h"
#include "luo-attach.h"

enum outcome { ATTACHED, OLDER_STAYS, NOT_ATTACHED };

struct object {
	const char *path;
	bool in_initrd;
	const void *data;
	size_t size;
	uint64_t digest;
};

static const char *why(int err)
{
	return *library_said() ? library_said() : strerror(-err);
}

static int map_object(struct object *object)
{
	int fd = open(object->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st = {};
	int err = 0;
	void *data;

	if (fd < 0 || fstat(fd, &st))
		err = -errno;
	else if (!st.st_size)
		err = -EINVAL;
	data = err ? MAP_FAILED : mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data != MAP_FAILED) {
		object->data = data;
		object->size = st.st_size;
		object->digest = object_digest(data, st.st_size);
	} else if (!err) {
		err = -errno;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

/* One that a process has open, and that nobody has pinned, goes with that process. */
static int pin_attached(const struct attached *attached)
{
	struct luo_handler *handler;
	int err;

	if (attached->pinned)
		return 0;
	handler = luo_handler__open_link(attached->link_id);
	err = handler ? luo_handler__pin(handler, NULL) : -errno;
	luo_handler__close(handler);
	return err;
}

static enum outcome attach_new(struct luo_handler *handler, const struct object *object)
{
	/* Closed without a pin, it is detached. */
	int err = luo_handler__attach(handler) ?: luo_handler__pin(handler, NULL);

	if (!err)
		return ATTACHED;
	say(LOG_ERR, "%s: not attached, so that its files can't be taken back: %s", object->path,
	    why(err));
	return NOT_ATTACHED;
}

static enum outcome upgrade(struct luo_handler *handler, const struct object *object,
			    const struct attached *attached)
{
	int err = luo_handler__upgrade(handler, NULL);

	if (err) {
		say(LOG_ERR, "%s: version %u of it was attached before and stays: %s",
		    object->path, attached->version, why(err));
		return OLDER_STAYS;
	}
	if (attached->from_initrd && !object->in_initrd)
		say(LOG_NOTICE, "%s: " INITRD_IS_STALE, object->path);
	return ATTACHED;
}

/* Newer, or the same; of an equal version that is somebody else's, it is known no better. */
static bool is_as_good(const struct attached *attached, const struct luo_handler_info *info,
		       const struct object *object)
{
	if (attached->version != info->version)
		return attached->version > info->version;
	return !attached->known || attached_is(attached, info->version, object->digest);
}

static void note(const char *compatible, const struct object *object)
{
	int err;

	attached_note(compatible, object->digest, object->in_initrd);
	if (!object->in_initrd)
		return;
	err = attached_keep(object->path, object->data, object->size);
	if (err)
		say(LOG_WARNING, "%s: can't be left in " ATTACHED_DIR ": %s: if the root has none, the next kernel may have none",
		    object->path, strerror(-err));
}

static enum outcome attach_opened(struct luo_handler *handler, const struct object *object)
{
	const struct luo_handler_info *info = luo_handler__info(handler);
	struct attached attached;
	enum outcome outcome;
	int err;

	if (!attached_find(info->compatible, &attached)) {
		outcome = attach_new(handler, object);
	} else {
		err = pin_attached(&attached);
		if (err) {
			say(LOG_ERR, "%s: it is attached for as long as a process has it, and can't be pinned: %s",
			    object->path, why(err));
			return NOT_ATTACHED;
		}
		if (is_as_good(&attached, info, object))
			return ATTACHED;
		outcome = upgrade(handler, object, &attached);
	}
	if (outcome == ATTACHED)
		note(info->compatible, object);
	return outcome;
}

static int attach_object(void *arg)
{
	struct object *object = arg;
	struct luo_handler *handler;
	enum outcome outcome;
	int err;

	library_said_forget();
	err = map_object(object);
	handler = err ? NULL : luo_handler__open(object->path, NULL);
	if (!handler) {
		say(LOG_ERR, "%s: not attached, so that its files can't be taken back: %s",
		    object->path, why(err ?: -errno));
		return NOT_ATTACHED;
	}
	outcome = attach_opened(handler, object);
	luo_handler__close(handler);
	return outcome;
}

int attach_file(const struct luo_handler_file *file, void *ctx)
{
	struct object object = { .path = file->path };
	struct attach_count *count = ctx;
	int outcome, signal;

	if (!file_can_be_used(file, count))
		return 0;
	object.in_initrd = count->in_initrd;
	outcome = child_run(attach_object, &object, count->seconds, &signal);
	if (outcome < 0)
		say(LOG_ERR, "%s: not attached, so that its files can't be taken back: %s",
		    file->path, signal ? child_death(signal) : strerror(-outcome));
	count->files++;
	count->attached += outcome == ATTACHED || outcome == OLDER_STAYS;
	count->failed += outcome != ATTACHED;
	return 0;
}
