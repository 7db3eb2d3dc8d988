/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: what the parts of the core share.
 *
 *   luo_core.c      parameter, root record, liveupdate_reboot(), quiescing
 *   luo_device.c    /dev/liveupdate
 *   luo_ioctl.c     the size-extensible call convention, for device and sessions
 *   luo_session.c   session objects: names, file descriptors, lifetime
 *   luo_file.c      file objects: tokens and identities
 *   luo_outgoing.c  before the kexec: preserve, freeze, write the records
 *   luo_incoming.c  after it: read the records, retrieve
 *   luo_finish.c    and when all of that is done
 *   luo_report.c    why a handler failed, for the log and for user space
 *   luo_record.c    checked access to what the previous kernel handed over
 *   luo_handler.c   which handlers there are
 *   luo_flb*.c      state that files share: which handlers have it, its way to
 *                   the next kernel, and what came from the previous one
 *
 * Lock order:
 *
 *   luo_quiesce (read)      around each operation; liveupdate_reboot() takes it
 *                           for writing and so has the core to itself
 *     luo_incoming_lock     reading the sessions of the previous kernel, once
 *     session->mutex        the session's state and its files
 *       luo_sessions.lock   names and lists of sessions
 *       luo_handlers_lock   the registered handlers, while one is looked for
 *       FLBs                see luo_flb.h
 *         luo_claiming      the record of a file is claimed and checked
 *
 * Those on one level are never held together. KHO's own locks, which are taken
 * wherever memory is preserved, come last.
 */
#ifndef _LUO_INTERNAL_H
#define _LUO_INTERNAL_H

#include <linux/kho_block.h>
#include <linux/liveupdate.h>
#include <linux/mutex.h>
#include <linux/rhashtable.h>

struct seq_file;

/* Which way a session goes, as this kernel sees it. */
enum luo_direction {
	LUO_OUTGOING,
	LUO_INCOMING,
};

/**
 * struct luo_session - a named set of files
 * @name:      unique among the sessions of its direction
 * @node:      in the index by name
 * @list:      in the list of its direction, oldest first
 * @direction: for good
 * @mutex:     protects all below, and the files
 * @files:     struct luo_file, oldest first
 * @nr_files:  how many; incoming: as handed over until the records are read
 * @depth:     incoming: how many retrieves are under way inside one another
 * @report:    the last failure of a handler; NULL if there was none
 * @unlogged:  lines about its files that were left out of the log
 * @bytes:     what the handlers said that is preserved, files that were
 *             retrieved left out
 * @blocks:    outgoing: room for the records of all @files, taken in advance
 * @frozen:    outgoing: all files are frozen, the kexec is under way
 * @files_pa:  incoming: first block of the records; 0 once they were read
 * @finished:  incoming: FINISH took place
 * @open:      incoming: there is a file for it; under luo_sessions.lock
 * @error:     incoming: why it can't be retrieved, if it can't; constant
 * @ambiguous: incoming: there were two that could be it, so it stays that way
 * @rcu:       the indexes are walked without a lock
 */
struct luo_session {
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];
	struct rhash_head node;
	struct list_head list;
	enum luo_direction direction;

	struct mutex mutex; /* files and all below, but open, error, ambiguous */
	struct list_head files;
	u64 nr_files;
	u64 bytes;
	unsigned int depth;
	struct liveupdate_session_get_report *report;
	u64 unlogged;

	struct kho_block_set blocks;
	bool frozen;

	u64 files_pa;
	bool finished;

	bool open;
	int error;
	bool ambiguous;

	struct rcu_head rcu;
};

/* What a file is found by: unique in its session, and among all files. */
struct luo_token_key {
	struct luo_session *session;
	u64 token;
};

/* @fh is NULL where the file itself is the identity. */
struct luo_id_key {
	struct liveupdate_file_handler *fh;
	unsigned long id;
};

/**
 * struct luo_file - a file in a session
 * @by_token:   its session and token
 * @token_node: in the index of tokens
 * @by_id:      outgoing: what it is the same file by
 * @id_node:    outgoing: in the index of identities
 * @list:       in the files of the session
 * @rcu:        the indexes are shared and searched without a lock
 * @fh:         its handler, in use; NULL for an incoming file not bound yet
 * @flbs:       outgoing: the FLBs that it was preserved with; NULL for none
 * @compatible: incoming: the handler that it needs
 * @file:       outgoing: the file; incoming: once retrieved. One reference
 * @data:       the handler's number that crosses the kexec
 * @private:    the handler's own in this kernel
 * @bytes:      what of the session's bytes is this file's
 * @status:     incoming: struct liveupdate_file_op_args.retrieve_status
 * @has_id:     it is in the index by @by_id
 * @busy:       incoming: its retrieve is under way
 */
struct luo_file {
	struct luo_token_key by_token;
	struct rhash_head token_node;
	struct luo_id_key by_id;
	struct rhash_head id_node;
	struct list_head list;
	struct rcu_head rcu;

	struct liveupdate_file_handler *fh;
	struct luo_flb_set *flbs;
	char compatible[LIVEUPDATE_HNDL_COMPAT_LENGTH];
	struct file *file;
	u64 data;
	void *private;
	u64 bytes;
	int status;
	bool has_id;
	bool busy;
};

/* How many files may be retrieved inside one another: it is one stack. */
#define LUO_RETRIEVE_DEPTH 8

static inline struct liveupdate_session *
luo_session_handle(struct luo_session *session)
{
	return (struct liveupdate_session *)session;
}

static inline struct luo_session *
luo_session_of(struct liveupdate_session *handle)
{
	return (struct luo_session *)handle;
}

/* luo_core.c */
int luo_enter(void);
void luo_exit(void);
bool luo_enter_release(void);
const struct luo_ser *luo_incoming_root(void);

/* luo_device.c */
int luo_device_init(void);
bool luo_is_device(const struct file *file);

/* luo_ioctl.c */

/* What the structures of all calls that make a file descriptor start with. */
struct luo_ioctl_fd {
	__u32 size;
	__s32 fd;
};

union luo_ioctl_arg {
	struct luo_ioctl_fd new;
	struct liveupdate_ioctl_create_session create_session;
	struct liveupdate_ioctl_retrieve_session retrieve_session;
	struct liveupdate_session_preserve_fd preserve_fd;
	struct liveupdate_session_retrieve_fd retrieve_fd;
	struct liveupdate_session_finish finish;
	struct liveupdate_session_get_name get_name;
	struct liveupdate_session_get_report get_report;
};

/**
 * struct luo_ioctl - one call
 * @cmd:      the ioctl number
 * @size:     of its structure: what user space must have at least, and all that
 *            this kernel knows (a structure that grows will need two numbers)
 * @makes_fd: @run sets @new_file, one reference, and the dispatcher gives it a
 *            file descriptor
 * @output:   what @run leaves in @arg is for the caller
 * @run:      does it: @target is what luo_ioctl_dispatch() was given, @arg the
 *            caller's structure
 */
struct luo_ioctl {
	unsigned int cmd;
	u32 size;
	bool makes_fd;
	bool output;
	int (*run)(void *target, union luo_ioctl_arg *arg,
		   struct file **new_file);
};

long luo_ioctl_dispatch(const struct luo_ioctl *calls, unsigned int nr_calls,
			void *target, unsigned int cmd, unsigned long arg);

/* luo_session.c */
struct luo_sessions {
	struct rhashtable names;
	struct list_head list;
	u64 count;
	struct kho_block_set blocks;
	struct mutex lock; /* names, list, count, blocks */
};

extern struct luo_sessions luo_sessions[2];

int luo_session_init(void);
const char *luo_session_state(const struct luo_session *session);
struct luo_session *luo_session_alloc(const char *name,
				      enum luo_direction direction);
void luo_session_free(struct luo_session *session);
int luo_session_add(struct luo_session *session);
void luo_session_remove(struct luo_session *session);
struct luo_session *luo_session_find(const char *name);
struct file *luo_session_create(const char *name);
struct file *luo_session_retrieve(const char *name);
bool luo_is_session(const struct file *file);

/* Files of the core, which no handler may have. */
static inline bool luo_is_own(const struct file *file)
{
	return luo_is_session(file) || luo_is_device(file);
}

/* luo_file.c */
int luo_file_init(void);
struct rhashtable *luo_file_table(void);
unsigned int luo_file_count_outgoing(void);
struct luo_file *luo_file_alloc(struct luo_session *session, u64 token);
void luo_file_free(struct luo_file *lf);
int luo_file_add(struct luo_file *lf);
int luo_file_add_id(struct luo_file *lf);
void luo_file_remove(struct luo_file *lf);
int luo_token_of(struct liveupdate_session *handle, const void *file,
		 u64 *token);
struct luo_file *luo_file_find(struct luo_session *session, u64 token);
u64 luo_file_tag(const struct luo_file *lf);
void luo_file_args(struct luo_file *lf, struct liveupdate_file_op_args *args);
void luo_file_set_bytes(struct luo_file *lf, u64 bytes);
void luo_file_account(struct luo_file *lf,
		      struct liveupdate_file_op_args *args);

/* luo_outgoing.c */
int luo_preserve(struct luo_session *session, int fd, u64 token);
void luo_unpreserve_all(struct luo_session *session);
int luo_freeze_sessions(u64 *sessions_pa);

/* A callback returns 0 or an errno; anything else must not look like success. */
static inline int luo_errno(int ret)
{
	return ret > 0 || ret < -MAX_ERRNO ? -EIO : ret;
}

/* luo_incoming.c */
int luo_incoming_sessions(void);
int luo_incoming_files(struct luo_session *session);
bool luo_incoming_damaged(void);
void luo_incoming_set_damaged(void);
int luo_bind(struct luo_file *lf);
struct file *luo_retrieve(struct luo_session *session, u64 token);
void luo_incoming_report_dropped(void);

/* luo_finish.c */
int luo_finish(struct luo_session *session);

/* luo_record.c */
extern struct mutex luo_claiming;

typedef int (*luo_record_fn)(void *record, void *data);

void luo_blocks_sign(struct kho_block_set *blocks, const char *name);
int luo_blocks_claim(u64 head_pa, size_t size, u64 count, const char *name);
void luo_blocks_unclaim(u64 head_pa);
int luo_blocks_read(u64 head_pa, size_t size, luo_record_fn fn, void *data);
s64 luo_blocks_salvage(u64 head_pa, size_t size, luo_record_fn fn, void *data,
		       bool *damaged);
void luo_blocks_free(u64 head_pa, u64 nr);
bool luo_string_ok(const char *string, size_t size);

/* luo_report.c */
bool luo_may_log(void);
__printf(2, 3)
void luo_log_file(struct luo_session *session, const char *fmt, ...);
void luo_log_rest(struct luo_session *session);
void luo_report(struct luo_file *lf, struct liveupdate_file_op_args *args,
		const char *callback, int err);
void luo_report_flb(struct luo_file *lf, const char *flb, const char *callback,
		    int err);
int luo_get_report(struct luo_session *session,
		   struct liveupdate_session_get_report *report);

/* luo_handler.c */

/**
 * struct luo_handler_fop - one type of file that a handler takes
 * @f_op:   what such files have in common
 * @fh:     the handler
 * @shared: others may take such files too: can_preserve tells whose one is
 * @node:   in the index by @f_op
 */
struct luo_handler_fop {
	const struct file_operations *f_op;
	struct liveupdate_file_handler *fh;
	bool shared;
	struct rhlist_head node;
};

int luo_handler_init(void);
struct rhashtable *luo_handler_table(void);
int luo_handler_register(struct liveupdate_file_handler *fh, bool listed);
bool luo_handler_tryget(struct liveupdate_file_handler *fh);
int luo_handler_users(struct liveupdate_file_handler *fh);
int luo_handler_add_fop(struct luo_handler_fop *fop);
void luo_handler_remove_fop(struct luo_handler_fop *fop);
struct liveupdate_file_handler *luo_handler_for_file(struct file *file);
struct liveupdate_file_handler *luo_handler_by_name(const char *compatible);
void luo_handler_put(struct liveupdate_file_handler *fh);

/* luo_flb.c, luo_flb_outgoing.c */
int luo_flb_init(void);
void luo_flb_unregister_all(struct liveupdate_file_handler *fh);
void luo_flb_drop_handler(struct liveupdate_file_handler *fh);
int luo_flb_preserve_file(struct luo_file *lf);
void luo_flb_unpreserve_file(struct luo_file *lf);
u64 luo_flb_write(void);

/* luo_flb_record.c, luo_flb_incoming.c */
void luo_flb_set_damaged(void);
int luo_flb_read(void);
int luo_flb_expect(const char *compatible, bool known);
void luo_flb_unexpect(const char *compatible);
void luo_flb_bound(u64 files, u64 sessions, u64 unread);
void luo_flb_read_session(void);
void luo_flb_finish_file(struct luo_file *lf);
void luo_flb_finish_session(void);

/* luo_damage.c */
#ifdef CONFIG_LIVEUPDATE_DAMAGE
void luo_damage(struct luo_ser *ser);
#else
static inline void luo_damage(struct luo_ser *ser) { }
#endif

/* lib/tests/liveupdate.c: a handler of the kernel's has been registered. */
#ifdef CONFIG_LIVEUPDATE_TEST
void liveupdate_test_register(struct liveupdate_file_handler *fh);
#else
static inline void liveupdate_test_register(struct liveupdate_file_handler *fh)
{
}
#endif

/* mm/memfd_luo_reader.c: frees a memfd that no handler took. */
int memfd_luo_reclaim(const char *compatible, u64 data, u64 tag);

/* luo_bpf_record.c: the same for a file of a BPF handler. */
int luo_bpf_reclaim(u64 pa, u64 tag);
u64 luo_bpf_record_peek(u64 pa);
u64 luo_bpf_name_tag(const char *name);

#endif /* _LUO_INTERNAL_H */
