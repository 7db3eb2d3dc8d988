// SPDX-License-Identifier: GPL-2.0
/*
 * The record of a path, with each byte of it damaged in each bit: what is no record is
 * refused as such, another identity as another file; none leads to a wrong file or to a
 * fault. The sum over a handler's state would find it before: this is what is behind that.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "progs/path.h"
#include "handler.h"
#include "tap.h"
#include "vm.h"

#define PATH "/data/a-file"

static struct path_control *path;
static struct luo_session *session;

/* As include/linux/kho/abi/luo_bpf_file.h has it */
struct record {
	__u32 format, size, type, has;
	__u64 rdev, magic, fsid;
	__u8 uuid[16];
	__u64 ino;
	__s64 btime_sec;
	__u32 btime_nsec, generation;
	__u64 file_size;
	char path[sizeof(PATH)];
};

#define FIELD(name, errors) { #name, offsetof(struct record, name), \
			      sizeof(((struct record *)0)->name), errors }

/* What may be said about a damaged field; which of them count is up to the file system. */
enum { DAMAGED = 1, OTHER = 2, NOTHING = 4, IGNORED = 8, NOT_EXT2 = 16 };

static const struct field {
	const char *name;
	size_t offset, size;
	int errors;
} fields[] = {
	FIELD(format, DAMAGED),
	FIELD(size, DAMAGED),
	FIELD(type, OTHER),
	/* A bit less is a property less to compare, one more is a wrong one. */
	FIELD(has, DAMAGED | OTHER | IGNORED),
	FIELD(rdev, OTHER),
	FIELD(magic, OTHER),
	FIELD(fsid, OTHER),
	FIELD(uuid, OTHER | NOT_EXT2),
	FIELD(ino, OTHER),
	FIELD(btime_sec, OTHER | NOT_EXT2),
	FIELD(btime_nsec, OTHER | NOT_EXT2),
	FIELD(generation, OTHER),
	/* Recorded where there is nothing better only */
	FIELD(file_size, IGNORED),
	FIELD(path, DAMAGED | NOTHING),
};

static struct luo_handler *attach(void)
{
	struct luo_handler *handler = handler_open("path");

	must(luo_handler__attach(handler), "attach path");
	path = handler_variable(handler, "path");
	return handler;
}

static void before(void)
{
	int fd;

	attach();
	session = session_create(device_open(), "records");
	fd = must(open(PATH, O_RDWR | O_CREAT, 0600), "create " PATH);
	must(luo_session__preserve_fd(session, fd, 1), "preserve");
	/* For each retrieve that succeeds though it should not */
	sync();
}

static bool expected(int err, int errors)
{
	switch (err) {
	case -EUCLEAN:
		return errors & DAMAGED;
	case -ESTALE:
		return errors & OTHER;
	case -ENOENT:
	case -ENOTDIR:
		return errors & NOTHING;
	default:
		return false;
	}
}

/* A file that is back stays back: those that change nothing are counted by the last one. */
static void check_field(const struct field *field)
{
	int wrong = 0, flips = 0;

	for (size_t at = 0; at < field->size; at++) {
		for (int bit = 0; bit < 8; bit++) {
			int err;

			path->at = field->offset + at;
			path->flip = 1 << bit;
			err = luo_session__retrieve_fd(session, 1);
			flips++;
			if (expected(err, field->errors))
				continue;
			wrong++;
			tap_note("%s, byte %zu, bit %d: %d", field->name, at, bit, err);
		}
	}
	check_eq(wrong, 0, "%s: wrong answers to %d damages", field->name, flips);
}

static void after(void)
{
	const char *type = vm_arg("luo_disk");
	bool ext2 = type && !strcmp(type, "ext2");
	struct stat is, there;
	int fd;

	attach();
	session = session_retrieve(device_open(), "records");
	path->small = 1;
	check_eq(luo_session__retrieve_fd(session, 1), -EINVAL, "a record that is too small");
	path->small = 0;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (!(fields[i].errors & (ext2 ? IGNORED | NOT_EXT2 : IGNORED)))
			check_field(&fields[i]);
	}
	/* The end of the path is not where the size says: a NUL, and what follows */
	path->at = offsetof(struct record, path) + 3;
	path->flip = PATH[3];
	check_eq(luo_session__retrieve_fd(session, 1), -EUCLEAN, "a path that ends early");
	path->at = offsetof(struct record, has) + 1;
	path->flip = 1;
	check_eq(luo_session__retrieve_fd(session, 1), -EUCLEAN, "a property that nobody knows");
	path->at = offsetof(struct record, has);
	path->flip = 8;
	check_eq(luo_session__retrieve_fd(session, 1), -ESTALE, "a size where none was recorded");

	path->at = offsetof(struct record, file_size);
	path->flip = 1;
	fd = luo_session__retrieve_fd(session, 1);
	check(fd >= 0 && !fstat(fd, &is) && !stat(PATH, &there) && is.st_ino == there.st_ino,
	      "the file is back, with a field damaged that does not count");
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
