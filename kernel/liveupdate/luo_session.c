// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: sessions.
 *
 * A session is made by CREATE_SESSION (outgoing) or read from what the previous
 * kernel handed over (incoming). An outgoing session is its open file: the last
 * close undoes it. An incoming one stays until FINISH, whoever opens or closes
 * it in between.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <trace/events/luo.h>

#include "luo_internal.h"

struct luo_sessions luo_sessions[2];

static const struct rhashtable_params luo_session_params = {
	.key_len = LIVEUPDATE_SESSION_NAME_LENGTH,
	.key_offset = offsetof(struct luo_session, name),
	.head_offset = offsetof(struct luo_session, node),
	.automatic_shrinking = true,
};

int __init luo_session_init(void)
{
	for (int i = 0; i < ARRAY_SIZE(luo_sessions); i++) {
		struct luo_sessions *sessions = &luo_sessions[i];
		int err;

		INIT_LIST_HEAD(&sessions->list);
		mutex_init(&sessions->lock);
		kho_block_set_init(&sessions->blocks,
				   sizeof(struct luo_session_ser));
		err = rhashtable_init(&sessions->names, &luo_session_params);
		if (err)
			return err;
	}
	return 0;
}

/* @name has been checked to be terminated. */
struct luo_session *luo_session_alloc(const char *name,
				      enum luo_direction direction)
{
	struct luo_session *session = kzalloc_obj(*session, GFP_KERNEL_ACCOUNT);

	if (!session)
		return NULL;
	strscpy_pad(session->name, name);
	session->direction = direction;
	mutex_init(&session->mutex);
	INIT_LIST_HEAD(&session->files);
	kho_block_set_init(&session->blocks, sizeof(struct luo_file_ser));
	return session;
}

void luo_session_free(struct luo_session *session)
{
	mutex_destroy(&session->mutex);
	kfree(session->report);
	kfree_rcu(session, rcu);
}

/* Room for the record of an outgoing session is taken here, not at the kexec. */
int luo_session_add(struct luo_session *session)
{
	struct luo_sessions *sessions = &luo_sessions[session->direction];
	int err;

	guard(mutex)(&sessions->lock);

	if (session->direction == LUO_OUTGOING) {
		err = kho_block_set_grow(&sessions->blocks,
					 sessions->count + 1);
		if (err)
			return err;
	}

	err = rhashtable_lookup_insert_fast(&sessions->names, &session->node,
					    luo_session_params);
	if (err) {
		kho_block_set_shrink(&sessions->blocks, sessions->count);
		return err;
	}

	list_add_tail(&session->list, &sessions->list);
	sessions->count++;
	return 0;
}

void luo_session_remove(struct luo_session *session)
{
	struct luo_sessions *sessions = &luo_sessions[session->direction];

	guard(mutex)(&sessions->lock);

	rhashtable_remove_fast(&sessions->names, &session->node,
			       luo_session_params);
	list_del(&session->list);
	sessions->count--;
	kho_block_set_shrink(&sessions->blocks, sessions->count);
}

static void luo_session_release_outgoing(struct luo_session *session)
{
	/* On the way into a kexec the next kernel owns it. */
	if (!luo_enter_release())
		return;

	trace_luo_session_start(session, "release");
	scoped_guard(mutex, &session->mutex)
		luo_unpreserve_all(session);
	luo_session_remove(session);
	trace_luo_session_end(session, "release", 0);
	luo_exit();
	luo_session_free(session);
}

static void luo_session_release_incoming(struct luo_session *session)
{
	bool finished = session->finished;

	trace_luo_session_start(session, "release");
	/* Then it is whoever's who retrieves it next. */
	scoped_guard(mutex, &luo_sessions[LUO_INCOMING].lock) {
		trace_luo_session_end(session, "release", 0);
		session->open = false;
	}
	if (finished)
		luo_session_free(session);
}

static int luo_session_release(struct inode *inode, struct file *file)
{
	struct luo_session *session = file->private_data;

	if (session->direction == LUO_OUTGOING)
		luo_session_release_outgoing(session);
	else
		luo_session_release_incoming(session);
	return 0;
}

static int luo_ioctl_preserve_fd(void *session, union luo_ioctl_arg *arg,
				 struct file **new_file)
{
	return luo_preserve(session, arg->preserve_fd.fd,
			    arg->preserve_fd.token);
}

static int luo_ioctl_retrieve_fd(void *session, union luo_ioctl_arg *arg,
				 struct file **new_file)
{
	struct file *file = luo_retrieve(session, arg->retrieve_fd.token);
	int err;

	if (IS_ERR(file))
		return PTR_ERR(file);

	/* Others may have retrieved it before, and made it as they may. */
	err = security_file_receive(file);
	if (err)
		fput(file);
	else
		*new_file = file;
	return err;
}

static int luo_ioctl_finish(void *session, union luo_ioctl_arg *arg,
			    struct file **new_file)
{
	if (arg->finish.reserved)
		return -EINVAL;
	return luo_finish(session);
}

static int luo_ioctl_get_name(void *target, union luo_ioctl_arg *arg,
			      struct file **new_file)
{
	struct luo_session *session = target;

	if (arg->get_name.reserved)
		return -EINVAL;
	memcpy(arg->get_name.name, session->name, sizeof(session->name));
	return 0;
}

static int luo_ioctl_get_report(void *session, union luo_ioctl_arg *arg,
				struct file **new_file)
{
	if (arg->get_report.error)
		return -EINVAL;
	return luo_get_report(session, &arg->get_report);
}

static const struct luo_ioctl luo_session_calls[] = {
	{
		.cmd = LIVEUPDATE_SESSION_PRESERVE_FD,
		.size = sizeof(struct liveupdate_session_preserve_fd),
		.run = luo_ioctl_preserve_fd,
	},
	{
		.cmd = LIVEUPDATE_SESSION_RETRIEVE_FD,
		.size = sizeof(struct liveupdate_session_retrieve_fd),
		.makes_fd = true,
		.run = luo_ioctl_retrieve_fd,
	},
	{
		.cmd = LIVEUPDATE_SESSION_FINISH,
		.size = sizeof(struct liveupdate_session_finish),
		.run = luo_ioctl_finish,
	},
	{
		.cmd = LIVEUPDATE_SESSION_GET_NAME,
		.size = sizeof(struct liveupdate_session_get_name),
		.output = true,
		.run = luo_ioctl_get_name,
	},
	{
		.cmd = LIVEUPDATE_SESSION_GET_REPORT,
		.size = sizeof(struct liveupdate_session_get_report),
		.output = true,
		.run = luo_ioctl_get_report,
	},
};

static long luo_session_ioctl(struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	return luo_ioctl_dispatch(luo_session_calls,
				  ARRAY_SIZE(luo_session_calls),
				  file->private_data, cmd, arg);
}

const char *luo_session_state(const struct luo_session *session)
{
	if (session->direction == LUO_OUTGOING)
		return READ_ONCE(session->frozen) ? "frozen" : "outgoing";
	return READ_ONCE(session->finished) ? "finished" : "incoming";
}

/* Takes no lock: it must answer while a long call is under way. */
static void luo_session_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct luo_session *session = file->private_data;

	seq_puts(m, "luo-session:\t");
	seq_escape(m, session->name, "\n\\");
	seq_putc(m, '\n');
	seq_printf(m, "luo-state:\t%s\n", luo_session_state(session));
	seq_printf(m, "luo-files:\t%llu\n", READ_ONCE(session->nr_files));
	seq_printf(m, "luo-bytes:\t%llu\n", READ_ONCE(session->bytes));
}

static const struct file_operations luo_session_fops = {
	.owner = THIS_MODULE,
	.release = luo_session_release,
	.unlocked_ioctl = luo_session_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = luo_session_show_fdinfo,
	.llseek = noop_llseek,
};

bool luo_is_session(const struct file *file)
{
	return file->f_op == &luo_session_fops;
}

static struct file *luo_session_getfile(struct luo_session *session)
{
	char name[sizeof("[luo_session] ") + LIVEUPDATE_SESSION_NAME_LENGTH];

	snprintf(name, sizeof(name), "[luo_session] %s", session->name);
	return anon_inode_getfile(name, &luo_session_fops, session, O_RDWR);
}

/* Names from user space and from the previous kernel go by the same rule. */
static bool luo_session_name_ok(const char *name)
{
	return luo_string_ok(name, LIVEUPDATE_SESSION_NAME_LENGTH);
}

/* From here on others can see it. */
static struct file *luo_session_publish(struct luo_session *session)
{
	struct file *file;
	int err;

	err = luo_session_add(session);
	if (err)
		return ERR_PTR(err);

	file = luo_session_getfile(session);
	if (IS_ERR(file))
		luo_session_remove(session);
	return file;
}

/**
 * luo_session_create - make an outgoing session
 * @name: LIVEUPDATE_SESSION_NAME_LENGTH bytes from user space
 *
 * Context: between luo_enter() and luo_exit(), may sleep.
 * Return: its file, or an ERR_PTR().
 */
struct file *luo_session_create(const char *name)
{
	struct luo_session *session;
	struct file *file;

	if (!luo_session_name_ok(name))
		return ERR_PTR(-EINVAL);

	session = luo_session_alloc(name, LUO_OUTGOING);
	if (!session)
		return ERR_PTR(-ENOMEM);

	trace_luo_session_start(session, "create");
	file = luo_session_publish(session);
	trace_luo_session_end(session, "create", PTR_ERR_OR_ZERO(file));
	if (IS_ERR(file))
		luo_session_free(session);
	return file;
}

/* @name: all of the field, padded; the session stays until it is finished. */
struct luo_session *luo_session_find(const char *name)
{
	struct luo_sessions *sessions = &luo_sessions[LUO_INCOMING];

	guard(mutex)(&sessions->lock);

	return rhashtable_lookup_fast(&sessions->names, name,
				      luo_session_params);
}

/* The incoming session of that name, which is the caller's until released. */
static struct luo_session *luo_session_take(const char *name)
{
	struct luo_sessions *sessions = &luo_sessions[LUO_INCOMING];
	char key[LIVEUPDATE_SESSION_NAME_LENGTH];
	struct luo_session *session;

	strscpy_pad(key, name);

	guard(mutex)(&sessions->lock);

	session = rhashtable_lookup_fast(&sessions->names, key,
					 luo_session_params);
	if (!session)
		return ERR_PTR(luo_incoming_damaged() ? -EUCLEAN : -ENOENT);
	if (session->error)
		return ERR_PTR(session->error);
	if (session->open)
		return ERR_PTR(-EBUSY);
	session->open = true;
	return session;
}

static struct file *luo_session_open(struct luo_session *session)
{
	int err;

	scoped_guard(mutex, &session->mutex)
		err = luo_incoming_files(session);
	return err ? ERR_PTR(err) : luo_session_getfile(session);
}

/**
 * luo_session_retrieve - open an incoming session
 * @name: LIVEUPDATE_SESSION_NAME_LENGTH bytes from user space
 *
 * Context: between luo_enter() and luo_exit(), may sleep.
 * Return: a file for it, or an ERR_PTR().
 */
struct file *luo_session_retrieve(const char *name)
{
	struct luo_session *session;
	struct file *file;
	int err;

	if (!luo_session_name_ok(name))
		return ERR_PTR(-ENOENT);

	err = luo_incoming_sessions();
	if (err)
		return ERR_PTR(err);

	session = luo_session_take(name);
	if (IS_ERR(session))
		return ERR_CAST(session);

	trace_luo_session_start(session, "retrieve");
	file = luo_session_open(session);
	trace_luo_session_end(session, "retrieve", PTR_ERR_OR_ZERO(file));
	if (IS_ERR(file))
		luo_session_release_incoming(session);
	return file;
}
