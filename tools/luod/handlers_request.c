// SPDX-License-Identifier: GPL-2.0
/* Handlers that a client loads, upgrades, unloads, and lists */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "handlers.h"

static int fail(char message[ERROR_MAX], int err, const char *name, const char *what)
{
	snprintf(message, ERROR_MAX, "handler '%s': %s", name, what);
	return err;
}

/* The new one, read; NULL with *err. */
static struct handler *from_client(const char *name, int fd, char message[ERROR_MAX], int *err)
{
	int object = object_copy(fd);
	struct handler *handler;

	if (object < 0) {
		*err = fail(message, object, name, object == -EOPNOTSUPP ? IS_SERVED :
			    "the descriptor must be of a file, of 16 MiB at most");
		return NULL;
	}
	handler = handler_new(name, NULL, object);
	if (!handler) {
		*err = -ENOMEM;
		return NULL;
	}
	if (handler->compatible)
		return handler;
	*err = fail(message, -EINVAL, name, handler->error ?: "it is not a handler");
	handler_free(handler);
	return NULL;
}

static void put_in_place(struct handler *handler)
{
	handler_forget(handler->name);
	handler_add(handler);
}

/*
 * A luod that dies between the two must leave the object of what is attached: so it is stored
 * before it is attached, and what was there before is stored again if that fails.
 */
static int attach_stored(struct handler *handler, struct handler *old,
			 int (*fn)(struct handler *handler))
{
	int err;

	handler_store(handler);
	err = fn(handler);
	if (err && old)
		handler_store(old);
	else if (err)
		handler_unstore(handler->name);
	return err;
}

static int attach_new(struct handler *handler)
{
	return handler_attach(handler, OBJECT_ATTACH);
}

int handlers_load(const char *name, int fd, char message[ERROR_MAX])
{
	struct handler *old = handler_find(name), *handler;
	int err;

	if (old && old->attached)
		return fail(message, -EEXIST, name, "is attached: UPGRADE or UNLOAD it");
	handler = from_client(name, fd, message, &err);
	if (!handler)
		return err;
	err = attach_stored(handler, old, attach_new);
	if (err) {
		fail(message, err, name, handler->error ?: "no memory");
		handler_free(handler);
		return err;
	}
	put_in_place(handler);
	return 0;
}

static int upgrade_to(struct handler *handler)
{
	return handler_attach(handler, OBJECT_UPGRADE);
}

int handlers_upgrade(const char *name, int fd, char message[ERROR_MAX])
{
	struct handler *old = handler_find(name), *handler;
	int err;

	if (!old || !old->attached)
		return fail(message, -ENOENT, name, "is not attached: LOAD it");
	handler = from_client(name, fd, message, &err);
	if (!handler)
		return err;
	err = strcmp(handler->compatible, old->compatible) ? -EINVAL :
	      attach_stored(handler, old, upgrade_to);
	if (err) {
		fail(message, err, name, handler->error ?: "it is for other files");
		handler_free(handler);
		return err;
	}
	put_in_place(handler);
	return 0;
}

/* On the disk it may be still: an empty object stands for it, until luod ends. */
int handlers_unload(const char *name, char message[ERROR_MAX])
{
	struct handler *old = handler_find(name), *nothing;
	struct luo_handler *attached;
	int err, empty;

	if (!old || !old->attached)
		return fail(message, -ENOENT, name, "is not attached");
	log_said_forget();
	attached = luo_handler__open_attached(old->compatible);
	err = attached ? luo_handler__detach(attached) : -errno;
	luo_handler__close(attached);
	if (err)
		return fail(message, err, name, log_said());
	log_text(LOG_INFO, "handler '%s': detached", name);
	empty = object_empty();
	nothing = empty < 0 ? NULL : handler_new(name, NULL, empty);
	if (nothing) {
		put_in_place(nothing);
		handler_store(nothing);
	} else {
		handler_unstore(name);
		handler_forget(name);
	}
	return 0;
}

static struct json_object *element_of(const struct handler *h)
{
	struct json_object *object = json_object_new_object();

	message_add_string(object, "name", h->name);
	message_add_string(object, "file", h->file);
	message_add_string(object, "compatible", h->compatible);
	json_object_object_add(object, "version", h->compatible ?
			       json_object_new_int64(h->version) : NULL);
	message_add_string(object, "error", h->attached ? NULL : h->error);
	return object;
}

/* There are few: each time the next one is looked for. */
static struct handler *next_by_name(const char *after)
{
	struct handler *next = NULL;

	for (struct handler *h = handlers; h; h = h->next) {
		if (object_size(h->object) && strcmp(h->name, after) > 0 &&
		    (!next || strcmp(h->name, next->name) < 0))
			next = h;
	}
	return next;
}

struct json_object *handlers_list(const char *after, size_t limit, struct json_object **next)
{
	struct handler *h = next_by_name(after ?: "");
	struct page page;

	*next = NULL;
	if (!page_begin(&page, limit))
		return NULL;
	while (h && page_add(&page, h->name, element_of(h)))
		h = next_by_name(h->name);
	*next = page.next;
	return page.array;
}
