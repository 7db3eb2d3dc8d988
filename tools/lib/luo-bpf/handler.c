// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/* A handler: from an object file, or as it is attached. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/* The structure that a map's value is */
static const struct btf_type *type_of_map(const struct btf *btf, const struct bpf_map *map)
{
	return btf__type_by_id(btf, bpf_map__btf_value_type_id(map));
}

static bool is_handler(const struct btf *btf, const struct bpf_map *map)
{
	const struct btf_type *type = type_of_map(btf, map);
	const char *name = type ? btf__name_by_offset(btf, type->name_off) : NULL;

	return name && !strcmp(name, OPS_TYPE);
}

static int find_map(struct luo_handler *handler, const char *path, const char *name)
{
	const struct btf *btf = bpf_object__btf(handler->object);
	struct bpf_map *map;

	bpf_object__for_each_map(map, handler->object) {
		if (!btf || bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		/* One that is not of a struct_ops section has no value, and libbpf looks for it. */
		if (!bpf_map__autoattach(map)) {
			warn("%s: '%s' is a struct_ops map of another section, which is damaged\n",
			     path, bpf_map__name(map));
			return -EINVAL;
		}
		if (!is_handler(btf, map))
			continue;
		if (name && strcmp(bpf_map__name(map), name))
			continue;
		if (handler->map) {
			warn("%s: more than one handler, '%s' and '%s': say which\n", path,
			     bpf_map__name(handler->map), bpf_map__name(map));
			return -EINVAL;
		}
		handler->map = map;
	}
	if (!handler->map) {
		warn("%s: no struct " OPS_TYPE "%s%s in it\n", path, name ? " " : "", name ?: "");
		return -ENOENT;
	}
	return 0;
}

static int take_layout(struct luo_handler *handler, const char *path)
{
	const struct btf *btf = bpf_object__btf(handler->object);
	struct luo_member member;
	const void *data;
	size_t size;
	int err;

	data = bpf_map__initial_value(handler->map, &size);
	if (!data)
		return -EINVAL;
	err = luo_layout_of_object(btf, type_of_map(btf, handler->map), size, &handler->layout);
	if (!err && !luo_layout_find(&handler->layout, "compatible", &member))
		err = -EINVAL;
	if (err) {
		warn("%s: struct " OPS_TYPE " in it is damaged, or of another version: build it again\n",
		     path);
		return err;
	}
	handler->compatible = strndup(data + member.offset, member.size);
	return handler->compatible ? 0 : -ENOMEM;
}

static struct luo_handler *handler_new(void)
{
	struct luo_handler *handler = calloc(1, sizeof(*handler));

	if (handler)
		handler->link_fd = -EINVAL;
	return handler;
}

/* Takes @object, which is NULL with errno if it could not be opened. */
static struct luo_handler *from_object(struct bpf_object *object, const char *path,
				       const char *map_name)
{
	struct luo_handler *handler;
	int err;

	if (!object)
		return NULL;
	handler = handler_new();
	if (!handler) {
		bpf_object__close(object);
		return NULL;
	}
	handler->object = object;
	err = find_map(handler, path, map_name);
	if (!err)
		err = take_layout(handler, path);
	if (err) {
		luo_handler__close(handler);
		return luo_null(err);
	}
	return handler;
}

struct luo_handler *luo_handler__open(const char *path, const struct luo_handler_opts *opts)
{
	struct luo_handler *handler;
	int err = luo_check_plain(path);

	if (!opts_valid(opts, luo_handler_opts))
		return luo_null(EINVAL);
	if (err) {
		warn("%s: %s\n", path, err == -EINVAL ? "no plain file" : strerror(-err));
		return luo_null(err);
	}
	luo_libbpf_begin();
	handler = from_object(bpf_object__open_file(path, NULL), path,
			      opts_get(opts, map_name, NULL));
	luo_libbpf_end();
	return handler;
}

struct luo_handler *luo_handler__open_mem(const void *object, size_t size,
					  const struct luo_handler_opts *opts)
{
	LIBBPF_OPTS(bpf_object_open_opts, libbpf_opts, .object_name = "luo_handler");
	struct luo_handler *handler;

	if (!opts_valid(opts, luo_handler_opts))
		return luo_null(EINVAL);
	luo_libbpf_begin();
	handler = from_object(bpf_object__open_mem(object, size, &libbpf_opts), "object",
			      opts_get(opts, map_name, NULL));
	luo_libbpf_end();
	return handler;
}

int luo_handler__load(struct luo_handler *handler)
{
	int err;

	if (handler->loaded)
		return 0;
	if (!handler->object)
		return -EINVAL;
	err = luo_check_object(handler);
	if (err)
		return err;

	luo_libbpf_begin();
	err = bpf_object__load(handler->object);
	luo_libbpf_end();
	if (err)
		warn("handler '%s': load: %s\n", handler->compatible, strerror(-err));
	handler->loaded = !err;
	return err;
}

void luo_handler__close(struct luo_handler *handler)
{
	int err = errno;

	if (!handler)
		return;
	if (handler->link_fd >= 0)
		close(handler->link_fd);
	bpf_object__close(handler->object);
	free(handler->compatible);
	free(handler->fops);
	free(handler->pin);
	free(handler);
	errno = err;
}

const char *luo_handler__compatible(const struct luo_handler *handler)
{
	return handler->compatible;
}

const struct luo_handler_info *luo_handler__info(struct luo_handler *handler)
{
	const struct luo_layout *layout = &handler->layout;
	struct luo_handler_info *info = &handler->info;
	const void *data;
	size_t size;

	if (!handler->object)
		return luo_null(EINVAL);
	data = bpf_map__initial_value(handler->map, &size);
	if (!handler->fops)
		handler->fops = strdup(luo_layout_text(layout, data, "fops"));
	if (!handler->fops)
		return NULL;
	info->compatible = handler->compatible;
	info->fops = handler->fops;
	info->version = luo_layout_number(layout, data, "version") ?: 1;
	info->min_version = luo_layout_number(layout, data, "min_version") ?: info->version;
	info->max_bytes = luo_layout_number(layout, data, "max_bytes");
	return info;
}

struct bpf_object *luo_handler__object(const struct luo_handler *handler)
{
#ifdef LUO_EMBEDDED_LIBBPF
	(void)handler;
	return NULL;
#else
	return handler->object;
#endif
}

int luo_handler__link_fd(const struct luo_handler *handler)
{
	return handler->link_fd;
}
