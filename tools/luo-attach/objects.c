// SPDX-License-Identifier: GPL-2.0
/* The objects that there are: NAME.bpf.o in the directories that luod.conf names. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "luo-attach.h"

#define SUFFIX ".bpf.o"

static int is_object(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > strlen(SUFFIX) &&
	       !strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX);
}

/* Where it is in the list, or belongs */
static struct object **place_of(struct object **list, const char *name)
{
	while (*list && strcmp((*list)->name, name) < 0)
		list = &(*list)->next;
	return list;
}

/* What is no plain file waits for ever when it is opened, or makes an initramfs fail. */
static bool is_plain(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		say(LOG_ERR, "%s: %s: mend or remove it", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		say(LOG_ERR, "%s: no plain file: remove it", path);
	else
		return true;
	return false;
}

static bool put(struct object **list, const char *dir, const char *file)
{
	char *name = strndup(file, strlen(file) - strlen(SUFFIX)), *path;
	struct object **place, *object;

	if (!name || asprintf(&path, "%s/%s", dir, file) < 0) {
		free(name);
		return false;
	}
	if (!is_plain(path)) {
		free(name);
		free(path);
		return true;
	}
	place = place_of(list, name);
	object = *place;
	if (object && !strcmp(object->name, name)) {
		free(name);
		free(object->path);
		object->path = path;
		return true;
	}
	object = malloc(sizeof(*object));
	if (!object) {
		free(name);
		free(path);
		return false;
	}
	*object = (struct object){ *place, name, path };
	*place = object;
	return true;
}

static void find_in(struct object **list, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_object, NULL);

	if (n < 0) {
		if (errno != ENOENT)
			say(LOG_ERR, "%s: %s: no handler from there", dir, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		if (!put(list, dir, entries[i]->d_name))
			say(LOG_ERR, "%s/%s: no memory for it", dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

struct object *objects_find(char *const *dirs)
{
	struct object *list = NULL;

	for (; dirs && *dirs; dirs++)
		find_in(&list, *dirs);
	return list;
}

void objects_free(struct object *objects)
{
	while (objects) {
		struct object *next = objects->next;

		free(objects->name);
		free(objects->path);
		free(objects);
		objects = next;
	}
}
