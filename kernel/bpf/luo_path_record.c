// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: the record of where a file is, and what makes it that file.
 *
 * Nothing here looks at a file: selftests/native/path_record.c tries it as a program.
 */
#include <linux/kho/abi/luo_bpf_file.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "luo_path_record.h"

/* Whether a record is one, in @size bytes that the previous kernel may have written */
bool luo_bpf_path_ok(const struct luo_bpf_path_ser *ser, u32 size)
{
	u32 path;

	if (size < sizeof(*ser) || ser->format != LUO_BPF_PATH_FORMAT ||
	    ser->has & ~LUO_BPF_PATH_ALL)
		return false;
	if (ser->size > size || ser->size <= sizeof(*ser) + 1 ||
	    ser->size > sizeof(*ser) + PATH_MAX)
		return false;
	path = ser->size - sizeof(*ser);
	return ser->path[0] == '/' && strnlen(ser->path, path) == path - 1;
}

/* What of a file is not as it was, or NULL */
const char *luo_bpf_differs(const struct luo_bpf_path_ser *was,
			    const struct luo_bpf_path_ser *is)
{
	if (is->type != was->type)
		return "type";
	if (is->rdev != was->rdev)
		return "device number";
	if (was->has & ~is->has || is->magic != was->magic)
		return "file system";
	if (was->has & LUO_BPF_PATH_UUID &&
	    memcmp(is->uuid, was->uuid, sizeof(is->uuid)))
		return "file system";
	if (was->has & LUO_BPF_PATH_FSID && is->fsid != was->fsid)
		return "file system";
	if (is->ino != was->ino)
		return "inode number";
	if (is->generation != was->generation)
		return "inode generation";
	if (was->has & LUO_BPF_PATH_BTIME &&
	    (is->btime_sec != was->btime_sec || is->btime_nsec != was->btime_nsec))
		return "time of creation";
	if (was->has & LUO_BPF_PATH_SIZE && is->file_size != was->file_size)
		return "size";
	return NULL;
}
