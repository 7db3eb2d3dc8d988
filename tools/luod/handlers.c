// SPDX-License-Identifier: GPL-2.0
/*
 * Handlers: found on the disk, left by an initramfs, told by the luod of the kernel before, or
 * loaded by a client. Each that is attached is pinned, and its object stored, so that a luod that
 * died finds both again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common.h"
#include "handlers.h"

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

/* Takes @object. Reads it as well: which files it is for, and its version. */
struct handler *handler_new(const char *name, const char *file, int object)
{
	struct handler *handler = calloc(1, sizeof(*handler));
	struct object_facts facts;

	if (!handler) {
		close(object);
		return NULL;
	}
	snprintf(handler->name, sizeof(handler->name), "%s", name);
	handler->file = file ? strdup(file) : NULL;
	handler->object = object;
	if (object_size(object) && !object_do(object, OBJECT_READ, &facts, &handler->error)) {
		handler->compatible = strdup(facts.compatible);
		handler->version = facts.version;
		handler->digest = facts.digest;
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

static void refused(struct handler *handler)
{
	log_text(LOG_ERR, "handler '%s': not attached: %s", handler->name,
		 handler->error ?: "no memory");
}

int handler_attach(struct handler *handler, enum object_verb verb)
{
	int err = object_do(handler->object, verb, NULL, &handler->error);

	if (err) {
		refused(handler);
		return err;
	}
	handler->attached = true;
	log_text(LOG_INFO, "handler '%s': %s for %s, version %u, from %s", handler->name,
		 verb == OBJECT_UPGRADE ? "upgraded" : "attached", handler->compatible,
		 handler->version, handler->file ?: "memory");
	return 0;
}

/* Finding them */

void handlers_restore(const char *name, int object)
{
	push(&handlers, handler_new(name, NULL, object));
}

/* What is attached for the same files is newer: it stays, and comes from nobody knows where. */
static void adopt_newer(struct handler *handler, const struct attached *attached)
{
	log_text(LOG_NOTICE, "handler '%s': version %u is attached, and stays; %s has version %u",
		 handler->name, attached->version, handler->file ?: "what is stored",
		 handler->version);
	handler->version = attached->version;
	free(handler->file);
	handler->file = NULL;
}

/*
 * Without another word if it is attached already, by luo-attach or by the luod before this one
 * (@ours): the verifier has seen it. Of an equal version that is another object, ours may have
 * been mended.
 */
static bool adopt(struct handler *handler, const struct attached *attached, bool ours)
{
	if (!attached->pinned || attached->version < handler->version)
		return false;
	if (attached->version == handler->version && !ours &&
	    !attached_is(attached, handler->version, handler->digest))
		return false;
	if (attached->version > handler->version)
		adopt_newer(handler, attached);
	else
		log_text(LOG_INFO, "handler '%s': %s attached for %s, version %u", handler->name,
			 ours ? "still" : "already", handler->compatible, handler->version);
	handler->attached = true;
	return true;
}

static int refuse_by_switch(struct handler *handler)
{
	free(handler->error);
	handler->error = strdup(ATTACH_SWITCH "0 is on the kernel's command line: luoctl handlers load attaches it");
	refused(handler);
	return -ECANCELED;
}

/* When luod starts: have it attached */
static int settle(struct handler *handler, bool ours)
{
	struct attached attached;
	bool found = attached_find(handler->compatible, &attached);

	if (found && adopt(handler, &attached, ours))
		return 0;
	if (attach_is_off())
		return refuse_by_switch(handler);
	/* What nobody has pinned is another program's: the library says whose. */
	if (!found || !attached.pinned)
		return handler_attach(handler, OBJECT_ATTACH);
	if (attached.from_initrd && handler->on_disk)
		log_text(LOG_NOTICE, "handler '%s': " INITRD_IS_STALE, handler->name);
	return handler_attach(handler, OBJECT_UPGRADE);
}

/* What another luod had in this kernel */
static void take_up_restored(void)
{
	for (struct handler *h = handlers; h; h = h->next) {
		if (h->compatible)
			settle(h, true);
	}
}

void handlers_propose(const char *name, int object)
{
	push(&candidates, handler_new(name, NULL, object));
}

static int read_file(const struct luo_handler_file *file)
{
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int object = fd < 0 ? -errno : object_copy(fd);

	if (fd >= 0)
		close(fd);
	return object;
}

static void propose(const struct luo_handler_file *file, bool on_disk)
{
	struct handler *handler;
	int object;

	if (!name_is_valid(file->name, strlen(file->name))) {
		log_text(LOG_WARNING, "%s: no name for a handler", file->path);
		return;
	}
	object = read_file(file);
	if (object < 0) {
		log_text(LOG_ERR, "%s: %s", file->path, strerror(-object));
		return;
	}
	handler = handler_new(file->name, file->path, object);
	if (handler)
		handler->on_disk = on_disk;
	push(&candidates, handler);
}

static int propose_file(const struct luo_handler_file *file, void *ctx)
{
	char problem[ERROR_MAX];

	(void)ctx;
	if (file_problem(file, problem, sizeof(problem)))
		log_text(LOG_ERR, "%s", problem);
	if (!file->error)
		propose(file, true);
	return 0;
}

static int propose_left(const struct luo_handler_file *file, void *ctx)
{
	(void)ctx;
	if (!file->error)
		propose(file, false);
	return 0;
}

/* luod has it, or another one for the same files: both are stored, where that can be. */
static void settled(const struct handler *handler)
{
	if (handler->file && !strncmp(handler->file, ATTACHED_DIR "/", strlen(ATTACHED_DIR "/")))
		attached_forget(handler->file);
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
	return same && (same->attached || !object_size(same->object) || attach_is_off());
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
	char *const left[] = { ATTACHED_DIR, NULL };
	struct handler *handler;
	bool stored;

	take_up_restored();
	if (luo_handler__find(luod.conf.handlers, propose_file, NULL) ||
	    luo_handler__find(left, propose_left, NULL))
		log_text(LOG_ERR, "not all handlers on the disk were looked for: no memory");
	while ((handler = best_candidate())) {
		unlink_from(&candidates, handler);
		if (is_superseded(handler)) {
			settled(handler);
			handler_free(handler);
			continue;
		}
		stored = handler_forget(handler->name);
		push(&handlers, handler);
		if (handler->compatible && !settle(handler, false)) {
			handler_store(handler);
			settled(handler);
		} else if (stored) {
			handler_unstore(handler->name);
		}
	}
}
