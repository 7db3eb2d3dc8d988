// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <libluo-bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "attached.h"
#include "object.h"
#include "tap.h"

int run(const char *command)
{
	int status;

	fflush(stdout);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void conf(const char *text)
{
	FILE *f;

	mkdir("/etc", 0755);
	mkdir("/etc/luo", 0755);
	f = fopen(CONF, "we");
	must(f && fputs(text, f) >= 0 && !fclose(f) ? 0 : -EIO, CONF);
}

static int see(const struct luo_handler_info *info, void *ctx)
{
	struct seen *seen = ctx;

	seen->count++;
	if (!strcmp(info->compatible, "eventfd-v1")) {
		seen->eventfd_link = info->link_id;
		seen->eventfd_map = info->map_id;
		seen->eventfd_version = info->version;
	}
	return 0;
}

struct seen attached(void)
{
	struct seen seen = {};

	must(luo_handler__list(see, &seen), "list handlers");
	return seen;
}

int objects(void)
{
	DIR *dir = opendir("/handlers");
	struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir)))
		count += !!strstr(entry->d_name, ".bpf.o");
	if (dir)
		closedir(dir);
	return count;
}

void detach_all(void)
{
	DIR *dir = opendir(LUO_PIN_DIR);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		struct luo_handler *handler;

		if (*entry->d_name == '.')
			continue;
		handler = luo_handler__open_attached(entry->d_name);
		must(handler ? luo_handler__detach(handler) : -errno, "detach %s", entry->d_name);
		luo_handler__close(handler);
	}
	if (dir)
		closedir(dir);
}

static unsigned char data[1 << 20];

static size_t read_object(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t size = f ? fread(data, 1, sizeof(data) - 1, f) : 0;

	must(f && size && !fclose(f) ? 0 : -EIO, "%s", path);
	return size;
}

static void write_object(const char *path, size_t size)
{
	FILE *f = fopen(path, "we");

	must(f && fwrite(data, 1, size, f) == size && !fclose(f) ? 0 : -EIO, "%s", path);
}

void change_newer(const char *from, const char *old, const char *text)
{
	size_t size = read_object(from);
	unsigned char *at = memmem(data, size, old, strlen(old));

	must(at ? 0 : -ENOENT, "%s in %s", old, from);
	if (text)
		memcpy(at, text, strlen(text));
	else
		data[size++] = 0;
	mkdir("/tmp/newer", 0755);
	write_object("/tmp/newer/eventfd.bpf.o", size);
}

void make_fatal(const char *path)
{
	size_t size = read_object("/handlers/eventfd.bpf.o");

	object_make_fatal(data, size);
	write_object(path, size);
}
