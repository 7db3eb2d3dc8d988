/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: what the parts of BPF handlers share.
 *
 *   luo_bpf_type.c    the type struct luo_bpf_ops, for the verifier
 *   luo_bpf.c         attaching, upgrading and detaching handlers
 *   luo_bpf_fops.c    the file_operations that a handler names
 *   luo_bpf_file.c    the handler that the core sees: calls the programs
 *   luo_bpf_common.c  what is the same for all files: flags, position, rights
 *   luo_bpf_shared.c  state that files share
 *   luo_bpf_object.c  files that are parts of one object
 *   luo_bpf_iter.c    iterators that list handlers, sessions and files
 *   luo_bpf_record.c  the record that crosses the kexec; built without BPF too
 *   ../bpf/luo_kfuncs*.c  what programs can call
 *
 * Lock order:
 *
 *   luo_bpf_mutex           which handlers there are, what they name
 *     luo_bpf_shared_lock   names of shared state
 *     luo_handlers_lock     the core's, as those of FLBs
 *     handler->lock         its files, and what replaces its programs
 *
 * The last one is taken under the mutex of a session too, the first never;
 * luo_bpf_objects_lock only under that, with nothing inside.
 */
#ifndef _LUO_BPF_H
#define _LUO_BPF_H

#include <linux/luo_bpf.h>
#include <linux/kho/abi/luo_bpf.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/workqueue.h>

#include "luo_internal.h"

struct bpf_link;
struct bpf_prog;
struct cred;
struct luo_bpf_mounts;
struct luo_bpf_object;
struct luo_bpf_parts;
struct luo_bpf_shared;

#define LUO_BPF_MAX_FOPS	8

/* One part of a blob; the first byte in it is byte @start of the blob. */
struct luo_bpf_chunk {
	void *mem;
	u64 start;
	unsigned int order;
};

/**
 * struct luo_bpf_record - a record, and what it leads to
 * @ser:       what crosses the kexec
 * @chunks:    the parts of the blob
 * @nr_chunks: how many
 * @room:      for how many @chunks has room
 * @capacity:  bytes in all of them; at least the size of the blob
 * @blocks:    outgoing: room for a record of each chunk
 * @incoming:  the previous kernel wrote it; all of it is claimed
 */
struct luo_bpf_record {
	struct luo_bpf_ser *ser;
	struct luo_bpf_chunk *chunks;
	u32 nr_chunks;
	u32 room;
	u64 capacity;
	struct kho_block_set blocks;
	bool incoming;
};

int luo_bpf_record_create(struct luo_bpf_record *rec, u32 version);
int luo_bpf_record_read(struct luo_bpf_record *rec, u64 pa, u64 tag);
void luo_bpf_record_write(struct luo_bpf_record *rec, u64 tag);
void luo_bpf_record_free(struct luo_bpf_record *rec);
u64 luo_bpf_record_bytes(const struct luo_bpf_record *rec);
int luo_bpf_record_resize(struct luo_bpf_record *rec, u64 size);
int luo_bpf_record_copy_in(struct luo_bpf_record *rec, u64 offset,
			   const void *mem, u32 size);
int luo_bpf_record_copy_out(struct luo_bpf_record *rec, u64 offset, void *mem,
			    u32 size);
#if IS_ENABLED(CONFIG_KUNIT)
u64 luo_bpf_sum(const struct luo_bpf_ser *ser, u64 tag);
#endif

/**
 * struct luo_bpf_fops - what the names of a handler stand for
 * @nr:    how many
 * @names: one string each
 * @fop:   f_op is NULL if the module is not there
 */
struct luo_bpf_fops {
	unsigned int nr;
	char names[LUO_BPF_MAX_FOPS][LUO_BPF_FOPS_LEN];
	struct luo_handler_fop fop[LUO_BPF_MAX_FOPS];
};

/* The callbacks that most handlers don't have, and that need not be asked for then */
#define LUO_BPF_CAN_PRESERVE	BIT(0)
#define LUO_BPF_GET_ID		BIT(1)
#define LUO_BPF_UNPRESERVE	BIT(2)
#define LUO_BPF_CAN_FINISH	BIT(3)
#define LUO_BPF_FINISH		BIT(4)

/**
 * struct luo_bpf_handler - one compatible string
 * @fh:    what the core sees
 * @ops:   the programs; a reference to them
 * @link:  what it is attached by; NULL once that is gone, and the handler is
 *         there only for the files that have it
 * @fops:  which files it takes
 * @has:  which of the callbacks LUO_BPF_... the programs have
 * @replaced: its programs are not the first
 * @named: there are @fops; else can_preserve alone tells. Constant
 * @shared: what its files share; NULL for nothing. Constant
 * @list:  in the list of all; under luo_bpf_mutex
 * @lock:  @files, what is in @fops, and changes of @ops, @has and @fops
 * @files: struct luo_bpf_file: all that have the handler
 * @work:  to free it
 */
struct luo_bpf_handler {
	struct liveupdate_file_handler fh;
	struct luo_bpf_ops __rcu *ops;
	struct bpf_link *link;
	struct luo_bpf_fops *fops;
	u32 has;
	bool replaced;
	bool named;
	struct luo_bpf_shared *shared;
	struct list_head list;
	struct mutex lock; /* files, ops and fops */
	struct list_head files;
	struct work_struct work;
};

/* How many files one object may have */
#define LUO_BPF_MAX_PARTS	8

/* How many files a program may have open at a time */
#define LUO_BPF_MAX_OPENED	8

/**
 * struct luo_bpf_opened - what retrieve has open, until it returns
 * @files:  what the program opened by path and still has: it may do ioctls on these
 * @nr:     how many
 * @mounts: where file systems are mounted, if one was looked for
 */
struct luo_bpf_opened {
	struct file *files[LUO_BPF_MAX_OPENED];
	unsigned int nr;
	struct luo_bpf_mounts *mounts;
};

/**
 * struct luo_bpf_file - a file that has a BPF handler
 * @ctx:      what programs see of it
 * @handler:  its handler
 * @list:     in the list of the handler
 * @session:  its session
 * @record:   what crosses the kexec
 * @ops:      the programs, while one of them runs
 * @callback: which one runs
 * @file:     before the kexec: the file; in retrieve: what the program made
 * @shared:   what the handler's files share, if the callback that runs has it
 * @object:   before the kexec: what it is a part of, if it is
 * @part_list: in the parts of @object
 * @part:     which of them
 * @claims:   it is so for this freeze only
 * @parts:    behind it: the files of the object that it stands for, if it does
 * @own:      behind it: its part of an object, to be compared with
 * @cred:     before the kexec: of who preserved it
 * @root:     before the kexec: that task's root, if a path was asked for
 * @opened:   in retrieve: what the program has open
 * @message:  what the program said about a failure
 * @error:    why the last kfunc of this call returned NULL
 * @writable: preserve or freeze runs: state and blob may grow
 */
struct luo_bpf_file {
	struct luo_bpf_ctx ctx;
	struct luo_bpf_handler *handler;
	struct list_head list;
	struct liveupdate_session *session;
	struct luo_bpf_record record;
	const struct luo_bpf_ops *ops;
	const char *callback;
	struct file *file;
	struct luo_bpf_record *shared;
	struct luo_bpf_object *object;
	struct list_head part_list;
	u32 part;
	bool claims;
	struct luo_bpf_parts *parts;
	const struct file *own;
	const struct cred *cred;
	struct path root;
	struct luo_bpf_opened *opened;
	char *message;
	int error;
	bool writable;
};

static inline struct luo_bpf_handler *
luo_bpf_handler_of(struct liveupdate_file_handler *fh)
{
	return container_of(fh, struct luo_bpf_handler, fh);
}

static inline u32 luo_bpf_version(const struct luo_bpf_ops *ops)
{
	return ops->version ?: 1;
}

static inline u32 luo_bpf_min_version(const struct luo_bpf_ops *ops)
{
	return ops->min_version ?: luo_bpf_version(ops);
}

static inline bool luo_bpf_reads(const struct luo_bpf_ops *ops, u32 version)
{
	return version >= luo_bpf_min_version(ops) &&
	       version <= luo_bpf_version(ops);
}

static inline u64 luo_bpf_quota(const struct luo_bpf_ops *ops)
{
	return ops->max_bytes ?: LUO_BPF_DEFAULT_BYTES;
}

/* luo_bpf_fops.c */
struct luo_bpf_fops *luo_bpf_fops_resolve(const struct luo_bpf_ops *ops);
int luo_bpf_fops_add(struct luo_bpf_fops *fops, struct luo_bpf_handler *h);
void luo_bpf_fops_remove(struct luo_bpf_fops *fops);
void luo_bpf_fops_module_coming(struct luo_bpf_handler *h);
bool luo_bpf_fops_module_going(struct luo_bpf_handler *h,
			       const struct module *mod);
void luo_bpf_fops_free(struct luo_bpf_fops *fops);
bool luo_bpf_fops_has(struct luo_bpf_handler *h,
		      const struct file_operations *f_op);

/* luo_bpf_file.c */
extern const struct liveupdate_file_ops luo_bpf_file_ops;
__printf(2, 3)
void luo_bpf_message(struct luo_bpf_file *bf, const char *fmt, ...);

/* luo_bpf_shared.c */
int luo_bpf_shared_join(struct luo_bpf_handler *h, const struct luo_bpf_ops *ops);
void luo_bpf_shared_part(struct luo_bpf_handler *h);
struct luo_bpf_record *luo_bpf_shared_get(struct luo_bpf_file *bf);
void luo_bpf_shared_put(struct luo_bpf_file *bf);
void luo_bpf_shared_freeze(struct luo_bpf_handler *h);

/* luo_bpf_object.c */
int luo_bpf_object_init(void);
int luo_bpf_object_join(struct luo_bpf_file *bf, const void *id, u32 part);
int luo_bpf_object_claim(struct luo_bpf_file *bf, const void *id);
void luo_bpf_object_unclaim(struct luo_bpf_file *bf);
int luo_bpf_object_first(struct luo_bpf_file *bf, u64 *token);
u32 luo_bpf_object_parts(struct luo_bpf_file *bf);
int luo_bpf_object_set(struct luo_bpf_file *bf, struct file **files,
		       unsigned int nr);
struct file *luo_bpf_object_part(struct luo_bpf_file *bf, u64 token, u32 part);
void luo_bpf_object_drop(struct luo_bpf_file *bf);

/* luo_bpf_common.c */
void luo_bpf_save(struct luo_bpf_file *bf);
int luo_bpf_made(struct luo_bpf_file *bf, int err);

/* luo_bpf.c */
int luo_bpf_init(void);
int luo_bpf_reg(void *kdata, struct bpf_link *link);
void luo_bpf_unreg(void *kdata, struct bpf_link *link);
int luo_bpf_update(void *kdata, void *old_kdata, struct bpf_link *link);
void luo_bpf_release(struct liveupdate_file_handler *fh);
bool luo_bpf_visit_detached(unsigned int n,
			    void (*visit)(struct liveupdate_file_handler *fh,
					  void *data), void *data);

/* luo_bpf_type.c */
bool luo_bpf_prog(const struct bpf_prog *prog);

/* ../bpf/luo_kfuncs.c */
int luo_bpf_kfuncs_init(void);

/* ../bpf/luo_mounts.c */
#ifdef CONFIG_INOTIFY_USER
void luo_bpf_mounts_free(struct luo_bpf_mounts *mounts);
#else
static inline void luo_bpf_mounts_free(struct luo_bpf_mounts *mounts)
{
}
#endif

#endif /* _LUO_BPF_H */
