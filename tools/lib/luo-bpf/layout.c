// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * Where the members of struct luo_bpf_ops are: an object has the structure as it
 * was compiled, the kernel as it is now, and members are paired by their names.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static int take_members(const struct btf *btf, const struct btf_type *ops, __u32 offset,
			struct luo_layout *layout)
{
	if (btf_vlen(ops) > LUO_MEMBERS_MAX)
		return -E2BIG;
	for (__u32 i = 0; i < btf_vlen(ops); i++) {
		const struct btf_member *m = btf_members(ops) + i;
		const struct btf_type *type =
			btf__type_by_id(btf, btf__resolve_type(btf, m->type));

		layout->members[i] = (struct luo_member) {
			.name = btf__name_by_offset(btf, m->name_off),
			.offset = offset + m->offset / 8,
			.size = btf__resolve_size(btf, m->type),
			.callback = btf_is_ptr(type),
		};
	}
	layout->nr_members = btf_vlen(ops);
	return 0;
}

int luo_layout_of_object(const struct btf *btf, struct luo_layout *layout)
{
	__s32 id = btf ? btf__find_by_name_kind(btf, OPS_TYPE, BTF_KIND_STRUCT) : -ENOENT;

	layout->value_type = 0;
	return id < 0 ? -ENOENT : take_members(btf, btf__type_by_id(btf, id), 0, layout);
}

/* The ops in a value of the kernel's */
static int find_ops(const struct btf *btf, struct luo_layout *layout)
{
	__s32 id = btf__find_by_name_kind(btf, VALUE_TYPE, BTF_KIND_STRUCT);
	const struct btf_type *value;

	if (id < 0)
		return -EOPNOTSUPP;
	layout->value_type = id;
	value = btf__type_by_id(btf, id);
	for (__u32 i = 0; i < btf_vlen(value); i++) {
		const struct btf_member *m = btf_members(value) + i;

		if (strcmp(btf__name_by_offset(btf, m->name_off), "data"))
			continue;
		id = btf__resolve_type(btf, m->type);
		return take_members(btf, btf__type_by_id(btf, id), m->offset / 8, layout);
	}
	return -EOPNOTSUPP;
}

/* The names are the BTF's, which goes. */
static int keep_names(struct luo_layout *layout)
{
	for (__u32 i = 0; i < layout->nr_members; i++) {
		char *name = strdup(layout->members[i].name);

		if (!name) {
			while (i--)
				free((char *)layout->members[i].name);
			return -ENOMEM;
		}
		layout->members[i].name = name;
	}
	return 0;
}

const struct luo_layout *luo_layout_of_kernel(int *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct luo_layout layout;
	static bool known;
	struct btf *btf;

	*err = 0;
	pthread_mutex_lock(&lock);
	if (!known) {
		btf = btf__load_vmlinux_btf();
		*err = btf ? find_ops(btf, &layout) : -errno;
		if (!*err)
			*err = keep_names(&layout);
		known = !*err;
		btf__free(btf);
	}
	pthread_mutex_unlock(&lock);
	return *err ? NULL : &layout;
}

bool luo_layout_member(const struct luo_layout *layout, __u32 i, struct luo_member *member)
{
	if (i >= layout->nr_members)
		return false;
	*member = layout->members[i];
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
	const struct luo_layout *kernel = luo_layout_of_kernel(err);
	struct luo_layout object;
	size_t size;
	void *data, *value;

	if (kernel)
		*err = luo_layout_of_object(bpf_object__btf(handler->object), &object);
	if (*err)
		return NULL;

	data = bpf_map__initial_value(handler->map, &size);
	value = calloc(1, size);
	if (value)
		copy_members(&object, kernel, data, value);
	else
		*err = -ENOMEM;
	return value;
}
