// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * Where the members of struct luo_bpf_ops are: an object has the structure as it
 * was compiled, the kernel as it is now, and members are paired by their names.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

int luo_layout_of_object(const struct btf *btf, struct luo_layout *layout)
{
	__s32 id = btf ? btf__find_by_name_kind(btf, OPS_TYPE, BTF_KIND_STRUCT) : -ENOENT;

	if (id < 0)
		return -ENOENT;
	layout->btf = btf;
	layout->ops = btf__type_by_id(btf, id);
	layout->offset = 0;
	return 0;
}

int luo_layout_of_kernel(const struct btf *btf, struct luo_layout *layout)
{
	__s32 id = btf__find_by_name_kind(btf, VALUE_TYPE, BTF_KIND_STRUCT);
	const struct btf_type *value;

	if (id < 0)
		return -EOPNOTSUPP;
	value = btf__type_by_id(btf, id);
	for (__u32 i = 0; i < btf_vlen(value); i++) {
		const struct btf_member *m = btf_members(value) + i;

		if (strcmp(btf__name_by_offset(btf, m->name_off), "data"))
			continue;
		id = btf__resolve_type(btf, m->type);
		layout->btf = btf;
		layout->ops = btf__type_by_id(btf, id);
		layout->offset = m->offset / 8;
		return 0;
	}
	return -EOPNOTSUPP;
}

bool luo_layout_member(const struct luo_layout *layout, __u32 i, struct luo_member *member)
{
	const struct btf_member *m;
	const struct btf_type *type;

	if (i >= btf_vlen(layout->ops))
		return false;
	m = btf_members(layout->ops) + i;
	type = btf__type_by_id(layout->btf, btf__resolve_type(layout->btf, m->type));
	member->name = btf__name_by_offset(layout->btf, m->name_off);
	member->offset = layout->offset + m->offset / 8;
	member->size = btf__resolve_size(layout->btf, m->type);
	member->callback = btf_is_ptr(type);
	return true;
}

bool luo_layout_find(const struct luo_layout *layout, const char *name,
		     struct luo_member *member)
{
	for (__u32 i = 0; luo_layout_member(layout, i, member); i++) {
		if (!strcmp(member->name, name))
			return true;
	}
	return false;
}

__u64 luo_layout_number(const struct luo_layout *layout, const void *value, const char *name)
{
	struct luo_member member;
	__u32 half;
	__u64 whole;

	if (!luo_layout_find(layout, name, &member))
		return 0;
	if (member.size == sizeof(half)) {
		memcpy(&half, value + member.offset, sizeof(half));
		return half;
	}
	memcpy(&whole, value + member.offset, sizeof(whole));
	return whole;
}

const char *luo_layout_text(const struct luo_layout *layout, const void *value,
			    const char *name)
{
	struct luo_member member;

	return luo_layout_find(layout, name, &member) ? value + member.offset : "";
}

/* libbpf has pairs of members checked when it loaded the object. */
static void copy_members(const struct luo_layout *from, const struct luo_layout *to,
			 const void *data, void *value)
{
	struct luo_member a, b;

	for (__u32 i = 0; luo_layout_member(from, i, &a); i++) {
		struct bpf_program *prog;
		unsigned long fd;

		if (!luo_layout_find(to, a.name, &b) || a.size != b.size)
			continue;
		if (!a.callback) {
			memcpy(value + b.offset, data + a.offset, a.size);
			continue;
		}
		memcpy(&prog, data + a.offset, sizeof(prog));
		if (!prog)
			continue;
		fd = bpf_program__fd(prog);
		memcpy(value + b.offset, &fd, sizeof(fd));
	}
}

void *luo_value_for_kernel(const struct luo_handler *handler, int *err)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct luo_layout object, kernel;
	size_t size;
	void *data, *value = NULL;

	*err = btf ? 0 : -errno;
	if (!*err)
		*err = luo_layout_of_kernel(btf, &kernel);
	if (!*err)
		*err = luo_layout_of_object(bpf_object__btf(handler->object), &object);
	if (*err)
		goto out;

	data = bpf_map__initial_value(handler->map, &size);
	value = calloc(1, size);
	if (value)
		copy_members(&object, &kernel, data, value);
	else
		*err = -ENOMEM;
out:
	btf__free(btf);
	return value;
}
