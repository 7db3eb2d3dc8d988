// SPDX-License-Identifier: GPL-2.0
/*
 * Handlers' objects that are damaged, or made to do harm: all that libluo-bpf reads of one before
 * the kernel sees it, under the sanitizers. The library is at fault for what is found in it, but
 * not for what is found in libbpf: who has to survive that opens objects in a child.
 */
#include <bpf/btf.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "object.h"
#include "tap.h"
#include "tools/lib/luo-bpf/internal.h"

#define ROUNDS	600		/* of each object */
#define SECONDS	60		/* for all of them */

/* What luo_handler__open_mem() and what comes after it made of the objects; shared with children */
static struct counts {
	int next;
	int refused, checked, accepted;
} *counts;

static struct object {
	unsigned char *data;
	size_t size;
} object, copy;

static uint64_t random_state;

const char *__ubsan_default_options(void)
{
	return "halt_on_error=1:print_stacktrace=1";
}

const char *__asan_default_options(void)
{
	return "detect_leaks=0:allocator_may_return_null=1";
}

static uint32_t random_number(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return below ? (random_state >> 16) % below : 0;
}

static void read_object(const char *path)
{
	FILE *f = fopen(path, "re");

	must(f && !fseek(f, 0, SEEK_END) ? 0 : -errno, "%s", path);
	object.size = ftell(f);
	rewind(f);
	free(object.data);
	free(copy.data);
	object.data = malloc(object.size);
	copy.data = malloc(object.size);
	must(fread(object.data, 1, object.size, f) == object.size ? 0 : -EIO, "%s", path);
	fclose(f);
}

/* All of it, as if it had just been read */
static void restore(void)
{
	memcpy(copy.data, object.data, object.size);
	copy.size = object.size;
}

/* A section of the intact object, in the copy; NULL if there is none of the name */
static unsigned char *section(const char *name, size_t *size)
{
	const Elf64_Ehdr *elf = (const void *)object.data;
	const Elf64_Shdr *headers = (const void *)(object.data + elf->e_shoff);
	const char *names = (const char *)object.data + headers[elf->e_shstrndx].sh_offset;

	for (int i = 1; i < elf->e_shnum; i++) {
		if (strcmp(names + headers[i].sh_name, name))
			continue;
		*size = headers[i].sh_size;
		return copy.data + headers[i].sh_offset;
	}
	return NULL;
}

/* All that is done to an object before it is loaded */
static int use(void)
{
	struct luo_handler *handler = luo_handler__open_mem(copy.data, copy.size, NULL);
	const struct luo_handler_info *info;
	int err;

	if (!handler) {
		counts->refused++;
		return -errno;
	}
	info = luo_handler__info(handler);
	if (!info || strlen(info->compatible) + strlen(info->fops) > copy.size)
		abort();
	err = luo_check_object(handler);
	if (err)
		counts->checked++;
	else
		counts->accepted++;
	luo_handler__close(handler);
	return err;
}

static void flip(unsigned char *bytes, size_t size)
{
	for (uint32_t n = 1 + random_number(8); size && n; n--)
		bytes[random_number(size)] ^= 1 << random_number(8);
}

/* A number where there may be one: a type, a size, an offset, a string's place */
static void renumber(unsigned char *bytes, size_t size)
{
	static const uint32_t numbers[] = {
		0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8,
	};
	uint32_t number = numbers[random_number(sizeof(numbers) / sizeof(*numbers))];

	if (random_number(2))
		number = random_number(256);
	if (size >= 4)
		memcpy(bytes + random_number(size / 4) * 4, &number, sizeof(number));
}

static void damage(int round)
{
	static const char *const sections[] = { ".BTF", ".BTF", ".struct_ops.link",
		".rel.struct_ops.link", ".symtab", ".strtab", ".BTF.ext", ".maps" };
	const char *name = sections[round % (sizeof(sections) / sizeof(*sections))];
	size_t size = 0, headers = ((Elf64_Ehdr *)object.data)->e_shoff;
	unsigned char *bytes = section(name, &size);

	switch (random_number(8)) {
	case 0:
		copy.size = random_number(copy.size);
		break;
	case 1:
		flip(copy.data, copy.size);
		break;
	case 2:
		flip(copy.data + headers, copy.size - headers);
		break;
	case 3:
	case 4:
		flip(bytes, size);
		break;
	default:
		for (uint32_t n = 1 + random_number(3); n; n--)
			renumber(bytes, size);
	}
}

static void run_rounds(void)
{
	for (; counts->next < ROUNDS; counts->next++) {
		random_state = 0x9e3779b97f4a7c15 * (counts->next + 1) + object.size;
		restore();
		damage(counts->next);
		use();
	}
}

/* Whose code is first in a report of the sanitizers? */
static bool is_ours(const char *report)
{
	const char *ours = strstr(report, "/tools/lib/luo-bpf/");
	const char *libbpf = strstr(report, "/tools/lib/bpf/");

	return !libbpf || (ours && ours < libbpf);
}

static void read_report(int fd, char *report, size_t size)
{
	ssize_t n = pread(fd, report, size - 1, 0);

	report[n > 0 ? n : 0] = '\0';
}

/* In a child, whose report goes to @fd; its status */
static int in_child(void (*fn)(void), int fd)
{
	int status;
	pid_t pid;

	must(ftruncate(fd, 0), "truncate");
	fflush(NULL);
	pid = must(fork(), "fork");
	if (!pid) {
		alarm(SECONDS);
		lseek(fd, 0, SEEK_SET);
		dup2(fd, STDERR_FILENO);
		fn();
		_exit(0);
	}
	must(waitpid(pid, &status, 0), "wait");
	return status;
}

/* How often the library is at fault; *libbpf counts the rest. */
static int damage_object(int fd, int *libbpf)
{
	static char report[65536];
	int ours = 0;

	counts->next = 0;
	while (counts->next < ROUNDS && ours < 3) {
		if (!in_child(run_rounds, fd))
			continue;
		read_report(fd, report, sizeof(report));
		if (is_ours(report)) {
			ours++;
			tap_note("round %d: %s", counts->next, report);
		} else {
			++*libbpf;
		}
		counts->next++;
	}
	return ours;
}

/* struct luo_bpf_ops, in the copy */
static struct btf_type *ops_in_copy(void)
{
	return object_type(copy.data, copy.size, OPS_TYPE, BTF_KIND_STRUCT);
}

enum what { OFFSET, TYPE, NAME };

/*
 * One number of each member, and what comes of it: refused whenever the object is opened, or
 * checked.
 */
static const struct made {
	const char *name;
	enum what what;
	uint32_t value;
} made[] = {
	{ "beyond the end", OFFSET, 1u << 30 },
	{ "at the very end", OFFSET, 0x00fffff8 },
	{ "not at a byte", OFFSET, 3 },
	{ "of no type", TYPE, 0 },
	{ "of a type that there is not", TYPE, 0x00ffffff },
	{ "of the structure's own type", TYPE, 1 },
	{ "without a name", NAME, 0 },
	{ "with a name that is nowhere", NAME, 0x7fffffff },
};

static const struct made *making;
static int member;

static void use_made(void)
{
	struct btf_type *ops;
	struct btf_member *m;

	restore();
	ops = ops_in_copy();
	m = btf_members(ops) + member;
	if (making->what == OFFSET)
		m->offset = making->value;
	else if (making->what == TYPE)
		m->type = making->value;
	else
		m->name_off = making->value;
	/* 0 or 1: what the object says may be all right by chance. */
	use();
}

/* A structure that says that it is smaller than its members */
static void use_small(void)
{
	restore();
	ops_in_copy()->size = 8;
	if (!use())
		abort();
}

/* Where there is no callback: without a relocation libbpf leaves there what the compiler put. */
static size_t no_callback(void)
{
	struct luo_handler *handler = luo_handler__open_mem(copy.data, copy.size, NULL);
	struct luo_member member;
	size_t size, at = 0;
	const void *value;

	if (!handler)
		abort();
	value = bpf_map__initial_value(handler->map, &size);
	for (__u32 i = 0; luo_layout_member(&handler->layout, i, &member); i++) {
		static const char none[sizeof(void *)];

		if (member.callback && !memcmp(value + member.offset, none, sizeof(none)))
			at = member.offset;
	}
	luo_handler__close(handler);
	return at;
}

/* A callback that is a number, in the place of a program */
static void use_number(void)
{
	unsigned char *value;
	size_t size, at;

	restore();
	at = no_callback();
	value = section(".struct_ops.link", &size);
	if (!at || !value)
		abort();
	memset(value + at, 0x41, sizeof(void *));
	if (use() != -EINVAL)
		abort();
}

static void use_fatal(void)
{
	restore();
	object_make_fatal(copy.data, copy.size);
	use();
}

static void check_made(int fd)
{
	static char report[65536];
	int members, bad;

	restore();
	members = btf_vlen(ops_in_copy());
	for (making = made; making < made + sizeof(made) / sizeof(*made); making++) {
		bad = 0;
		for (member = 0; member < members; member++) {
			if (!in_child(use_made, fd))
				continue;
			read_report(fd, report, sizeof(report));
			bad += is_ours(report);
			if (is_ours(report))
				tap_note("member %d: %s", member, report);
		}
		check_eq(bad, 0, "a member %s", making->name);
	}
	check_eq(in_child(use_small, fd), 0, "a structure that is too small");
	check_eq(in_child(use_number, fd), 0, "a callback that is no program");
	bad = in_child(use_fatal, fd);
	read_report(fd, report, sizeof(report));
	check(!bad || !is_ours(report), "libbpf falls, or does not: not the library");
	if (bad)
		tap_note("libbpf does not survive a variable that is far behind the end of its section");
}

static void use_intact(void)
{
	restore();
	if (use())
		abort();
}

int main(void)
{
	glob_t objects;
	int fd, libbpf = 0;

	tap_start(true, 0);
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	fd = must(memfd_create("report", MFD_CLOEXEC), "memfd");
	must(glob(HANDLERS "/*.bpf.o", 0, NULL, &objects) ? -ENOENT : 0, HANDLERS);
	for (size_t i = 0; i < objects.gl_pathc; i++) {
		const char *name = strrchr(objects.gl_pathv[i], '/') + 1;

		read_object(objects.gl_pathv[i]);
		check_eq(in_child(use_intact, fd), 0, "%s: as it is, it is all right", name);
		if (!i)
			check_made(fd);
		check_eq(damage_object(fd, &libbpf), 0, "%s: damaged in %d ways", name, ROUNDS);
	}
	tap_note("%d refused when opened, %d when checked, %d as good as before; libbpf fell %d times",
		 counts->refused, counts->checked, counts->accepted, libbpf);
	check(counts->refused > ROUNDS && counts->checked > ROUNDS / 10 &&
	      counts->accepted > ROUNDS / 10,
	      "damage of each kind was seen");
	globfree(&objects);
	tap_finish();
}
