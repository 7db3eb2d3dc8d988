// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel says itself: the BPF iterators of bpf/iterators, a line for each
 * entry under a heading. Names come last in a line, for they may have spaces.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "luoctl.h"

/* LUO_ITERATORS, or ../lib/luo/iterators from where this program is. */
static void object_path(const char *name, char *path, size_t size)
{
	const char *dir = getenv("LUO_ITERATORS");
	char exe[PATH_MAX] = "";
	char *slash;

	if (dir) {
		snprintf(path, size, "%s/%s.bpf.o", dir, name);
		return;
	}
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		strcpy(exe, "/usr/bin/luoctl");
	for (int i = 0; i < 2; i++) {
		slash = strrchr(exe, '/');
		if (slash)
			*slash = '\0';
	}
	snprintf(path, size, "%s/lib/luo/iterators/%s.bpf.o", exe, name);
}

/* What libbpf says is for whoever writes an iterator. */
static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static const char *sentence(int err, const char *path)
{
	if (err == -EPERM || err == -EACCES)
		return "root is needed to ask the kernel";
	if (access(path, R_OK))
		return "the package luo-tools brings what asks it; "
		       "elsewhere set LUO_ITERATORS to its directory";
	return "is this kernel built with CONFIG_LIVEUPDATE_BPF?";
}

/* Everything that can be read from an iterator, to be freed. */
static int read_all(int fd, char **text)
{
	size_t size = 0, len = 0;
	ssize_t n;

	*text = NULL;
	do {
		if (len + 1 >= size) {
			char *larger;

			size = size ? 2 * size : 65536;
			larger = realloc(*text, size);
			if (!larger)
				return -ENOMEM;
			*text = larger;
		}
		n = read(fd, *text + len, size - len - 1);
		if (n > 0)
			len += n;
	} while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	if (n < 0)
		return -errno;
	(*text)[len] = '\0';
	return 0;
}

static int run_iterator(const char *path, char **text)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *prog;
	struct bpf_link *link;
	int err, fd;

	if (!object)
		return -errno;
	err = bpf_object__load(object);
	if (err)
		goto close;
	prog = bpf_object__next_program(object, NULL);
	link = prog ? bpf_program__attach_iter(prog, NULL) : NULL;
	err = prog ? -errno : -ENOENT;
	if (!link)
		goto close;
	fd = bpf_iter_create(bpf_link__fd(link));
	err = fd < 0 ? fd : read_all(fd, text);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
close:
	bpf_object__close(object);
	return err;
}

/* Calls @take for each line but the heading; false from it is a line that is none. */
static int each_line(const char *name, bool (*take)(struct json_object *rows, char *line),
		     struct json_object *rows)
{
	libbpf_print_fn_t print = libbpf_set_print(quiet);
	char path[PATH_MAX + 64], *text = NULL, *rest, *line;
	int err;

	object_path(name, path, sizeof(path));
	err = run_iterator(path, &text);
	libbpf_set_print(print);
	if (err) {
		complain("%s: %s: %s", path, strerror(-err), sentence(err, path));
		free(text);
		return code_of(err);
	}
	rest = text;
	strsep(&rest, "\n");
	while ((line = strsep(&rest, "\n"))) {
		if (*line && !take(rows, line))
			complain("not understood, a name with a newline perhaps: %s", line);
	}
	free(text);
	return CODE_OK;
}

static struct json_object *collect(const char *name,
				   bool (*take)(struct json_object *rows, char *line), int *code)
{
	struct json_object *rows = new_array();

	*code = each_line(name, take, rows);
	if (!*code)
		return rows;
	json_object_put(rows);
	return NULL;
}

static bool take_session(struct json_object *rows, char *line)
{
	unsigned long long files, bytes;
	struct json_object *row;
	int open, name = 0;
	char state[32];

	if (sscanf(line, "%31s %d %llu %llu %n", state, &open, &files, &bytes, &name) != 4 || !name)
		return false;
	row = new_object();
	put_string(row, "id", line + name);
	put_string(row, "state", state);
	put_bool(row, "open", open);
	put_number(row, "files", files);
	put_number(row, "bytes", bytes);
	append(rows, row);
	return true;
}

struct json_object *kernel_sessions(int *code)
{
	return collect("luo_session", take_session, code);
}

static bool take_file(struct json_object *rows, char *line)
{
	char token[20], handler[64], state[32];
	unsigned long long bytes;
	struct json_object *row;
	int error, name = 0;

	if (sscanf(line, "%19s %63s %31s %d %llu %n", token, handler, state, &error, &bytes,
		   &name) != 5 || !name || strncmp(token, "0x", 2))
		return false;
	row = new_object();
	put_string(row, "session", line + name);
	put_string(row, "token", token);
	put_string(row, "handler", handler);
	put_string(row, "state", state);
	put_string(row, "error", error ? strerrorname_np(-error) : NULL);
	put_number(row, "bytes", bytes);
	append(rows, row);
	return true;
}

struct json_object *kernel_files(const char *session, int *code)
{
	struct json_object *rows = collect("luo_file", take_file, code), *some;

	if (!rows || !session)
		return rows;
	some = new_array();
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		if (!strcmp(get_string(row, "session"), session))
			append(some, json_object_get(row));
	}
	json_object_put(rows);
	return some;
}

static bool take_handler(struct json_object *rows, char *line)
{
	unsigned int map, version, min_version;
	char handler[64], state[32];
	unsigned long long files;
	struct json_object *row;

	if (sscanf(line, "%63s %31s %llu %u %u %u", handler, state, &files, &map, &version,
		   &min_version) != 6)
		return false;
	row = new_object();
	put_string(row, "handler", handler);
	put_string(row, "state", state);
	put_number(row, "files", files);
	if (map) {
		put_number(row, "version", version);
		put_number(row, "min_version", min_version);
		put_number(row, "map", map);
	}
	append(rows, row);
	return true;
}

/* What only the link knows, to the handler that has its map. */
static int add_info(const struct luo_handler_info *info, void *ctx)
{
	struct json_object *rows = ctx;

	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i), *map;

		if (!json_object_object_get_ex(row, "map", &map) ||
		    json_object_get_int64(map) != info->map_id)
			continue;
		put_string(row, "fops", info->fops);
		put_number(row, "max_bytes", info->max_bytes);
		put_number(row, "link", info->link_id);
	}
	return 0;
}

struct json_object *kernel_handlers(int *code)
{
	struct json_object *rows = collect("luo_handler", take_handler, code);
	int err;

	if (!rows)
		return NULL;
	err = luo_handler__list(add_info, rows);
	*code = code_of(err);
	if (!err)
		return rows;
	complain("list of handlers: %s", strerror(-err));
	json_object_put(rows);
	return NULL;
}
