/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: the records that cross a kexec.
 */
#ifndef _LINUX_KHO_ABI_LUO_H
#define _LINUX_KHO_ABI_LUO_H

#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/kho/abi/block.h>
#include <linux/types.h>
#include <uapi/linux/liveupdate.h>

/**
 * DOC: Live Update Orchestrator ABI
 *
 * This is mainline's format "luo-v5", so that a live update works between a
 * kernel with mainline's orchestrator and one with ours, in both directions::
 *
 *   KHO subtree "LUO"
 *     struct luo_ser
 *       sessions_pa -> block -> block ...      (struct kho_block_header_ser)
 *                        struct luo_session_ser[]
 *                          files -> block -> block ...
 *                                     struct luo_file_ser[]
 *       flbs_pa     -> struct luo_flb_header_ser, struct luo_flb_ser[]
 *
 * All addresses are physical; 0 ends a list or says that there is none. Numbers
 * are in the byte order of the machine, which both kernels share. Every page
 * of it is preserved with KHO on its own.
 *
 * What a file consists of is not defined here: @compatible in its record names
 * the format that @data leads to, and the handler that understands it.
 *
 * A change to any structure needs a new %LUO_ABI_COMPATIBLE.
 */
#define LUO_KHO_ENTRY_NAME	"LUO"
#define LUO_ABI_COMPATIBLE	"luo-v5"
#define LUO_ABI_COMPAT_LEN	ALIGN(sizeof(LUO_ABI_COMPATIBLE), 8)

/**
 * struct luo_ser - the root
 * @compatible:     %LUO_ABI_COMPATIBLE, NUL-padded
 * @liveupdate_num: how many live updates led to the kernel that reads this
 * @sessions_pa:    first block of the sessions
 * @flbs_pa:        header of the file-lifecycle-bound objects
 */
struct luo_ser {
	char compatible[LUO_ABI_COMPAT_LEN];
	u64 liveupdate_num;
	u64 sessions_pa;
	u64 flbs_pa;
} __packed;

#define LIVEUPDATE_HNDL_COMPAT_LENGTH	48

/**
 * struct luo_file_ser - one preserved file
 * @compatible: which handler preserved it, NUL-terminated
 * @data:       the handler's own
 * @token:      what user space knows it by
 */
struct luo_file_ser {
	char compatible[LIVEUPDATE_HNDL_COMPAT_LENGTH];
	u64 data;
	u64 token;
} __packed;

#define LUO_BLOCK_OWNER_MAGIC	0x72656e776f6f756cULL	/* "luoowner" */

/**
 * struct luo_block_owner - whose files a block has
 * @magic: %LUO_BLOCK_OWNER_MAGIC
 * @owner: hash of the session's name and of the block's place in the list
 *
 * Ours: in the last bytes of a block of files, where records leave room for it.
 * So a damaged address that leads to another session's files is told from the
 * right one. Mainline leaves zeros there, and does not look.
 */
struct luo_block_owner {
	u64 magic;
	u64 owner;
} __packed;

#define LUO_BLOCK_OWNER_OFFSET	(KHO_BLOCK_SIZE - sizeof(struct luo_block_owner))

/**
 * struct luo_file_set_ser - the files of one session
 * @files: first block of the files
 * @count: how many there are in all blocks together
 */
struct luo_file_set_ser {
	u64 files;
	u64 count;
} __packed;

/**
 * struct luo_session_ser - one session
 * @name:         as user space gave it, NUL-terminated, unique
 * @file_set_ser: its files
 */
struct luo_session_ser {
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];
	struct luo_file_set_ser file_set_ser;
} __packed;

#define LIVEUPDATE_FLB_COMPAT_LENGTH	48

/**
 * struct luo_flb_header_ser - what precedes the file-lifecycle-bound objects
 * @pgcnt: pages that header and objects occupy together
 * @count: how many objects follow
 */
struct luo_flb_header_ser {
	u64 pgcnt;
	u64 count;
} __packed;

/**
 * struct luo_flb_ser - one file-lifecycle-bound object
 * @name:  which handler preserved it, NUL-terminated
 * @data:  the handler's own
 * @count: how many preserved files depend on it
 */
struct luo_flb_ser {
	char name[LIVEUPDATE_FLB_COMPAT_LENGTH];
	u64 data;
	u64 count;
} __packed;

/* The FLBs of lib/tests/liveupdate.c. */
#ifdef CONFIG_LIVEUPDATE_TEST
#define LIVEUPDATE_TEST_FLB_COMPATIBLE(i)	"liveupdate-test-flb-v" #i
#endif

static_assert(sizeof(struct luo_ser) == 32);
static_assert(sizeof(struct luo_file_ser) == 64);
static_assert(sizeof(struct luo_session_ser) == 80);
static_assert(sizeof(struct luo_flb_header_ser) == 16);
static_assert(sizeof(struct luo_flb_ser) == 64);
static_assert((LUO_BLOCK_OWNER_OFFSET - sizeof(struct kho_block_header_ser)) /
	      sizeof(struct luo_file_ser) ==
	      (KHO_BLOCK_SIZE - sizeof(struct kho_block_header_ser)) /
	      sizeof(struct luo_file_ser));

#endif /* _LINUX_KHO_ABI_LUO_H */
