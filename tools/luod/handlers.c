// SPDX-License-Identifier: GPL-2.0
/*
 * Handlers: found on the disk, told by the luod of the kernel before, or loaded by a
 * client. Each that is attached is pinned, and its object stored, so that a luod that
 * died finds both again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

#define SUFFIX	".bpf.o"

struct handler *handlers;
/* What may be attached; each is gone when handlers_start() returns. */
static struct handler *candidates;

static struct handler *find_in(struct handler *list, const char *name)
{
	for (; list; list = list->next) {
		if (!strcmp(list->name, name))
			return list;
	}
	return NULL;
}

static struct handler *find_compatible(const char *compatible)
{
	for (struct handler *h = handlers; h; h = h->next) {
		if (h->attached && !strcmp(h->compatible, compatible))
			return h;
	}
	return NULL;
}

static void unlink_from(struct handler **list, struct handler *handler)
{
	for (; *list; list = &(*list)->next) {
		if (*list == handler) {
			*list = handler->next;
			return;
		}
	}
}

static void handler_free(struct handler *handler)
{
	close(handler->object);
	free(handler->file);
	free(handler->compatible);
	free(handler->error);
	free(handler);
}

static void set_error(struct handler *handler, const char *error)
{
	free(handler->error);
	handler->error = error ? strdup(error) : NULL;
}

/* Takes @object. Reads it as well: which files it is for, and its version. */
static struct handler *handler_new(const char *name, const char *file, int object)
{
	struct handler *handler = calloc(1, sizeof(*handler));
	struct luo_handler *opened;

	if (!handler) {
		close(object);
		return NULL;
	}
	snprintf(handler->name, sizeof(handler->name), "%s", name);
	handler->file = file ? strdup(file) : NULL;
	handler->object = object;
	if (!object_size(object))
		return handler;
	opened = object_open(object, &handler->error);
	if (opened) {
		handler->compatible = strdup(luo_handler__compatible(opened));
		handler->version = object_version(opened);
		luo_handler__close(opened);
	}
	return handler;
}

static void push(struct handler **list, struct handler *handler)
{
	if (!handler)
		return;
	handler->next = *list;
	*list = handler;
}

static void store(const struct handler *handler)
{
	char name[STORE_NAME_MAX];

	snprintf(name, sizeof(name), STORE_HANDLER "%s", handler->name);
	store_add(name, handler->object);
}

static void unstore(const char *handler)
{
	char name[STORE_NAME_MAX];

	snprintf(name, sizeof(name), STORE_HANDLER "%s", handler);
	store_remove(name);
}

/* Attached and pinned by another luod? */
static bool is_pinned(const char *compatible)
{
	struct luo_handler *pinned = luo_handler__open_attached(compatible);

	luo_handler__close(pinned);
	return pinned;
}

/* What to make of one that is attached for the same files */
enum attached { IS_OURS, IS_OLDER, IS_ANOTHER };

static int attach_opened(struct luo_handler *opened, enum attached other)
{
	int err = luo_handler__attach(opened);

	if (err != -EEXIST || other == IS_ANOTHER || !is_pinned(luo_handler__compatible(opened)))
		/* Closed without a pin, it is detached. */
		return err ?: luo_handler__pin(opened, NULL);
	return other == IS_OURS ? 0 : luo_handler__upgrade(opened, NULL);
}

static int attach(struct handler *handler, enum attached other)
{
	struct luo_handler *opened = object_open(handler->object, &handler->error);
	int err;

	if (!opened)
		return -EINVAL;
	log_said_forget();
	err = attach_opened(opened, other);
	luo_handler__close(opened);
	if (err) {
		set_error(handler, *log_said() ? log_said() : strerror(-err));
		log_text(LOG_ERR, "handler '%s': not attached: %s", handler->name, handler->error);
		return err;
	}
	set_error(handler, NULL);
	handler->attached = true;
	log_text(LOG_INFO, "handler '%s': attached for %s, version %u, from %s", handler->name,
		 handler->compatible, handler->version, handler->file ?: "memory");
	return 0;
}

/* Finding them */

void handlers_restore(const char *name, int object)
{
	struct handler *handler = handler_new(name, NULL, object);

	if (!handler)
		return;
	push(&handlers, handler);
	if (object_size(object))
		attach(handler, IS_OURS);
}

void handlers_propose(const char *name, int object)
{
	push(&candidates, handler_new(name, NULL, object));
}

static void propose_file(const char *dir, const char *file)
{
	char path[PATH_MAX], name[NAME_MAX_BYTES + 1];
	size_t len = strlen(file) - strlen(SUFFIX);
	struct handler *handler;
	int fd, object;

	if (!name_is_valid(file, len)) {
		log_text(LOG_WARNING, "%s/%s: no name for a handler", dir, file);
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int)len, file);
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	object = fd < 0 ? -errno : object_copy(fd);
	if (fd >= 0)
		close(fd);
	if (object < 0) {
		log_text(LOG_ERR, "%s: %s", path, strerror(-object));
		return;
	}
	/* Of two directories the last wins. */
	for (struct handler *h = candidates; h; h = h->next) {
		if (h->on_disk && !strcmp(h->name, name)) {
			unlink_from(&candidates, h);
			handler_free(h);
			break;
		}
	}
	handler = handler_new(name, path, object);
	if (handler)
		handler->on_disk = true;
	push(&candidates, handler);
}

static bool has_suffix(const char *file)
{
	size_t len = strlen(file);

	return len > strlen(SUFFIX) && !strcmp(file + len - strlen(SUFFIX), SUFFIX) &&
	       file[0] != '.';
}

static void propose_dir(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		if (has_suffix(entry->d_name))
			propose_file(dir, entry->d_name);
	}
	if (d)
		closedir(d);
}

/* Starting */

/* The newest; of two equal ones that of the disk, which may have been mended since. */
static struct handler *best_candidate(void)
{
	struct handler *best = candidates;

	for (struct handler *h = candidates; h; h = h->next) {
		if (h->version > best->version ||
		    (h->version == best->version && h->on_disk && !best->on_disk))
			best = h;
	}
	return best;
}

/* One of that name or for those files is there: no use for another. */
static bool is_superseded(const struct handler *candidate)
{
	struct handler *same = find_in(handlers, candidate->name);

	if (candidate->compatible && find_compatible(candidate->compatible))
		return true;
	return same && (same->attached || !object_size(same->object));
}

static void forget_failed(const char *name)
{
	struct handler *failed = find_in(handlers, name);

	if (!failed)
		return;
	unlink_from(&handlers, failed);
	handler_free(failed);
}

void handlers_start(void)
{
	struct handler *handler;

	for (char **dir = luod.conf.handlers; dir && *dir; dir++)
		propose_dir(*dir);
	while ((handler = best_candidate())) {
		unlink_from(&candidates, handler);
		if (is_superseded(handler)) {
			handler_free(handler);
			continue;
		}
		forget_failed(handler->name);
		push(&handlers, handler);
		if (handler->compatible && !attach(handler, IS_OLDER))
			store(handler);
	}
}

/* On request */

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
		*err = fail(message, object, name, "the descriptor must be of a file, of 16 MiB at most");
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
	forget_failed(handler->name);
	push(&handlers, handler);
	store(handler);
}

int handlers_load(const char *name, int fd, char message[ERROR_MAX])
{
	struct handler *old = find_in(handlers, name), *handler;
	int err;

	if (old && old->attached)
		return fail(message, -EEXIST, name, "is attached: UPGRADE or UNLOAD it");
	handler = from_client(name, fd, message, &err);
	if (!handler)
		return err;
	err = attach(handler, IS_ANOTHER);
	if (err) {
		fail(message, err, name, handler->error);
		handler_free(handler);
		return err;
	}
	put_in_place(handler);
	return 0;
}

int handlers_upgrade(const char *name, int fd, char message[ERROR_MAX])
{
	struct handler *old = find_in(handlers, name), *handler;
	struct luo_handler *opened;
	int err;

	if (!old || !old->attached)
		return fail(message, -ENOENT, name, "is not attached: LOAD it");
	handler = from_client(name, fd, message, &err);
	if (!handler)
		return err;
	opened = object_open(handler->object, &handler->error);
	log_said_forget();
	err = strcmp(handler->compatible, old->compatible) ? -EINVAL :
	      opened ? luo_handler__upgrade(opened, NULL) : -ENOMEM;
	luo_handler__close(opened);
	if (err) {
		fail(message, err, name, *log_said() ? log_said() : "it is for other files");
		handler_free(handler);
		return err;
	}
	handler->attached = true;
	log_text(LOG_INFO, "handler '%s': upgraded to version %u", name, handler->version);
	put_in_place(handler);
	return 0;
}

/* On the disk it may be still: an empty object stands for it, until luod ends. */
int handlers_unload(const char *name, char message[ERROR_MAX])
{
	struct handler *old = find_in(handlers, name), *nothing;
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
	} else {
		unstore(name);
		forget_failed(name);
	}
	return 0;
}

struct json_object *handlers_list(void)
{
	struct json_object *list = json_object_new_array();

	for (struct handler *h = handlers; h; h = h->next) {
		struct json_object *object;

		if (!object_size(h->object))
			continue;
		object = json_object_new_object();
		message_add_string(object, "name", h->name);
		message_add_string(object, "file", h->file);
		message_add_string(object, "compatible", h->compatible);
		json_object_object_add(object, "version", h->compatible ?
				       json_object_new_int64(h->version) : NULL);
		message_add_string(object, "error", h->attached ? NULL : h->error);
		json_object_array_add(list, object);
	}
	return list;
}
