/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: how a file that is found by its path crosses the kexec.
 */
#ifndef _LINUX_KHO_ABI_LUO_BPF_FILE_H
#define _LINUX_KHO_ABI_LUO_BPF_FILE_H

#include <linux/build_bug.h>
#include <linux/types.h>

/**
 * DOC: Files by path
 *
 * bpf_luo_path() writes such a record into memory that the handler names, mostly its
 * state, and bpf_luo_open_same() reads it: where the file is, and what makes it
 * that file and no other. A path alone would lead to whatever is there in the next
 * kernel.
 *
 * The record is part of the handler's state, which has a sum over it. A change to
 * it needs a new %LUO_BPF_PATH_FORMAT.
 */
#define LUO_BPF_PATH_FORMAT	1

/* struct luo_bpf_path_ser.has: what is known of the file, and has to be the same */
#define LUO_BPF_PATH_UUID	0x1
#define LUO_BPF_PATH_FSID	0x2
#define LUO_BPF_PATH_BTIME	0x4
#define LUO_BPF_PATH_SIZE	0x8
#define LUO_BPF_PATH_ALL	0xf

/**
 * struct luo_bpf_path_ser - a path, and the file that it leads to
 * @format:     %LUO_BPF_PATH_FORMAT
 * @size:       bytes of all of it, with the path and its end
 * @type:       S_IFMT of the file: regular file, directory, FIFO, character device
 * @has:        LUO_BPF_PATH_*
 * @rdev:       of a device its number, and then nothing of what follows
 * @magic:      of the file system: its type
 * @fsid:       of the file system, as statfs(2) has it; not recorded if it is the
 *              number of a device, which may be another in the next kernel, and
 *              there is a better one
 * @uuid:       of the file system
 * @ino:        inode number
 * @btime_sec:  when the file was made
 * @btime_nsec: the rest of it
 * @generation: how often the inode number has been used, or a random number
 * @file_size:  in bytes; recorded if neither @generation nor @btime_sec tell a file
 *              from a later one with the same number, as where nothing can be
 *              written
 * @path:       absolute, terminated, as seen from the root of who preserved it
 */
struct luo_bpf_path_ser {
	u32 format;
	u32 size;
	u32 type;
	u32 has;
	u64 rdev;
	u64 magic;
	u64 fsid;
	u8 uuid[16];
	u64 ino;
	s64 btime_sec;
	u32 btime_nsec;
	u32 generation;
	u64 file_size;
	char path[];
} __packed __aligned(8);

static_assert(sizeof(struct luo_bpf_path_ser) == 88);
static_assert(offsetof(struct luo_bpf_path_ser, uuid) == 40);

/**
 * DOC: Locks of an open file
 *
 * bpf_luo_locks() writes them, and bpf_luo_relock() takes them again. These are the
 * locks that an open file description has: those of flock(2), and of fcntl(2) those
 * by F_OFD_SETLK. Those of a process (F_SETLK) are not here, as the process is not.
 */
#define LUO_BPF_LOCKS_FORMAT	1

/* struct luo_bpf_lock_ser.kind */
#define LUO_BPF_LOCK_FLOCK	0
#define LUO_BPF_LOCK_OFD	1

/**
 * struct luo_bpf_lock_ser - a lock
 * @kind:  LUO_BPF_LOCK_*
 * @write: 1 if it is exclusive, 0 if it is shared
 * @start: first byte; 0 for flock(2)
 * @end:   last byte, all ones without the highest bit for all there will be; that
 *         for flock(2)
 */
struct luo_bpf_lock_ser {
	u32 kind;
	u32 write;
	s64 start;
	s64 end;
} __packed __aligned(8);

/**
 * struct luo_bpf_locks_ser - the locks of a file
 * @format: %LUO_BPF_LOCKS_FORMAT
 * @nr:     how many
 * @locks:  of flock(2) one at most, and it is the first; the others in the order of
 *          bytes, of which no two have the same
 */
struct luo_bpf_locks_ser {
	u32 format;
	u32 nr;
	struct luo_bpf_lock_ser locks[];
} __packed __aligned(8);

static_assert(sizeof(struct luo_bpf_lock_ser) == 24);
static_assert(sizeof(struct luo_bpf_locks_ser) == 8);

#endif /* _LINUX_KHO_ABI_LUO_BPF_FILE_H */
