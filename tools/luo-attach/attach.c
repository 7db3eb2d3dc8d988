// SPDX-License-Identifier: GPL-2.0
/* Each is pinned: by that it stays when luo-attach ends, and luod finds it. */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "luo-attach.h"

struct search {
	const char *compatible;
	__u32 version;
};

static int compare(const struct luo_handler_info *info, void *ctx)
{
	struct search *search = ctx;

	if (strcmp(info->compatible, search->compatible))
		return 0;
	search->version = info->version;
	return 1;
}

/* The version of what is attached for the same files; 0 if nothing is. */
static __u32 attached_version(const char *compatible)
{
	struct search search = { compatible, 0 };

	luo_handler__list(compare, &search);
	return search.version;
}

static int attach_opened(struct luo_handler *handler, const struct luo_handler_info *info)
{
	__u32 attached = attached_version(info->compatible);

	if (attached >= info->version)
		return 0;
	if (attached)
		return luo_handler__upgrade(handler, NULL);
	/* Closed without a pin, it is detached. */
	return luo_handler__attach(handler) ?: luo_handler__pin(handler, NULL);
}

static int attach_one(const struct object *object)
{
	const struct luo_handler_info *info;
	struct luo_handler *handler;
	int err = 0;

	library_said_forget();
	handler = luo_handler__open(object->path, NULL);
	info = handler ? luo_handler__info(handler) : NULL;
	err = info ? attach_opened(handler, info) : -errno;
	if (err)
		say(LOG_ERR, "%s: not attached, so that its files can't be taken back: %s",
		    object->path, *library_said() ? library_said() : strerror(-err));
	else
		say(LOG_DEBUG, "%s: attached", object->path);
	luo_handler__close(handler);
	return err;
}

int attach_all(const struct object *objects)
{
	int count = 0, failed = 0;

	for (; objects; objects = objects->next, count++) {
		if (attach_one(objects))
			failed++;
	}
	say(LOG_INFO, "%d of %d handlers are attached", count - failed, count);
	return failed;
}
