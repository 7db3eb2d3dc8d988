// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * Why a handler can't be. The kernel answers with a bare errno; what can be seen
 * from here is said in a sentence, before the kernel is asked or after.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

struct object {
	const struct luo_handler *handler;
	struct luo_layout layout;
	const void *data;
};

static const struct bpf_program *callback(const struct object *object, const char *name)
{
	struct bpf_program *prog = NULL;
	struct luo_member member;

	if (luo_layout_find(&object->layout, name, &member))
		memcpy(&prog, object->data + member.offset, sizeof(prog));
	return prog;
}

static bool terminated(const struct object *object, const char *name)
{
	struct luo_member member;

	return !luo_layout_find(&object->layout, name, &member) ||
	       memchr(object->data + member.offset, 0, member.size);
}

static bool check_texts(const struct object *object)
{
	const char *map = bpf_map__name(object->handler->map);
	const char *compatible = luo_layout_text(&object->layout, object->data, "compatible");

	if (!terminated(object, "compatible") || !terminated(object, "fops")) {
		warn("handler '%s': .%s is too long: its NUL has no room\n", map,
		     terminated(object, "fops") ? "compatible" : "fops");
		return false;
	}
	if (!*compatible) {
		warn("handler '%s': .compatible is empty\n", map);
		return false;
	}
	return true;
}

static bool check_callbacks(const struct object *object)
{
	static const char *const required[] = { "preserve", "retrieve" };
	const char *map = bpf_map__name(object->handler->map);
	struct luo_member member;

	for (size_t i = 0; i < sizeof(required) / sizeof(*required); i++) {
		if (callback(object, required[i]))
			continue;
		warn("handler '%s': .%s is missing\n", map, required[i]);
		return false;
	}
	if (!callback(object, "can_preserve") &&
	    !*luo_layout_text(&object->layout, object->data, "fops")) {
		warn("handler '%s': neither .fops nor .can_preserve says which files it takes\n",
		     map);
		return false;
	}
	for (__u32 i = 0; luo_layout_member(&object->layout, i, &member); i++) {
		const struct bpf_program *prog = callback(object, member.name);

		if (!member.callback || !prog ||
		    !strncmp(bpf_program__section_name(prog), "struct_ops.s", 12))
			continue;
		warn("handler '%s': .%s can't sleep: its section must be struct_ops.s/%s, not %s\n",
		     map, member.name, member.name, bpf_program__section_name(prog));
		return false;
	}
	return true;
}

int luo_check_object(const struct luo_handler *handler)
{
	struct object object = { .handler = handler };
	size_t size;

	if (luo_layout_of_object(bpf_object__btf(handler->object), &object.layout))
		return -EINVAL;
	object.data = bpf_map__initial_value(handler->map, &size);
	if (!(bpf_map__map_flags(handler->map) & BPF_F_LINK)) {
		warn("handler '%s': its section must be .struct_ops.link, which has a link\n",
		     bpf_map__name(handler->map));
		return -EINVAL;
	}
	return check_texts(&object) && check_callbacks(&object) ? 0 : -EINVAL;
}

struct same {
	const char *compatible;
	__u32 link_id;
};

static int find_same(const struct luo_handler_info *info, void *ctx)
{
	struct same *same = ctx;

	if (strcmp(info->compatible, same->compatible))
		return 0;
	same->link_id = info->link_id;
	return 1;
}

/* How many symbols have the name: 0 if that can't be read. */
static int count_symbols(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], symbol[256];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += sscanf(line, "%*s %*s %255s", symbol) == 1 && !strcmp(symbol, name);
	if (f)
		fclose(f);
	return n;
}

static void explain_names(const struct luo_handler *handler, int err)
{
	struct luo_layout layout;
	char names[256], *rest = names, *name;
	size_t size;

	if (luo_layout_of_object(bpf_object__btf(handler->object), &layout))
		return;
	snprintf(names, sizeof(names), "%s",
		 luo_layout_text(&layout, bpf_map__initial_value(handler->map, &size), "fops"));
	while ((name = strsep(&rest, " "))) {
		/* MODULE:NAME may come later. */
		int n = *name && !strchr(name, ':') ? count_symbols(name) : 1;

		if (err == ENOENT ? n == 0 : n > 1)
			warn("handler '%s': the kernel has %s symbol '%s'\n", handler->compatible,
			     n ? "more than one" : "no", name);
	}
}

static const char *sentence(int err)
{
	switch (err) {
	case EPERM:
		return "CAP_SYS_ADMIN in the initial user namespace is needed, and no lockdown";
	case EOPNOTSUPP:
		return "the kernel has no live update here: liveupdate=on, CONFIG_LIVEUPDATE_BPF";
	case ENOENT:
		return "a name in .fops is unknown";
	case ENOTUNIQ:
		return "a name in .fops is ambiguous";
	case EEXIST:
		return "its compatible string is taken";
	case EBUSY:
		return "another handler serves the same file operations";
	case EINVAL:
		return "a member has an impossible value: see the kernel's log";
	default:
		return "see the kernel's log";
	}
}

void luo_explain_attach(const struct luo_handler *handler, const char *what, int err)
{
	struct same same = { .compatible = handler->compatible };

	err = -err;
	warn("handler '%s': %s: %s: %s\n", handler->compatible, what, strerror(err),
	     err == EINVAL && !strcmp(what, "upgrade") ?
	     "the attached one has another compatible string, or state that this can't read" :
	     sentence(err));
	if (err == ENOENT || err == ENOTUNIQ)
		explain_names(handler, err);
	if (err == EEXIST && luo_handler__list(find_same, &same) == 1)
		warn("handler '%s': link %u has it, see bpftool link show id %u\n",
		     handler->compatible, same.link_id, same.link_id);
}
