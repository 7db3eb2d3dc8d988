// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/* Which handlers are attached: every struct_ops link whose map is one of ours. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/* 0 with the map's value to be freed, or -ENOENT if the link is something else. */
int luo_value_of_link(const struct luo_layout *kernel, int link_fd, void **value,
		      struct bpf_link_info *info)
{
	struct bpf_map_info map = {};
	__u32 len = sizeof(*info), zero = 0;
	int err, fd;

	memset(info, 0, len);
	err = bpf_link_get_info_by_fd(link_fd, info, &len);
	if (err)
		return err;
	if (info->type != BPF_LINK_TYPE_STRUCT_OPS || !info->struct_ops.map_id)
		return -ENOENT;

	fd = bpf_map_get_fd_by_id(info->struct_ops.map_id);
	if (fd < 0)
		return fd;
	len = sizeof(map);
	err = bpf_map_get_info_by_fd(fd, &map, &len);
	if (err)
		goto out;
	/* Types of modules have other numbers, and can't be ours. */
	err = -ENOENT;
	if (map.btf_vmlinux_value_type_id != kernel->value_type || map.value_size < kernel->size)
		goto out;

	*value = calloc(1, map.value_size);
	err = *value ? bpf_map_lookup_elem(fd, &zero, *value) : -ENOMEM;
	if (err)
		free(*value);
out:
	close(fd);
	return err;
}

static int show_link(const struct luo_layout *kernel, __u32 id,
		     int (*fn)(const struct luo_handler_info *info, void *ctx), void *ctx)
{
	struct luo_handler_info handler = {};
	struct bpf_link_info info;
	int err, fd;
	void *value;

	fd = bpf_link_get_fd_by_id(id);
	if (fd < 0)
		return fd;
	err = luo_value_of_link(kernel, fd, &value, &info);
	close(fd);
	if (err)
		return err;

	handler.compatible = luo_layout_text(kernel, value, "compatible");
	handler.fops = luo_layout_text(kernel, value, "fops");
	handler.version = luo_layout_number(kernel, value, "version") ?: 1;
	handler.min_version = luo_layout_number(kernel, value, "min_version") ?: handler.version;
	handler.max_bytes = luo_layout_number(kernel, value, "max_bytes");
	handler.link_id = id;
	handler.map_id = info.struct_ops.map_id;
	err = fn(&handler, ctx);
	free(value);
	return err;
}

static int list_links(int (*fn)(const struct luo_handler_info *info, void *ctx), void *ctx)
{
	const struct luo_layout *kernel;
	__u32 id = 0;
	int err;

	kernel = luo_layout_of_kernel(&err);
	while (!err && !bpf_link_get_next_id(id, &id)) {
		err = show_link(kernel, id, fn, ctx);
		/* Not ours, or gone since. */
		if (err == -ENOENT)
			err = 0;
	}
	if (!err && errno != ENOENT)
		err = -errno;
	return err;
}

int luo_handler__list(int (*fn)(const struct luo_handler_info *info, void *ctx), void *ctx)
{
	int err;

	luo_libbpf_begin();
	err = list_links(fn, ctx);
	luo_libbpf_end();
	if (err == -EOPNOTSUPP)
		warn("this kernel has no handlers in BPF: is CONFIG_LIVEUPDATE_BPF set?\n");
	return err;
}
