// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "tap.h"

#define MIB 0x100000UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static void fill_small(int fd);
static void fill_sparse(int fd);
static void fill_sealed(int fd);

static const struct {
	const char *name;
	void (*fill)(int fd);
} files[DEMO_FILES] = {
	{ "small", fill_small },
	{ "sparse", fill_sparse },
	{ "sealed", fill_sealed },
};

static void put(int fd, uint64_t offset, const void *data, size_t len)
{
	must(pwrite(fd, data, len, offset) == (ssize_t)len ? 0 : -1, "write");
}

static void fill_small(int fd)
{
	static const char text[] = "A kexec replaces the kernel; this line stays.\n";

	put(fd, 0, text, sizeof(text) - 1);
	lseek(fd, 8, SEEK_SET);
}

static void fill_sparse(int fd)
{
	static const uint64_t islands[] = { 0, 17 * MIB, 41 * MIB + 123 };

	for (size_t i = 0; i < ARRAY_SIZE(islands); i++)
		put(fd, islands[i], "an island in a hole", 19);
	must(ftruncate(fd, 64 * MIB), "ftruncate");
}

static void fill_sealed(int fd)
{
	uint32_t *words = malloc(4 * MIB), x = 2463534242;

	must(words ? 0 : -1, "malloc");
	for (size_t i = 0; i < MIB; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		words[i] = x;
	}
	put(fd, 0, words, 4 * MIB);
	free(words);
	must(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE), "seal");
}

int file_make(int which)
{
	int fd = must(memfd_create(files[which].name, MFD_ALLOW_SEALING), "memfd_create");

	files[which].fill(fd);
	return fd;
}

static void look_at(int fd, struct look *look)
{
	char command[80];
	struct stat st;
	FILE *p;

	memset(look, 0, sizeof(*look));
	fstat(fd, &st);
	look->size = st.st_size;
	look->allocated = st.st_blocks * 512;
	look->position = lseek(fd, 0, SEEK_CUR);
	look->seals = fcntl(fd, F_GET_SEALS);
	/* A name under /proc: opened anew, so that the position stays. */
	snprintf(command, sizeof(command), "sha256sum /proc/%d/fd/%d", getpid(), fd);
	p = popen(command, "r");
	if (!p || fscanf(p, "%64s", look->sha256) != 1)
		tap_bail("%s", command);
	pclose(p);
}

void file_show_head(void)
{
	tap_note("    %-7s %9s %10s %9s %-18s %s", "memfd", "bytes", "allocated",
		 "position", "seals", "SHA-256");
}

void file_show(int which, int fd, struct look *look)
{
	char seals[64] = "";

	look_at(fd, look);
	if (look->seals & F_SEAL_SHRINK)
		strcat(seals, "shrink ");
	if (look->seals & F_SEAL_GROW)
		strcat(seals, "grow ");
	if (look->seals & F_SEAL_WRITE)
		strcat(seals, "write ");
	tap_note("    %-7s %9ju %10ju %9ju %-18s %.16s...", files[which].name,
		 (uintmax_t)look->size, (uintmax_t)look->allocated, (uintmax_t)look->position,
		 seals[0] ? seals : "-", look->sha256);
}

void file_compare(int which, const struct look *was, const struct look *is)
{
	const char *name = files[which].name;

	check(!strcmp(was->sha256, is->sha256), "%s: SHA-256 as before", name);
	check_eq(is->size, was->size, "%s: size as before", name);
	check_eq(is->allocated, was->allocated, "%s: allocated bytes as before", name);
	check_eq(is->position, was->position, "%s: position as before", name);
	check_eq(is->seals, was->seals, "%s: seals as before", name);
}
