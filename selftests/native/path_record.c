// SPDX-License-Identifier: GPL-2.0
/* Records of paths, kernel/bpf/luo_path_record.c: which are records, and which same files. */
#include "kernel.h"
#include "kernel/bpf/luo_path_record.c"

#include "kselftest.h"

#define ROOM 4400

static union {
	struct luo_bpf_path_ser ser;
	char bytes[ROOM];
} was, is;

/* A file of a file system that knows everything, and one that knows nothing */
static void make(const char *path, u32 has)
{
	memset(&was, 0, sizeof(was));
	was.ser.format = LUO_BPF_PATH_FORMAT;
	was.ser.type = 0100000;
	was.ser.has = has;
	was.ser.magic = 0xef53;
	was.ser.fsid = 0x1234567890;
	memset(was.ser.uuid, 7, sizeof(was.ser.uuid));
	was.ser.ino = 12;
	was.ser.btime_sec = -5;
	was.ser.btime_nsec = 999999999;
	was.ser.generation = 0x80000001;
	was.ser.file_size = 1ULL << 40;
	strcpy(was.ser.path, path);
	was.ser.size = sizeof(was.ser) + strlen(path) + 1;
	is = was;
}

static const char *differs(void)
{
	const char *what = luo_bpf_differs(&was.ser, &is.ser);

	is = was;
	return what ?: "nothing";
}

static bool test_ok(void)
{
	char path[4097] = "/";

	make("/", 0);
	if (!luo_bpf_path_ok(&was.ser, sizeof(was.ser) + 2))
		return false;
	make("/a/path", LUO_BPF_PATH_ALL);
	if (!luo_bpf_path_ok(&was.ser, was.ser.size) || !luo_bpf_path_ok(&was.ser, ROOM))
		return false;
	memset(path + 1, 'x', 4094);
	make(path, 0);
	return luo_bpf_path_ok(&was.ser, ROOM);
}

static bool bad(void)
{
	bool ok = luo_bpf_path_ok(&is.ser, ROOM);

	is = was;
	return !ok;
}

#define BAD(change) (is.change, bad())

static bool test_bad(void)
{
	char path[4098] = "/";

	bool all;

	make("/a/path", LUO_BPF_PATH_ALL);
	all = BAD(ser.format++) && BAD(ser.has = 16) && BAD(ser.has = ~0U) && BAD(ser.size++) &&
	      BAD(ser.size--) && BAD(ser.size = 0) && BAD(ser.size = ~0U) &&
	      BAD(ser.size = sizeof(was.ser)) && BAD(ser.size = sizeof(was.ser) + 1) &&
	      BAD(ser.path[0] = 'a') && BAD(ser.path[0] = 0) && BAD(ser.path[3] = 0) &&
	      BAD(ser.path[7] = 'x');
	if (!all)
		return false;
	for (u32 size = 0; size < was.ser.size; size++) {
		if (luo_bpf_path_ok(&was.ser, size))
			return false;
	}
	/* One more than there may be */
	memset(path + 1, 'x', 4095);
	make(path, 0);
	return !luo_bpf_path_ok(&was.ser, ROOM);
}

#define SAYS(change, what) (is.change, !strcmp(differs(), what))

static bool test_same(void)
{
	make("/a", LUO_BPF_PATH_ALL);
	if (strcmp(differs(), "nothing"))
		return false;
	/* Where it is, is no part of what it is; to know more is no difference. */
	is.ser.path[1] = 'b';
	if (strcmp(differs(), "nothing"))
		return false;
	make("/a", LUO_BPF_PATH_FSID);
	is.ser.has = LUO_BPF_PATH_ALL;
	return !strcmp(differs(), "nothing");
}

static bool test_differs(void)
{
	make("/a", LUO_BPF_PATH_ALL);
	return SAYS(ser.type = 0040000, "type") && SAYS(ser.rdev = 1, "device number") &&
	       SAYS(ser.magic++, "file system") && SAYS(ser.fsid ^= 1ULL << 63, "file system") &&
	       SAYS(ser.uuid[15]++, "file system") && SAYS(ser.has = 0, "file system") &&
	       SAYS(ser.has &= ~LUO_BPF_PATH_BTIME, "file system") &&
	       SAYS(ser.ino ^= 1ULL << 32, "inode number") &&
	       SAYS(ser.generation++, "inode generation") &&
	       SAYS(ser.btime_sec++, "time of creation") &&
	       SAYS(ser.btime_nsec--, "time of creation") && SAYS(ser.file_size++, "size");
}

/* What was not recorded is not compared. */
static bool test_unknown(void)
{
	make("/a", 0);
	return SAYS(ser.fsid++, "nothing") && SAYS(ser.uuid[0]++, "nothing") &&
	       SAYS(ser.btime_sec++, "nothing") && SAYS(ser.btime_nsec--, "nothing") &&
	       SAYS(ser.file_size++, "nothing") && SAYS(ser.ino++, "inode number") &&
	       SAYS(ser.generation++, "inode generation");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(5);
	ksft_test_result(test_ok(), "records of all lengths\n");
	ksft_test_result(test_bad(), "what is no record\n");
	ksft_test_result(test_same(), "the same file\n");
	ksft_test_result(test_differs(), "another file, by each property\n");
	ksft_test_result(test_unknown(), "properties that were not known\n");
	ksft_finished();
}
