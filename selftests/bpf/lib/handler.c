// SPDX-License-Identifier: GPL-2.0
#include <bpf/btf.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"

/* The verifier's log can be long; what matters is at its end. */
static char said[1 << 18];
static size_t said_len;

static int collect(enum libbpf_print_level level, const char *format, va_list args)
{
	int n;

	if (level == LIBBPF_DEBUG)
		return 0;
	if (said_len > sizeof(said) - (1 << 16)) {
		memmove(said, said + said_len / 2, said_len - said_len / 2);
		said_len -= said_len / 2;
	}
	n = vsnprintf(said + said_len, sizeof(said) - said_len, format, args);
	if (n > 0)
		said_len = strnlen(said, sizeof(said) - 1);
	return n;
}

void handler_log_mark(void)
{
	luo_set_print(collect);
	said[0] = '\0';
	said_len = 0;
}

void handler_log_libbpf(void)
{
	libbpf_set_print(collect);
}

static void show_said(void)
{
	char copy[4096], *rest = copy, *line;
	size_t skip = said_len > sizeof(copy) - 1 ? said_len - (sizeof(copy) - 1) : 0;

	snprintf(copy, sizeof(copy), "%s", said + skip);
	while ((line = strsep(&rest, "\n"))) {
		if (*line)
			tap_note("  said: %s", line);
	}
}

bool handler_logged(const char *regex)
{
	regex_t re;
	bool found;

	if (regcomp(&re, regex, REG_EXTENDED | REG_NOSUB | REG_NEWLINE))
		tap_bail("bad expression %s", regex);
	found = !regexec(&re, said, 0, NULL, 0);
	regfree(&re);
	if (!found)
		show_said();
	return found;
}

struct luo_handler *handler_open(const char *name)
{
	struct luo_handler *handler;
	char path[128];

	if (!said_len)
		handler_log_mark();
	snprintf(path, sizeof(path), "/handlers/%s.bpf.o", name);
	if (access(path, R_OK))
		snprintf(path, sizeof(path), "/selftests/progs/%s.bpf.o", name);
	handler = luo_handler__open(path, NULL);
	if (!handler) {
		show_said();
		tap_bail_at(-errno, TAP_HERE, "open %s", path);
	}
	return handler;
}

struct bpf_map *handler_map(struct luo_handler *handler)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, luo_handler__object(handler)) {
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			return map;
	}
	tap_bail("no struct_ops in the object");
}

void *handler_member(struct luo_handler *handler, const char *name)
{
	const struct btf *btf = bpf_object__btf(luo_handler__object(handler));
	__s32 id = must(btf__find_by_name_kind(btf, "luo_bpf_ops", BTF_KIND_STRUCT), "BTF");
	const struct btf_type *type = btf__type_by_id(btf, id);
	const struct btf_member *member = btf_members(type);
	size_t size;

	for (__u32 i = 0; i < btf_vlen(type); i++, member++) {
		if (!strcmp(btf__name_by_offset(btf, member->name_off), name))
			return bpf_map__initial_value(handler_map(handler), &size) +
			       member->offset / 8;
	}
	tap_bail("no member %s", name);
}

static void *in_section(const struct btf *btf, const char *section, const char *name, void *data)
{
	__s32 id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, id);

	for (__u32 i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *info = btf_var_secinfos(type) + i;
		const struct btf_type *var = btf__type_by_id(btf, info->type);

		if (!strcmp(btf__name_by_offset(btf, var->name_off), name))
			return data + info->offset;
	}
	return NULL;
}

void *handler_variable(struct luo_handler *handler, const char *name)
{
	struct bpf_object *object = luo_handler__object(handler);
	struct bpf_map *map;
	void *found = NULL;
	size_t size;

	bpf_object__for_each_map(map, object) {
		const char *section = strrchr(bpf_map__name(map), '.');
		void *data = bpf_map__initial_value(map, &size);

		if (!found && section && data && bpf_map__type(map) == BPF_MAP_TYPE_ARRAY)
			found = in_section(bpf_object__btf(object), section, name, data);
	}
	if (!found)
		tap_bail("no variable %s", name);
	return found;
}

static void must_do(int err, const char *what, const char *name)
{
	if (!err)
		return;
	show_said();
	tap_bail_at(err, TAP_HERE, "%s %s", what, name);
}

void handler_attach(const char *name)
{
	struct luo_handler *handler = handler_open(name);

	must_do(luo_handler__attach(handler), "attach", name);
	must_do(luo_handler__pin(handler, NULL), "pin", name);
	luo_handler__close(handler);
}

int handler_try(const char *name)
{
	struct luo_handler *handler = handler_open(name);
	int err = luo_handler__attach(handler);

	luo_handler__close(handler);
	return err;
}

int handler_upgrade(const char *name)
{
	struct luo_handler *handler = handler_open(name);
	int err = luo_handler__upgrade(handler, NULL);

	luo_handler__close(handler);
	return err;
}

int handler_detach(const char *compatible)
{
	struct luo_handler *handler = luo_handler__open_attached(compatible);
	int err = handler ? luo_handler__detach(handler) : -errno;

	luo_handler__close(handler);
	return err;
}

struct luo_device *device_open(void)
{
	struct luo_device *device = luo_device__open(NULL);

	must(device ? 0 : -errno, "/dev/liveupdate");
	return device;
}

struct luo_session *session_create(struct luo_device *device, const char *name)
{
	struct luo_session *session = luo_session__create(device, name);

	must(session ? 0 : -errno, "create session %s", name);
	return session;
}

struct luo_session *session_retrieve(struct luo_device *device, const char *name)
{
	struct luo_session *session = luo_session__retrieve(device, name);

	must(session ? 0 : -errno, "retrieve session %s", name);
	return session;
}
