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

#define SLEEPABLE "struct_ops.s"
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+"

struct object {
	const struct luo_handler *handler;
	const struct luo_layout *layout;
	const void *data;
};

/* The bytes of a pointer: they may be anything where libbpf has put no program. */
static const void *pointer(const struct object *object, const struct luo_member *member)
{
	const void *pointer;

	memcpy(&pointer, object->data + member->offset, sizeof(pointer));
	return pointer;
}

static const struct bpf_program *program(const struct object *object, const void *pointer)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, object->handler->object) {
		if (prog == pointer)
			return prog;
	}
	return NULL;
}

static bool has_callback(const struct object *object, const char *name)
{
	struct luo_member member;

	return luo_layout_find(object->layout, name, &member) && member.callback &&
	       pointer(object, &member);
}

static bool terminated(const struct object *object, const char *name)
{
	struct luo_member member;

	return !luo_layout_find(object->layout, name, &member) ||
	       memchr(object->data + member.offset, 0, member.size);
}

/* What is said and returned here is what the kernel would, without a log of its own. */
static int refuse(const struct object *object, int err, const char *why)
{
	warn("handler '%s' (%s): %s\n", bpf_map__name(object->handler->map),
	     object->handler->compatible, why);
	return err;
}

/* An object from before there was shared state has no such member. */
static int check_shared(const struct object *object)
{
	const char *name = luo_layout_text(object->layout, object->data, "shared");

	if (!terminated(object, "shared"))
		return refuse(object, -ENAMETOOLONG, ".shared is too long");
	if (name[strspn(name, NAME_CHARS)])
		return refuse(object, -EILSEQ, ".shared may have letters, digits and -_.+");
	return 0;
}

static int check_values(const struct object *object)
{
	const char *name = luo_layout_text(object->layout, object->data, "compatible");
	__u64 version = luo_layout_number(object->layout, object->data, "version") ?: 1;

	if (!terminated(object, "compatible"))
		return refuse(object, -ENAMETOOLONG, ".compatible is too long");
	if (!*name)
		return refuse(object, -EINVAL, ".compatible is empty");
	if (name[strspn(name, NAME_CHARS)])
		return refuse(object, -EILSEQ, ".compatible may have letters, digits and -_.+");
	if (!terminated(object, "fops"))
		return refuse(object, -ENAMETOOLONG, ".fops is too long");
	if (luo_layout_number(object->layout, object->data, "min_version") > version)
		return refuse(object, -ERANGE, ".min_version is above .version");
	return check_shared(object);
}

static int check_callback(const struct object *object, const struct luo_member *member)
{
	const void *there = pointer(object, member);
	const struct bpf_program *prog = program(object, there);

	if (!there)
		return 0;
	if (!prog) {
		warn("handler '%s': .%s is no program of the object, which is damaged\n",
		     object->handler->compatible, member->name);
		return -EINVAL;
	}
	if (!strncmp(bpf_program__section_name(prog), SLEEPABLE, strlen(SLEEPABLE)))
		return 0;
	warn("handler '%s': .%s can't sleep: its section must be " SLEEPABLE "/%s, not %s\n",
	     object->handler->compatible, member->name, member->name,
	     bpf_program__section_name(prog));
	return -EINVAL;
}

static int check_callbacks(const struct object *object)
{
	struct luo_member member;

	if (!has_callback(object, "preserve"))
		return refuse(object, -ENOEXEC, ".preserve is missing");
	if (!has_callback(object, "retrieve"))
		return refuse(object, -ENOEXEC, ".retrieve is missing");
	if (!has_callback(object, "can_preserve") &&
	    !*luo_layout_text(object->layout, object->data, "fops"))
		return refuse(object, -EDESTADDRREQ,
			      "neither .fops nor .can_preserve says which files it takes");

	for (__u32 i = 0; luo_layout_member(object->layout, i, &member); i++) {
		int err = member.callback ? check_callback(object, &member) : 0;

		if (err)
			return err;
	}
	return 0;
}

int luo_check_object(const struct luo_handler *handler)
{
	struct object object = { .handler = handler, .layout = &handler->layout };
	size_t size;
	int err;

	object.data = bpf_map__initial_value(handler->map, &size);
	if (!(bpf_map__map_flags(handler->map) & BPF_F_LINK))
		return refuse(&object, -EOPNOTSUPP,
			      "its section must be .struct_ops.link, which has a link");
	err = check_values(&object);
	return err ?: check_callbacks(&object);
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
	char names[256], *rest = names, *name;
	size_t size;

	snprintf(names, sizeof(names), "%s",
		 luo_layout_text(&handler->layout, bpf_map__initial_value(handler->map, &size),
				 "fops"));
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
		return "a name in .fops is unknown; of a module to come, it is MODULE:NAME";
	case ENOTUNIQ:
		return "a name in .fops is ambiguous; of a module, it is MODULE:NAME";
	case E2BIG:
		return "too many names in .fops";
	case EFBIG:
		return ".max_bytes is above the limit";
	case EEXIST:
		return "its compatible string is taken: upgrade that one instead";
	case EBUSY:
		return "its .fops are another handler's, and not both have .can_preserve";
	default:
		return "see the kernel's log";
	}
}

static const char *upgrade_sentence(int err)
{
	switch (err) {
	case EINVAL:
		return "another compatible string is attached, or a version it does not read";
	default:
		return sentence(err);
	}
}

void luo_explain_attach(const struct luo_handler *handler, const char *what, int err)
{
	struct same same = { .compatible = handler->compatible };

	err = -err;
	warn("handler '%s': %s: %s: %s\n", handler->compatible, what, strerror(err),
	     !strcmp(what, "upgrade") ? upgrade_sentence(err) : sentence(err));
	if (err == ENOENT || err == ENOTUNIQ)
		explain_names(handler, err);
	if (err == EEXIST && luo_handler__list(find_same, &same) == 1)
		warn("handler '%s': link %u has it, see bpftool link show id %u\n",
		     handler->compatible, same.link_id, same.link_id);
}
