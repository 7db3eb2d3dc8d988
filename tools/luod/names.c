// SPDX-License-Identifier: GPL-2.0
/* Descriptors by their names, of which there may be thousands. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "luod.h"

struct named {
	int fd;
	const char *name;
	char text[];
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

int names_put(struct names *names, const char *name, int fd)
{
	struct named *named, **at;

	names_take(names, name);
	named = malloc(sizeof(*named) + strlen(name) + 1);
	if (!named)
		return -ENOMEM;
	named->fd = fd;
	named->name = strcpy(named->text, name);
	at = tsearch(named, &names->root, compare);
	if (!at) {
		free(named);
		return -ENOMEM;
	}
	names->count++;
	return 0;
}

int names_take(struct names *names, const char *name)
{
	struct named key = { .name = name }, *named;
	void **at = tfind(&key, &names->root, compare);
	int fd;

	if (!at)
		return -1;
	named = *at;
	tdelete(&key, &names->root, compare);
	fd = named->fd;
	free(named);
	names->count--;
	return fd;
}

struct visit {
	void (*fn)(const char *name, int fd, void *ctx);
	void *ctx;
};

static void visit(const void *at, VISIT when, void *closure)
{
	const struct named *named = *(const struct named *const *)at;
	struct visit *v = closure;

	if (when == postorder || when == leaf)
		v->fn(named->name, named->fd, v->ctx);
}

void names_for_each(const struct names *names, void (*fn)(const char *name, int fd, void *ctx),
		    void *ctx)
{
	struct visit v = { fn, ctx };

	twalk_r(names->root, visit, &v);
}
