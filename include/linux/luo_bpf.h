/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: file handlers in BPF.
 *
 * BPF programs take these types from the kernel's BTF.
 */
#ifndef _LINUX_LUO_BPF_H
#define _LINUX_LUO_BPF_H

#include <linux/liveupdate.h>
#include <linux/sizes.h>
#include <linux/types.h>

#define LUO_BPF_COMPAT_LEN	44
#define LUO_BPF_FOPS_LEN	128
#define LUO_BPF_MAX_IOCTLS	16
#define LUO_BPF_DEFAULT_BYTES	SZ_1M
#define LUO_BPF_MAX_BYTES	SZ_4G

/**
 * struct luo_bpf_ctx - what a program is called for
 * @token:           what user space knows the file by; 0 in can_preserve and
 *                   get_id
 * @session:         name of the session; empty in can_preserve and get_id
 * @version:         of the state in the record: the handler's when the file was
 *                   preserved
 * @retrieve_status: for can_finish and finish: 0 if the file was never asked
 *                   for, 1 if it was retrieved, else the errno of the last try
 * @f_flags:         of the open file description; in the next kernel as
 *                   recorded
 *
 * Read-only, and valid during the call.
 */
struct luo_bpf_ctx {
	u64 token;
	char session[LIVEUPDATE_SESSION_NAME_LENGTH];
	u32 version;
	s32 retrieve_status;
	u32 f_flags;
};

/**
 * struct luo_bpf_ops - a file handler in BPF
 * @can_preserve: whether the handler takes this file, != 0: yes. Optional if
 *                there are @fops
 * @preserve:     save the file's state, which may go on changing until the
 *                freeze. Required
 * @unpreserve:   undo what preserve did outside of the record, which the core
 *                frees by itself. Runs also in the exit of a process. Optional
 * @freeze:       save what changed since preserve; an error makes the kexec
 *                fail. Optional
 * @unfreeze:     the kexec did not take place. Optional
 * @retrieve:     build the file and pass it to bpf_luo_set_file(); may be called
 *                again after it failed. Required
 * @can_finish:   whether finish may be called now, != 0: yes. Optional
 * @finish:       the file is this kernel's from now on; not called if the state
 *                is damaged or of a version that the handler does not read.
 *                Optional
 * @get_id:       what makes a file the same as another, if that is not the open
 *                file description. Optional
 * @compatible:   names the handler's format: "bpf:" and this cross the kexec
 * @fops:         names of struct file_operations, separated by spaces: files
 *                that have one of them are the handler's. MODULE:NAME may name
 *                one of a module that is not there yet
 * @version:      of the state that preserve and freeze write; 0 means 1
 * @min_version:  oldest version that all programs can read; 0 means @version
 * @max_bytes:    how much state and blob of a file may be, 0 means
 *                %LUO_BPF_DEFAULT_BYTES
 * @ioctls:       what bpf_luo_ioctl() may be used for, up to the first 0
 * @shared:       names state that the handler's files share with one another, and
 *                with those of other handlers that say the same name; empty: none.
 *                It is for the format of that state what @compatible is for a
 *                file's
 *
 * All programs are sleepable. They run under the mutex of the session, so one
 * at a time for a file, but can_preserve and get_id. What an int callback
 * returns must be 0 or a negative errno.
 */
struct luo_bpf_ops {
	int (*can_preserve)(struct luo_bpf_ctx *ctx, struct file *file);
	int (*preserve)(struct luo_bpf_ctx *ctx, struct file *file);
	void (*unpreserve)(struct luo_bpf_ctx *ctx, struct file *file);
	int (*freeze)(struct luo_bpf_ctx *ctx, struct file *file);
	void (*unfreeze)(struct luo_bpf_ctx *ctx, struct file *file);
	int (*retrieve)(struct luo_bpf_ctx *ctx);
	int (*can_finish)(struct luo_bpf_ctx *ctx);
	void (*finish)(struct luo_bpf_ctx *ctx);
	u64 (*get_id)(struct luo_bpf_ctx *ctx, struct file *file);
	char compatible[LUO_BPF_COMPAT_LEN];
	char fops[LUO_BPF_FOPS_LEN];
	u32 version;
	u32 min_version;
	u64 max_bytes;
	u32 ioctls[LUO_BPF_MAX_IOCTLS];
	char shared[LUO_BPF_COMPAT_LEN];
};

/**
 * struct luo_bpf_handler_view - what the iterator luo_handler shows
 * @compatible:  as it crosses the kexec
 * @state:       attached or detached: there only for the files that have it
 * @users:       files that have it
 * @map_id:      of the struct_ops map; 0 for a handler in the kernel itself
 * @version:     of the state that it writes; 0 likewise
 * @min_version: oldest that it reads; 0 likewise
 */
struct luo_bpf_handler_view {
	char compatible[LIVEUPDATE_HNDL_COMPAT_LENGTH];
	char state[16];
	u64 users;
	u32 map_id;
	u32 version;
	u32 min_version;
};

/**
 * struct luo_bpf_session_view - what the iterator luo_session shows
 * @name:  as given
 * @state: outgoing, frozen or incoming
 * @open:  there is a descriptor for it
 * @files: how many
 * @bytes: preserved for them
 */
struct luo_bpf_session_view {
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];
	char state[16];
	bool open;
	u64 files;
	u64 bytes;
};

/**
 * struct luo_bpf_file_view - what the iterator luo_file shows
 * @session: name of its session
 * @handler: the handler that it has, or needs
 * @state:   outgoing, frozen, unbound, bound, retrieved or failed
 * @token:   what user space knows it by
 * @bytes:   preserved for it
 * @error:   why the last retrieve failed, if it did
 *
 * The files of a session are known when it was first retrieved.
 */
struct luo_bpf_file_view {
	char session[LIVEUPDATE_SESSION_NAME_LENGTH];
	char handler[LIVEUPDATE_HNDL_COMPAT_LENGTH];
	char state[16];
	u64 token;
	u64 bytes;
	s32 error;
};

#endif /* _LINUX_LUO_BPF_H */
