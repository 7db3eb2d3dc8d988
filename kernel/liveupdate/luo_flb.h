/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: what the parts of file-lifecycle-bound objects
 * (FLBs) share.
 *
 * Lock order, below the mutex of a session:
 *
 *   luo_flb_in.lock     one FLB of the previous kernel
 *     luo_flb_in_lock   reading these, and which handlers have them
 *   luo_flb.lock        one FLB on its way to the next
 *     luo_flbs_lock     the registered FLBs, and which handlers have them
 *
 * Two on one level are never held together. Callbacks of an FLB run under its
 * own.
 */
#ifndef _LUO_FLB_H
#define _LUO_FLB_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/liveupdate.h>
#include <linux/mutex.h>
#include <linux/rhashtable.h>
#include <linux/string.h>
#include <linux/wait_bit.h>

/* What is found by a name, padded with zeros: it comes first in its object. */
struct luo_named {
	char name[LIVEUPDATE_FLB_COMPAT_LENGTH];
	struct rhash_head node;
};

static_assert(LIVEUPDATE_FLB_COMPAT_LENGTH == LIVEUPDATE_HNDL_COMPAT_LENGTH);

static const struct rhashtable_params luo_named_params = {
	.key_len = sizeof_field(struct luo_named, name),
	.key_offset = offsetof(struct luo_named, name),
	.head_offset = offsetof(struct luo_named, node),
	.automatic_shrinking = true,
};

/**
 * struct luo_flb - an FLB that is registered, or still in use
 * @by_name:  its compatible string
 * @ref:      held by each set that it is in, and by what it preserved or
 *            retrieved
 * @rcu:      the index is searched without a lock
 * @flb:      what was registered; valid as long as there is a reference
 * @handlers: how many have it; under luo_flbs_lock
 * @list:     among those that are preserved; under luo_flbs_lock
 * @lock:     protects all below, and excludes callbacks
 * @files:    how many preserved files have it
 * @users:    how many got it and did not put it yet
 * @data:     what crosses the kexec
 * @obj:      the FLB's own
 *
 * It is preserved as long as there are files or users.
 */
struct luo_flb {
	struct luo_named by_name;
	struct kref ref;
	struct rcu_head rcu;
	struct liveupdate_flb *flb;
	unsigned int handlers;
	struct list_head list;

	struct mutex lock; /* all below */
	u64 files;
	u64 users;
	u64 data;
	void *obj;
};

struct luo_flb_pair;

/* @pair: how far their incoming counts agree; NULL where there is none. */
struct luo_flb_link {
	struct luo_flb *lb;
	struct luo_flb_pair *pair;
};

/**
 * struct luo_flb_set - the FLBs of a handler
 * @ref:   held by the handler, and by each file that was preserved with it
 * @nr:    how many
 * @links: in the order in which they were registered
 *
 * Never changes: registering or unregistering an FLB makes another one. So a file
 * lets go of exactly what it was preserved with.
 */
struct luo_flb_set {
	struct kref ref;
	unsigned int nr;
	struct luo_flb_link links[] __counted_by(nr);
};

/**
 * struct luo_flb_in - an FLB of the previous kernel
 * @by_name: its compatible string
 * @list:    among all of them
 * @pairs:   struct luo_flb_pair, one for each handler that ever had it; under
 *           luo_flb_in_lock
 * @lock:    protects all below, and excludes callbacks
 * @data:    what crossed the kexec
 * @count:   how many files have it that are not finished, as far as is known
 * @users:   how many got it and did not put it yet
 * @obj:     the FLB's own
 * @status:  0 if it was not asked for yet, 1 if it was retrieved, else the errno
 * @ended:   it is finished, or lost
 * @flb:     who retrieves it, which is in use until it is finished; read without
 *           the lock too
 * @lb:      the same as the registered FLB; NULL if it is not registered
 *
 * Once they are read, they stay.
 */
struct luo_flb_in {
	struct luo_named by_name;
	struct list_head list;
	struct list_head pairs;

	struct mutex lock; /* all below */
	u64 data;
	u64 count;
	u64 users;
	void *obj;
	int status;
	bool ended;
	struct liveupdate_flb *flb;
	struct luo_flb *lb;
};

/**
 * struct luo_flb_type - files of a handler
 * @by_name:    its compatible string; it need not be registered
 * @list:       among all of them; under luo_flb_in_lock
 * @known:      it was registered when files of it were read; likewise
 * @unfinished: how many files of it were read, and are not finished
 * @finished:   how many are
 */
struct luo_flb_type {
	struct luo_named by_name;
	struct list_head list;
	bool known;
	atomic64_t unfinished;
	atomic64_t finished;
};

/**
 * struct luo_flb_pair - files of a handler that have an FLB
 * @list:    in the pairs of the FLB
 * @in:      the FLB
 * @type:    the handler
 * @settled: how many finished files the FLB's count knows of; under its lock
 */
struct luo_flb_pair {
	struct list_head list;
	struct luo_flb_in *in;
	struct luo_flb_type *type;
	u64 settled;
};

/* luo_flb.c */
extern struct mutex luo_flbs_lock;

void luo_flb_unlink(struct liveupdate_file_handler *fh,
		    struct liveupdate_flb *flb);
struct luo_flb_set *luo_flb_set_get(struct liveupdate_file_handler *fh);
void luo_flb_set_put(struct luo_flb_set *set);
struct luo_flb *luo_flb_find(const char *name);
void luo_flb_put(struct luo_flb *lb);

/* luo_flb_record.c */
extern struct list_head luo_flb_ins;

int luo_flb_in_init(void);
bool luo_flb_is_read(void);
bool luo_flb_damaged(void);
struct luo_flb_in *luo_flb_in_find(const char *name);
struct luo_flb_type *luo_flb_type_find(const char *compatible);
struct luo_flb_pair *luo_flb_pair(const char *compatible, const char *name);
bool luo_flb_awaited(struct luo_flb_in *in);

/* luo_flb_incoming.c */
void luo_flb_settle(struct luo_flb_pair *pair, struct liveupdate_flb *flb);
bool luo_flb_in_has(struct liveupdate_flb *flb);

/* Who unregisters it may look again whether anything has it. */
static inline void luo_flb_wake(struct liveupdate_flb *flb)
{
	/* Pairs with the barrier in prepare_to_wait_event(). */
	smp_mb();
	wake_up_var(flb);
}

/* Any string that ends within the length of a name. */
static inline void *luo_named_find(struct rhashtable *table, const char *string)
{
	char name[sizeof_field(struct luo_named, name)];

	strscpy_pad(name, string);
	return rhashtable_lookup_fast(table, name, luo_named_params);
}

#endif /* _LUO_FLB_H */
