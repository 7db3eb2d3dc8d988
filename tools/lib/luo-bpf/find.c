// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/* The object files that there are: NAME.bpf.o, in one directory after the other. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "internal.h"

#define SUFFIX ".bpf.o"

struct found {
	struct found *next;
	char *name;
	char *path;
};

struct search {
	struct found *list;		/* by name */
	int (*fn)(const struct luo_handler_file *file, void *ctx);
	void *ctx;
};

static int is_object(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > strlen(SUFFIX) &&
	       !strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX);
}

/* What can't be used is shown, and the search goes on unless it is to stop. */
static int show_error(const struct search *search, const char *name, const char *path, int err)
{
	struct luo_handler_file file = { .name = name, .path = path, .error = err };

	return search->fn(&file, search->ctx);
}

int luo_check_plain(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

static void found_free(struct found *found)
{
	free(found->name);
	free(found->path);
	free(found);
}

static struct found *found_new(const char *dir, const char *file)
{
	struct found *found = calloc(1, sizeof(*found));

	if (!found)
		return NULL;
	found->name = strndup(file, strlen(file) - strlen(SUFFIX));
	if (found->name && asprintf(&found->path, "%s/%s", dir, file) >= 0)
		return found;
	free(found->name);
	free(found);
	return NULL;
}

/* Into its place; one of that name from a directory before goes. */
static void insert(struct found **list, struct found *found)
{
	struct found *same;

	while (*list && strcmp((*list)->name, found->name) < 0)
		list = &(*list)->next;
	same = *list && !strcmp((*list)->name, found->name) ? *list : NULL;
	found->next = same ? same->next : *list;
	*list = found;
	if (same)
		found_free(same);
}

static int take_file(struct search *search, const char *dir, const char *file)
{
	struct found *found = found_new(dir, file);
	int err;

	if (!found)
		return -ENOMEM;
	err = luo_check_plain(found->path);
	if (!err) {
		insert(&search->list, found);
		return 0;
	}
	err = show_error(search, found->name, found->path, err);
	found_free(found);
	return err;
}

static int take_dir(struct search *search, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_object, alphasort), err = 0;

	if (n < 0)
		return show_error(search, NULL, dir, -errno);
	for (int i = 0; i < n; i++) {
		if (!err)
			err = take_file(search, dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return err;
}

int luo_handler__find(char *const *dirs,
		      int (*fn)(const struct luo_handler_file *file, void *ctx), void *ctx)
{
	struct search search = { .fn = fn, .ctx = ctx };
	struct found *found;
	int err = 0;

	for (; !err && dirs && *dirs; dirs++)
		err = take_dir(&search, *dirs);
	while ((found = search.list)) {
		struct luo_handler_file file = { .name = found->name, .path = found->path };

		if (!err)
			err = fn(&file, ctx);
		search.list = found->next;
		found_free(found);
	}
	return err;
}
