// SPDX-License-Identifier: GPL-2.0
/*
 * What a handler's object needs of the kernel, from its BTF, and whether the kernel that
 * runs has it: nothing is loaded for that.
 */
#include <bpf/btf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "luoctl.h"

#define OPS_TYPE "luo_bpf_ops"
#define MODULES_MAX 512

/* The kernel's types, and those of its modules; none where they can't be read. */
struct kernel {
	struct btf *vmlinux;
	struct btf *modules[MODULES_MAX];
	size_t nr;
};

static void open_kernel(struct kernel *kernel)
{
	struct dirent *entry;
	DIR *dir;

	memset(kernel, 0, sizeof(*kernel));
	kernel->vmlinux = btf__load_vmlinux_btf();
	dir = kernel->vmlinux ? opendir("/sys/kernel/btf") : NULL;
	while (dir && (entry = readdir(dir)) && kernel->nr < MODULES_MAX) {
		struct btf *btf;

		if (*entry->d_name == '.' || !strcmp(entry->d_name, "vmlinux"))
			continue;
		btf = btf__load_module_btf(entry->d_name, kernel->vmlinux);
		if (btf)
			kernel->modules[kernel->nr++] = btf;
	}
	if (dir)
		closedir(dir);
}

static void close_kernel(struct kernel *kernel)
{
	while (kernel->nr)
		btf__free(kernel->modules[--kernel->nr]);
	btf__free(kernel->vmlinux);
}

static bool kernel_has(const struct kernel *kernel, const char *name, __u32 kind)
{
	bool found = kernel->vmlinux && btf__find_by_name_kind(kernel->vmlinux, name, kind) > 0;

	for (size_t i = 0; !found && i < kernel->nr; i++)
		found = btf__find_by_name_kind(kernel->modules[i], name, kind) > 0;
	return found;
}

/* More than one is as bad as none: which would it be? */
static bool one_symbol(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], symbol[256];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += sscanf(line, "%*s %*s %255s", symbol) == 1 && !strcmp(symbol, name);
	if (f)
		fclose(f);
	return n == 1;
}

/* Its program may do without the name; vmlinux.h has all kfuncs like that. */
static bool is_weak(Elf *elf, const char *name)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while (elf && (section = elf_nextscn(elf, section))) {
		Elf_Data *data = elf_getdata(section, NULL);
		GElf_Sym symbol;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB || !data)
			continue;
		for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
			const char *own = elf_strptr(elf, header.sh_link, symbol.st_name);

			if (own && symbol.st_shndx == SHN_UNDEF && !strcmp(own, name))
				return GELF_ST_BIND(symbol.st_info) == STB_WEAK;
		}
	}
	return false;
}

/* @here is below 0 where it is not known. */
static void add(struct json_object *rows, const char *kind, const char *name, int here,
		bool weak)
{
	struct json_object *row = new_object();

	put_string(row, "kind", kind);
	put_string(row, "name", name);
	if (here < 0)
		put(row, "here", NULL);
	else
		put_bool(row, "here", here);
	put_bool(row, "weak", weak);
	append(rows, row);
}

static void add_externs(struct json_object *rows, const struct btf *btf, const char *section,
			Elf *elf, const struct kernel *kernel)
{
	__s32 id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *sec = id < 0 ? NULL : btf__type_by_id(btf, id);

	for (__u32 i = 0; sec && i < btf_vlen(sec); i++) {
		const struct btf_type *type = btf__type_by_id(btf, btf_var_secinfos(sec)[i].type);
		const char *name = btf__name_by_offset(btf, type->name_off);
		bool weak = is_weak(elf, name);

		if (!strcmp(section, ".kconfig"))
			/* LINUX_KERNEL_VERSION is libbpf's; what is unset counts as n. */
			add(rows, "config", name, -1, weak);
		else if (btf_is_func(type))
			add(rows, "kfunc", name,
			    kernel->vmlinux ? kernel_has(kernel, name, BTF_KIND_FUNC) : -1, weak);
		else
			add(rows, "variable", name,
			    kernel->vmlinux ? kernel_has(kernel, name, BTF_KIND_VAR) ||
					      one_symbol(name) : -1, weak);
	}
}

static bool has_member(const struct btf *btf, const char *name)
{
	__s32 id = btf__find_by_name_kind(btf, OPS_TYPE, BTF_KIND_STRUCT);
	const struct btf_type *ops = id < 0 ? NULL : btf__type_by_id(btf, id);

	for (__u32 i = 0; ops && i < btf_vlen(ops); i++) {
		if (!strcmp(btf__name_by_offset(btf, btf_members(ops)[i].name_off), name))
			return true;
	}
	return false;
}

static const void *value_of(struct luo_handler *handler, size_t *size)
{
	const char *compatible = luo_handler__compatible(handler);
	struct bpf_map *map;

	/* The one whose first member says what the library says. */
	bpf_object__for_each_map(map, luo_handler__object(handler)) {
		const char *value;

		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		value = bpf_map__initial_value(map, size);
		if (value && *size > strlen(compatible) &&
		    memmem(value, *size, compatible, strlen(compatible)))
			return value;
	}
	return NULL;
}

/* Members that are not 0: what is, an older kernel need not know. */
static void add_members(struct json_object *rows, struct luo_handler *handler,
			const struct kernel *kernel)
{
	const struct btf *btf = bpf_object__btf(luo_handler__object(handler));
	__s32 id = btf__find_by_name_kind(btf, OPS_TYPE, BTF_KIND_STRUCT);
	const struct btf_type *ops = id < 0 ? NULL : btf__type_by_id(btf, id);
	size_t size;
	const char *value = value_of(handler, &size);

	for (__u32 i = 0; ops && value && i < btf_vlen(ops); i++) {
		const struct btf_member *m = btf_members(ops) + i;
		const char *name = btf__name_by_offset(btf, m->name_off);
		__s64 len = btf__resolve_size(btf, m->type);
		bool callback, set = false;

		callback = btf_is_ptr(btf__type_by_id(btf, btf__resolve_type(btf, m->type)));
		for (__s64 b = 0; b < len && m->offset / 8 + b < (__s64)size; b++)
			set |= value[m->offset / 8 + b];
		if (set)
			add(rows, callback ? "callback" : "member", name,
			    kernel->vmlinux ? has_member(kernel->vmlinux, name) : -1, false);
	}
}

static void add_fops(struct json_object *rows, struct luo_handler *handler)
{
	const struct luo_handler_info *info = luo_handler__info(handler);
	char *names = info ? strdup(info->fops) : NULL, *rest = names, *name;

	while (rest && (name = strsep(&rest, " "))) {
		/* MODULE:NAME may come with its module. */
		if (*name)
			add(rows, "fops", name, strchr(name, ':') ? -1 : one_symbol(name),
			    strchr(name, ':'));
	}
	free(names);
}

struct json_object *object_needs(struct luo_handler *handler, const char *path)
{
	/* As it is in the file: libbpf has changed what is external. */
	struct btf *btf = btf__parse_elf(path, NULL);
	int fd = btf ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct json_object *rows;
	struct kernel kernel;
	Elf *elf = NULL;

	if (fd < 0) {
		btf__free(btf);
		return NULL;
	}
	if (elf_version(EV_CURRENT) != EV_NONE)
		elf = elf_begin(fd, ELF_C_READ, NULL);
	rows = new_array();
	open_kernel(&kernel);
	add(rows, "struct", OPS_TYPE, kernel.vmlinux ?
	    kernel_has(&kernel, "bpf_struct_ops_" OPS_TYPE, BTF_KIND_STRUCT) : -1, false);
	add_members(rows, handler, &kernel);
	add_externs(rows, btf, ".ksyms", elf, &kernel);
	add_externs(rows, btf, ".kconfig", elf, &kernel);
	add_fops(rows, handler);
	close_kernel(&kernel);
	elf_end(elf);
	close(fd);
	btf__free(btf);
	return rows;
}
