// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "object.h"
#include "tap.h"

/* The BTF of an object that is as it was built: of all that begins like one, the first is. */
static unsigned char *find_btf(unsigned char *object, size_t size, size_t *btf_size)
{
	static const unsigned char begin[] = {
		0x9f, 0xeb, 1, 0, sizeof(struct btf_header), 0, 0, 0,
	};
	unsigned char *at = memmem(object, size, begin, sizeof(begin));
	struct btf_header header;

	must(at ? 0 : -ENOENT, "find BTF");
	memcpy(&header, at, sizeof(header));
	*btf_size = header.hdr_len + header.str_off + header.str_len;
	return at;
}

struct btf_type *object_type(unsigned char *object, size_t size, const char *name, int kind)
{
	size_t btf_size, at;
	unsigned char *bytes = find_btf(object, size, &btf_size);
	struct btf *btf = btf__new(bytes, btf_size);
	const unsigned char *raw, *type;
	__u32 raw_size;
	__s32 id;

	id = must(btf ? btf__find_by_name_kind(btf, name, kind) : -errno, "find %s", name);
	raw = btf__raw_data(btf, &raw_size);
	type = (const unsigned char *)btf__type_by_id(btf, id);
	at = type - raw;
	must(raw && type > raw && at < btf_size ? 0 : -EINVAL, "where %s is", name);
	btf__free(btf);
	return (struct btf_type *)(bytes + at);
}

void object_make_fatal(unsigned char *object, size_t size)
{
	struct btf_type *ops = object_type(object, size, "luo_bpf_ops", BTF_KIND_STRUCT);
	struct btf_type *section = object_type(object, size, ".struct_ops.link", BTF_KIND_DATASEC);

	btf_var_secinfos(section)->offset = -ops->size;
}
