// SPDX-License-Identifier: GPL-2.0
/* A handler's object, in a memfd: it can be stored, and carried over. */
#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "luod.h"

#define OBJECT_MAX	(16 << 20)

int object_empty(void)
{
	int object = memfd_create("luo-handler", MFD_CLOEXEC);

	return object < 0 ? -errno : object;
}

off_t object_size(int object)
{
	struct stat st;

	return fstat(object, &st) ? 0 : st.st_size;
}

static int copy_all(int to, int from, off_t size)
{
	off_t offset = 0;

	while (offset < size) {
		ssize_t n = sendfile(to, from, &offset, size - offset);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

int object_copy(int fd)
{
	struct stat st;
	int object, err;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (!st.st_size || st.st_size > OBJECT_MAX)
		return -EFBIG;
	object = object_empty();
	if (object < 0)
		return object;
	err = copy_all(object, fd, st.st_size);
	if (!err)
		return object;
	close(object);
	return err;
}

struct luo_handler *object_open(int object, char **error)
{
	size_t size = object_size(object);
	struct luo_handler *handler = NULL;
	void *data;

	log_said_forget();
	data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, object, 0) : MAP_FAILED;
	if (data != MAP_FAILED) {
		handler = luo_handler__open_mem(data, size, NULL);
		munmap(data, size);
	}
	if (!handler) {
		free(*error);
		*error = strdup(*log_said() ? log_said() : "it is not a BPF object");
	}
	return handler;
}

static struct bpf_map *ops_of(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			return map;
	}
	return NULL;
}

static const struct btf_member *find_member(const struct btf *btf, const struct btf_type *type,
					    const char *name)
{
	const struct btf_member *member = btf_members(type);

	for (__u32 i = 0; i < btf_vlen(type); i++, member++) {
		if (!strcmp(btf__name_by_offset(btf, member->name_off), name))
			return member;
	}
	return NULL;
}

uint32_t object_version(struct luo_handler *handler)
{
	struct bpf_object *object = luo_handler__object(handler);
	const struct btf *btf = bpf_object__btf(object);
	__s32 id = btf__find_by_name_kind(btf, "luo_bpf_ops", BTF_KIND_STRUCT);
	const struct btf_member *member;
	struct bpf_map *map = ops_of(object);
	const void *value;
	uint32_t version;
	size_t size;

	member = id < 0 || !map ? NULL : find_member(btf, btf__type_by_id(btf, id), "version");
	if (!member)
		return 1;
	value = bpf_map__initial_value(map, &size);
	if (!value || member->offset / 8 + sizeof(version) > size)
		return 1;
	memcpy(&version, value + member->offset / 8, sizeof(version));
	return version ?: 1;
}
