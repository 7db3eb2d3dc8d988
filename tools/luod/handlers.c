// SPDX-License-Identifier: GPL-2.0
/*
 * Handlers: found on the disk, told by the luod of the kernel before, or loaded by a
 * client. Each that is attached is pinned, and its object stored, so that a luod that
 * died finds both again.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "handlers.h"

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

struct handler *handler_find(const char *name)
{
	return find_in(handlers, name);
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

void handler_free(struct handler *handler)
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
struct handler *handler_new(const char *name, const char *file, int object)
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

void handler_add(struct handler *handler)
{
	push(&handlers, handler);
}

void handler_store(const struct handler *handler)
{
	char name[STORE_NAME_MAX];

	snprintf(name, sizeof(name), STORE_HANDLER "%s", handler->name);
	store_add(name, handler->object);
}

void handler_unstore(const char *handler)
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

/* @replace: what is attached for the same files may go */
static int attach_opened(struct luo_handler *opened, bool replace)
{
	int err = luo_handler__attach(opened);

	if (err != -EEXIST || !replace || !is_pinned(luo_handler__compatible(opened)))
		/* Closed without a pin, it is detached. */
		return err ?: luo_handler__pin(opened, NULL);
	return luo_handler__upgrade(opened, NULL);
}

int handler_attach(struct handler *handler, bool replace)
{
	struct luo_handler *opened = object_open(handler->object, &handler->error);
	int err;

	if (!opened)
		return -EINVAL;
	log_said_forget();
	err = attach_opened(opened, replace);
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
	push(&handlers, handler_new(name, NULL, object));
}

static bool has_link(const char *compatible, uint32_t link_id)
{
	struct bpf_link_info info = {};
	uint32_t len = sizeof(info);
	char path[PATH_MAX];
	bool same;
	int fd;

	snprintf(path, sizeof(path), LUO_PIN_DIR "/%s", compatible);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	same = !bpf_link_get_info_by_fd(fd, &info, &len) && info.id == link_id;
	close(fd);
	return same;
}

/* One that luod has an object of, and that stays without luod: the verifier has seen it. */
static int adopt(const struct luo_handler_info *info, void *ctx)
{
	(void)ctx;
	for (struct handler *h = handlers; h; h = h->next) {
		if (!h->compatible || strcmp(h->compatible, info->compatible) ||
		    h->version != info->version || !has_link(h->compatible, info->link_id))
			continue;
		h->attached = true;
		log_text(LOG_INFO, "handler '%s': still attached for %s, version %u", h->name,
			 h->compatible, h->version);
	}
	return 0;
}

/* What another luod had in this kernel */
static void take_up_restored(void)
{
	if (!handlers)
		return;
	luo_handler__list(adopt, NULL);
	for (struct handler *h = handlers; h; h = h->next) {
		if (h->compatible && !h->attached)
			handler_attach(h, true);
	}
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

bool handler_forget(const char *name)
{
	struct handler *failed = find_in(handlers, name);

	if (!failed)
		return false;
	unlink_from(&handlers, failed);
	handler_free(failed);
	return true;
}

void handlers_start(void)
{
	struct handler *handler;
	bool stored;

	take_up_restored();
	for (char **dir = luod.conf.handlers; dir && *dir; dir++)
		propose_dir(*dir);
	while ((handler = best_candidate())) {
		unlink_from(&candidates, handler);
		if (is_superseded(handler)) {
			handler_free(handler);
			continue;
		}
		stored = handler_forget(handler->name);
		push(&handlers, handler);
		if (handler->compatible && !handler_attach(handler, true))
			handler_store(handler);
		else if (stored)
			handler_unstore(handler->name);
	}
}
