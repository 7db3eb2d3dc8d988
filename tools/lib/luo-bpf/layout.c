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

/* What an object says of itself may be anything: none of it is where it would not be. */
static int take_member(const struct btf *btf, const struct btf_type *ops, __u32 i, __u32 offset,
		       __u32 end, struct luo_member *member)
{
	const struct btf_member *m = btf_members(ops) + i;
	__u32 bits = btf_member_bit_offset(ops, i);
	__s64 size = btf__resolve_size(btf, m->type);
	const struct btf_type *type = btf__type_by_id(btf, btf__resolve_type(btf, m->type));

	member->name = btf__name_by_offset(btf, m->name_off);
	if (!member->name || !type || size < 0 || bits % 8 || btf_member_bitfield_size(ops, i))
		return -EINVAL;
	if (offset > end || bits / 8 > end - offset || size > end - offset - bits / 8)
		return -EINVAL;
	member->callback = btf_is_ptr(type);
	if (member->callback && size != sizeof(void *))
		return -EINVAL;
	member->offset = offset + bits / 8;
	member->size = size;
	return 0;
}

/* Of the structure at @offset in a value of @size bytes */
static int take_members(const struct btf *btf, const struct btf_type *ops, __u32 offset,
			__u32 size, struct luo_layout *layout)
{
	layout->nr_members = 0;
	layout->size = size;
	if (!ops || !btf_is_struct(ops))
		return -EINVAL;
	if (btf_vlen(ops) > LUO_MEMBERS_MAX)
		return -E2BIG;
	for (__u32 i = 0; i < btf_vlen(ops); i++) {
		int err = take_member(btf, ops, i, offset, size, &layout->members[i]);

		if (err)
			return err;
	}
	layout->nr_members = btf_vlen(ops);
	return 0;
}

int luo_layout_of_object(const struct btf *btf, const struct btf_type *ops, size_t size,
			 struct luo_layout *layout)
{
	layout->value_type = 0;
	return size > INT32_MAX ? -EINVAL : take_members(btf, ops, 0, size, layout);
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
		return take_members(btf, btf__type_by_id(btf, id),
				    btf_member_bit_offset(value, i) / 8, value->size, layout);
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
	if (member.size != sizeof(whole))
		return 0;
	memcpy(&whole, value + member.offset, sizeof(whole));
	return whole;
}

const char *luo_layout_text(const struct luo_layout *layout, const void *value,
			    const char *name)
{
	struct luo_member member;

	if (!luo_layout_find(layout, name, &member) ||
	    !memchr(value + member.offset, 0, member.size))
		return "";
	return value + member.offset;
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
	size_t size;
	void *data, *value;

	if (!kernel)
		return NULL;
	data = bpf_map__initial_value(handler->map, &size);
	/* Once it is loaded, its size is that of a value of the kernel's. */
	value = size < kernel->size ? NULL : calloc(1, size);
	if (value)
		copy_members(&handler->layout, kernel, data, value);
	else
		*err = size < kernel->size ? -EINVAL : -ENOMEM;
	return value;
}
