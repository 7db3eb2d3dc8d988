// SPDX-License-Identifier: GPL-2.0
/*
 * Regular files and directories through a kexec, by path: what the handler's contract
 * says survives, in every order of retrieving. /data is on a disk.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handler.h"
#include "kho.h"
#include "orders.h"
#include "tap.h"
#include "vm.h"

#define DIR_ENTRIES 40
#define LONGEST 2047	/* what the handler has room for */
#define FLAGS (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DIRECT | O_NOATIME | O_DIRECTORY)

static const struct {
	const char *name;
	int flags;
	off_t pos;
} files[] = {
	{ "read-only", O_RDONLY, 0 },
	{ "write-only", O_WRONLY, 100 },
	{ "read and written", O_RDWR, 7 },
	{ "far beyond its end", O_RDWR, 1L << 31 },
	{ "appended to", O_WRONLY | O_APPEND, 10 },
	{ "nonblocking", O_RDWR | O_NONBLOCK, 0 },
	{ "synchronous", O_RDWR | O_SYNC, 3 },
	{ "synchronous data", O_RDWR | O_DSYNC, 4 },
	{ "not touched", O_RDONLY | O_NOATIME, 1 },
	{ "direct", O_RDONLY | O_DIRECT, 512 },
	{ "odd\n\"\\\377name", O_RDONLY, 2 },
};

#define FILES ((int)(sizeof(files) / sizeof(*files)))

/* Tokens of those that have a function of their own here */
enum { RENAMED = 100, WRITTEN, LONG, DIRECTORY, TWICE, FLAGGED };

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "/data/%s", name);
	return path;
}

static void write_text(int fd, const char *text)
{
	must(write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno, "write");
}

static void make(const char *path, const char *text)
{
	int fd = must(open(path, O_WRONLY | O_CREAT | O_EXCL, 0600), "create %s", path);

	write_text(fd, text);
	close(fd);
}

static bool holds(const char *path, const char *text)
{
	char buf[256];

	return !read_file(path, buf, sizeof(buf)) && !strcmp(buf, text);
}

static void preserve(struct luo_session *session, int fd, int token, const char *what)
{
	must(luo_session__preserve_fd(session, fd, token), "preserve %s", what);
}

static int make_open(const char *name, int flags)
{
	make(path_of(name), name);
	return must(open(path_of(name), flags), "open %s", name);
}

/* A path of exactly @len characters, made of directories */
static void long_path(char *path, size_t len, bool make_it)
{
	size_t n = strlen(strcpy(path, "/data"));

	while (n < len) {
		size_t part = len - n - 1 > 200 ? 190 : len - n - 1;

		path[n++] = '/';
		memset(path + n, 'l', part);
		n += part;
		path[n] = '\0';
		if (make_it && n < len)
			must(mkdir(path, 0700) ? -errno : 0, "mkdir");
	}
}

static void preserve_long(struct luo_session *session)
{
	char path[LONGEST + 2];
	int fd;

	long_path(path, LONGEST, true);
	make(path, "long");
	fd = must(open(path, O_RDONLY), "open the long path");
	preserve(session, fd, LONG, "a file with a long path");

	path[LONGEST] = 'x';
	path[LONGEST + 1] = '\0';
	make(path, "too long");
	fd = must(open(path, O_RDONLY), "open the longer path");
	handler_log_mark();
	check_eq(luo_session__preserve_fd(session, fd, 1000), -ENAMETOOLONG, "a longer path");
	check(handler_logged("path has 2048 characters, the handler has room for 2047"),
	      "and the report says how long it may be");
	close(fd);
}

/* Names in a directory from where @fd is, at most @max of them, one a line */
static int list(int fd, int max, FILE *to)
{
	char buf[1 << 15] __attribute__((aligned(8)));
	int n = 0;

	while (n < max) {
		/* So small that a few names fit */
		long got = syscall(SYS_getdents64, fd, buf, max < DIR_ENTRIES ? 120 : sizeof(buf));

		if (got <= 0)
			break;
		for (long at = 0; at < got;) {
			struct dirent64 *entry = (void *)(buf + at);

			if (entry->d_name[0] != '.') {
				fprintf(to, "%s\n", entry->d_name);
				n++;
			}
			at += entry->d_reclen;
		}
	}
	return n;
}

static void preserve_directory(struct luo_session *session)
{
	FILE *notes = fopen("/data/notes", "we");
	char name[64];
	int fd;

	must(mkdir("/data/dir", 0700) ? -errno : 0, "mkdir");
	for (int i = 0; i < DIR_ENTRIES; i++) {
		snprintf(name, sizeof(name), "/data/dir/entry-%d", i);
		make(name, "");
	}
	fd = must(open("/data/dir", O_RDONLY | O_DIRECTORY), "open a directory");
	check(notes && list(fd, 10, notes) >= 10, "a directory is read, in part");
	preserve(session, fd, DIRECTORY, "a directory");
	fclose(notes);
}

/* Things that are done between preserve and the kexec */
static void change_later(struct luo_session *session)
{
	int renamed = make_open("renamed", O_RDONLY), written = make_open("written", O_RDWR);
	int flagged = make_open("flagged", O_RDONLY);

	preserve(session, renamed, RENAMED, "a file to rename");
	preserve(session, written, WRITTEN, "a file to write to");
	preserve(session, flagged, FLAGGED, "a file whose flags change");
	must(rename("/data/renamed", "/data/dir-2") ? -errno : 0, "rename");
	must(fcntl(flagged, F_SETFL, O_NONBLOCK) ? -errno : 0, "F_SETFL");
	/* All the rest is on the disk; this only the freeze writes back. */
	sync();
	write_text(written, " to at last");
}

static const char *order_name(int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "order %d", i);
	return name;
}

/* Three of them, in a session for each order in which they can be retrieved */
static void preserve_orders(struct luo_device *device)
{
	for (int i = 0; i < order_count(3); i++) {
		struct luo_session *session = session_create(device, order_name(i));

		for (int j = 0; j < 3; j++) {
			int fd = must(open(path_of(files[j].name), files[j].flags), "open");

			lseek(fd, i + j, SEEK_SET);
			preserve(session, fd, j, files[j].name);
		}
	}
}

static void before(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_create(device, "files");
	int fd;

	handler_attach("file");
	for (int i = 0; i < FILES; i++) {
		fd = make_open(files[i].name, files[i].flags);
		must(lseek(fd, files[i].pos, SEEK_SET), "seek");
		preserve(session, fd, i, files[i].name);
	}
	check_eq(luo_session__preserve_fd(session, fd, 99), -EBUSY, "a file is preserved once");
	fd = must(open(path_of(files[0].name), O_RDONLY), "open");
	preserve(session, fd, TWICE, "the same, opened once more");
	preserve_orders(device);
	preserve_long(session);
	preserve_directory(session);
	change_later(session);
}

static int retrieve(struct luo_session *session, int token, const char *what)
{
	int fd = luo_session__retrieve_fd(session, token);

	check(fd >= 0, "%s: back (%d)", what, fd);
	return fd;
}

static bool is_file(int fd, const char *path)
{
	struct stat one, other;

	return !fstat(fd, &one) && !stat(path, &other) && one.st_ino == other.st_ino &&
	       one.st_dev == other.st_dev;
}

static void check_file(struct luo_session *session, int i)
{
	const char *name = files[i].name, *path = path_of(name);
	int fd = retrieve(session, i, name);

	check(is_file(fd, path) && holds(path, name), "%s: it is that file", name);
	check_eq(fcntl(fd, F_GETFL) & FLAGS, files[i].flags, "%s: flags", name);
	check_eq(lseek(fd, 0, SEEK_CUR), files[i].pos, "%s: position", name);
	if (files[i].flags & O_APPEND) {
		write_text(fd, "!");
		check(holds(path, "appended to!"), "%s: at its end", name);
	}
	close(fd);
}

static void check_orders(struct luo_device *device)
{
	int order[ORDER_MAX], wrong = 0;

	for (int i = 0; i < order_count(3); i++) {
		struct luo_session *session = session_retrieve(device, order_name(i));

		order_get(i, 3, order);
		for (int j = 0; j < 3; j++) {
			int fd = luo_session__retrieve_fd(session, order[j]);

			wrong += !is_file(fd, path_of(files[order[j]].name)) ||
				 lseek(fd, 0, SEEK_CUR) != i + order[j];
			close(fd);
		}
		wrong += luo_session__finish(session) != 0;
	}
	check_eq(wrong, 0, "in every order: files that are not as they were");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void check_directory(struct luo_session *session)
{
	int fd = retrieve(session, DIRECTORY, "directory");
	FILE *notes = fopen("/data/notes", "a+e");
	char names[DIR_ENTRIES + 1][32];
	int n = 0, twice = 0;

	must(notes ? 0 : -errno, "notes");
	list(fd, DIR_ENTRIES, notes);
	rewind(notes);
	while (n <= DIR_ENTRIES && fscanf(notes, "%31s", names[n]) == 1)
		n++;
	qsort(names, n, sizeof(*names), compare_names);
	for (int i = 1; i < n; i++)
		twice += !strcmp(names[i], names[i - 1]);
	check(n == DIR_ENTRIES && !twice, "directory: it is read on from there: %d names, %d twice",
	      n, twice);
	check_eq(unlinkat(fd, "entry-3", 0), 0, "directory: it can be worked with");
	fclose(notes);
}

static void check_changed(struct luo_session *session)
{
	int fd = retrieve(session, RENAMED, "renamed");

	check(is_file(fd, "/data/dir-2"), "renamed after preserve: by its new name");
	fd = retrieve(session, WRITTEN, "written");
	check(is_file(fd, "/data/written") && holds("/data/written", " to at last"),
	      "written after preserve: with what was written");
	check_eq(lseek(fd, 0, SEEK_CUR), strlen(" to at last"), "written after preserve: position");
	fd = retrieve(session, FLAGGED, "flagged");
	check_eq(fcntl(fd, F_GETFL) & FLAGS, O_NONBLOCK, "flags set after preserve");
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_retrieve(device, "files");
	char path[LONGEST + 2];
	int fd;

	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, 0), -EUNATCH, "the handler is not attached");
	handler_attach("file");
	/* First those that change nothing */
	check_orders(device);
	for (int i = FILES - 1; i >= 0; i--)
		check_file(session, i);
	fd = retrieve(session, LONG, "long");
	long_path(path, LONGEST, false);
	check(is_file(fd, path), "long path: it is that file");
	check(is_file(retrieve(session, TWICE, "twice"), path_of(files[0].name)),
	      "opened twice: it is that file");
	check_directory(session);
	check_changed(session);
	check_eq(luo_session__finish(session), 0, "finish");
	check(is_file(fd, path), "the file lives on");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
