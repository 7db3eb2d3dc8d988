/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: what subsystems and drivers use.
 *
 * The names and their meaning are mainline's; members that are marked as ours
 * may be left out by a user that wants to build against mainline too.
 */
#ifndef _LINUX_LIVEUPDATE_H
#define _LINUX_LIVEUPDATE_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/kho/abi/luo.h>
#include <linux/list.h>
#include <linux/rhashtable-types.h>
#include <linux/types.h>
#include <uapi/linux/liveupdate.h>

struct file;
struct liveupdate_file_handler;
struct liveupdate_flb;
struct liveupdate_session;
struct luo_flb_set;
struct module;

/**
 * struct liveupdate_file_op_args - what the callbacks of a handler work on
 * @handler:         the handler called
 * @retrieve_status: for can_finish and finish: 0 if the file was never asked
 *                   for, 1 if it was retrieved, else the errno of the last try
 * @file:            the file; set by a successful retrieve, which hands one
 *                   reference over to the core; NULL in finish if the file was
 *                   not retrieved
 * @serialized_data: the one number that crosses the kexec: usually the physical
 *                   address of a record preserved with KHO. Set by preserve,
 *                   may be changed by freeze
 * @private_data:    the handler's own in this kernel, not preserved: kept from
 *                   preserve to unpreserve, and in the next kernel from the
 *                   first retrieve to finish
 * @session:         ours: the session of the file, for the functions below
 * @token:           ours: what user space knows the file by
 * @message:         ours: preserve, freeze and retrieve may leave a string from
 *                   kmalloc() that says why they failed; the core frees it
 */
struct liveupdate_file_op_args {
	struct liveupdate_file_handler *handler;
	int retrieve_status;
	struct file *file;
	u64 serialized_data;
	void *private_data;
	struct liveupdate_session *session;
	u64 token;
	char *message;
};

/**
 * struct liveupdate_file_ops - what a handler does
 * @can_preserve: whether files like this one are the handler's; cheap, changes
 *                nothing. Required
 * @preserve:     save the file's state, which it may go on changing until the
 *                freeze. Required
 * @unpreserve:   undo preserve: the session ended before a kexec. Runs also in
 *                the exit of a process, with no current->mm. Required
 * @freeze:       save what changed since preserve; right before the kexec, user
 *                space still runs. An error makes the kexec fail, so whatever
 *                can fail belongs into preserve. Optional
 * @unfreeze:     undo freeze: the kexec did not take place. Optional
 * @retrieve:     build the file in the next kernel. Required
 * @can_finish:   whether finish may be called now. Optional
 * @finish:       the file is the new kernel's from now on: drop what preserving
 *                it left over, or all of it if it was not retrieved. Required
 * @get_id:       what makes a file the same as another, if that is not the open
 *                file description (for a memfd: the inode). Optional
 * @owner:        module that the callbacks are in
 * @preserved_bytes: ours: bytes of memory that are preserved for this file, for
 *                fdinfo: after preserve, freeze and unfreeze; and with neither
 *                @file nor @private_data when the next kernel has read its
 *                record, which it must not trust. Optional
 * @retrieve_retryable: ours: a retrieve that failed may be called again; it
 *                finds in @private_data what it left there
 * @get_file_id:  ours: as @get_id, where the handler must be known, in @id; false
 *                if it is the open file description after all. Optional
 * @release:      ours: unregistering does not wait for files that have the
 *                handler; this is called when the last of them has put it.
 *                Optional
 *
 * Context: all callbacks may sleep. Those with args run under the mutex of the
 * session and must not call back into session ioctls. One call at a time is
 * made for a file, but calls for files of several sessions run in parallel.
 */
struct liveupdate_file_ops {
	bool (*can_preserve)(struct liveupdate_file_handler *handler,
			     struct file *file);
	int (*preserve)(struct liveupdate_file_op_args *args);
	void (*unpreserve)(struct liveupdate_file_op_args *args);
	int (*freeze)(struct liveupdate_file_op_args *args);
	void (*unfreeze)(struct liveupdate_file_op_args *args);
	int (*retrieve)(struct liveupdate_file_op_args *args);
	bool (*can_finish)(struct liveupdate_file_op_args *args);
	void (*finish)(struct liveupdate_file_op_args *args);
	unsigned long (*get_id)(struct file *file);
	struct module *owner;
	u64 (*preserved_bytes)(struct liveupdate_file_op_args *args);
	bool retrieve_retryable;
	bool (*get_file_id)(struct liveupdate_file_handler *handler,
			    struct file *file, unsigned long *id);
	void (*release)(struct liveupdate_file_handler *handler);
};

/**
 * struct liveupdate_file_handler - a type of file that can be preserved
 * @ops:        what to call
 * @compatible: names the format of the handler's state; change it whenever the
 *              format changes. It crosses the kexec with each file, and the
 *              handler registered under it there gets the file back
 *
 * Owned by whoever registers it; must stay in place until it is unregistered.
 */
struct liveupdate_file_handler {
	const struct liveupdate_file_ops *ops;
	const char compatible[LIVEUPDATE_HNDL_COMPAT_LENGTH];

	/* private: the core's */
	struct list_head __private list;
	struct rhash_head node;
	atomic_t __private users;
	struct luo_flb_set *__private flbs;
};

/**
 * struct liveupdate_flb_op_args - what the callbacks of an FLB work on
 * @flb:  the FLB called
 * @data: the one number that crosses the kexec, as serialized_data of a file:
 *        set by preserve
 * @obj:  the FLB's own in this kernel: set by preserve and by retrieve, given
 *        to whoever gets the FLB, and to unpreserve and finish
 */
struct liveupdate_flb_op_args {
	struct liveupdate_flb *flb;
	u64 data;
	void *obj;
};

/**
 * struct liveupdate_flb_ops - what a file-lifecycle-bound object (FLB) does
 * @preserve:   save the state: the first file that has the FLB is about to be
 *              preserved. An error is that file's. Required
 * @unpreserve: undo preserve: the last such file was unpreserved. Required
 * @retrieve:   build the object again in the next kernel, when it is first asked
 *              for. Required
 * @finish:     the last such file was finished: drop the object. It is retrieved
 *              first if nobody did; not called if that fails, but with
 *              @retrieve_retryable, for what it left in @obj. Required
 * @owner:      module that the callbacks are in
 * @retrieve_retryable: ours: a retrieve that failed may be called again; it finds
 *              in @obj what it left there, and until finish the FLB is in use
 * @release:    ours: unregistering does not wait for files that have the FLB; this
 *              is called when nothing uses the FLB any more. Optional
 *
 * Context: all callbacks may sleep. Callbacks of one FLB exclude one another. They
 * run with the mutex of a session or without, and must not get, register or
 * unregister FLBs.
 */
struct liveupdate_flb_ops {
	int (*preserve)(struct liveupdate_flb_op_args *argp);
	void (*unpreserve)(struct liveupdate_flb_op_args *argp);
	int (*retrieve)(struct liveupdate_flb_op_args *argp);
	void (*finish)(struct liveupdate_flb_op_args *argp);
	struct module *owner;
	bool retrieve_retryable;
	void (*release)(struct liveupdate_flb *flb);
};

/**
 * struct liveupdate_flb - state that lives as long as files that need it
 * @ops:        what to call
 * @compatible: names the format of the state, and finds the FLB again in the next
 *              kernel
 *
 * Owned by whoever registers it; must stay in place until it is unregistered.
 */
struct liveupdate_flb {
	const struct liveupdate_flb_ops *ops;
	const char compatible[LIVEUPDATE_FLB_COMPAT_LENGTH];
};

#ifdef CONFIG_LIVEUPDATE

bool liveupdate_enabled(void);
bool liveupdate_abi_mainline(void);
int liveupdate_reboot(void);

int liveupdate_register_file_handler(struct liveupdate_file_handler *fh);
void liveupdate_unregister_file_handler(struct liveupdate_file_handler *fh);

int liveupdate_register_flb(struct liveupdate_file_handler *fh,
			    struct liveupdate_flb *flb);
void liveupdate_unregister_flb(struct liveupdate_file_handler *fh,
			       struct liveupdate_flb *flb);
int liveupdate_flb_get_outgoing(struct liveupdate_flb *flb, void **objp);
void liveupdate_flb_put_outgoing(struct liveupdate_flb *flb);
int liveupdate_flb_get_incoming(struct liveupdate_flb *flb, void **objp);
void liveupdate_flb_put_incoming(struct liveupdate_flb *flb);

u64 liveupdate_file_tag(const struct liveupdate_file_op_args *args);
int liveupdate_get_token_outgoing(struct liveupdate_session *session,
				  struct file *file, u64 *token);
int liveupdate_get_file_incoming(struct liveupdate_session *session, u64 token,
				 struct file **file);

#else /* CONFIG_LIVEUPDATE */

static inline bool liveupdate_enabled(void)
{
	return false;
}

static inline bool liveupdate_abi_mainline(void)
{
	return false;
}

static inline int liveupdate_reboot(void)
{
	return 0;
}

static inline int liveupdate_register_file_handler(struct liveupdate_file_handler *fh)
{
	return -EOPNOTSUPP;
}

static inline void liveupdate_unregister_file_handler(struct liveupdate_file_handler *fh)
{
}

static inline int liveupdate_register_flb(struct liveupdate_file_handler *fh,
					  struct liveupdate_flb *flb)
{
	return -EOPNOTSUPP;
}

static inline void liveupdate_unregister_flb(struct liveupdate_file_handler *fh,
					     struct liveupdate_flb *flb)
{
}

static inline int liveupdate_flb_get_outgoing(struct liveupdate_flb *flb,
					      void **objp)
{
	return -EOPNOTSUPP;
}

static inline void liveupdate_flb_put_outgoing(struct liveupdate_flb *flb)
{
}

static inline int liveupdate_flb_get_incoming(struct liveupdate_flb *flb,
					      void **objp)
{
	return -EOPNOTSUPP;
}

static inline void liveupdate_flb_put_incoming(struct liveupdate_flb *flb)
{
}

static inline u64
liveupdate_file_tag(const struct liveupdate_file_op_args *args)
{
	return 0;
}

static inline int
liveupdate_get_token_outgoing(struct liveupdate_session *session,
			      struct file *file, u64 *token)
{
	return -EOPNOTSUPP;
}

static inline int
liveupdate_get_file_incoming(struct liveupdate_session *session, u64 token,
			     struct file **file)
{
	return -EOPNOTSUPP;
}

#endif /* CONFIG_LIVEUPDATE */
#endif /* _LINUX_LIVEUPDATE_H */
