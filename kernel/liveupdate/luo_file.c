// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: file objects and how they are found.
 *
 * Two indexes are shared by all sessions: (session, token), and for outgoing
 * files (handler, identity), which keeps a file from being preserved twice. One
 * large index costs an empty session nothing.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/siphash.h>
#include <linux/slab.h>

#include "luo_internal.h"

static struct rhashtable luo_tokens;
static struct rhashtable luo_ids;

static const struct rhashtable_params luo_token_params = {
	.key_len = sizeof(struct luo_token_key),
	.key_offset = offsetof(struct luo_file, by_token),
	.head_offset = offsetof(struct luo_file, token_node),
	.automatic_shrinking = true,
};

static const struct rhashtable_params luo_id_params = {
	.key_len = sizeof(struct luo_id_key),
	.key_offset = offsetof(struct luo_file, by_id),
	.head_offset = offsetof(struct luo_file, id_node),
	.automatic_shrinking = true,
};

int __init luo_file_init(void)
{
	int err = rhashtable_init(&luo_tokens, &luo_token_params);

	if (err)
		return err;
	return rhashtable_init(&luo_ids, &luo_id_params);
}

/* All files, to be walked under RCU. */
struct rhashtable *luo_file_table(void)
{
	return &luo_tokens;
}

/* Each has one identity. */
unsigned int luo_file_count_outgoing(void)
{
	return atomic_read(&luo_ids.nelems);
}

struct luo_file *luo_file_alloc(struct luo_session *session, u64 token)
{
	struct luo_file *lf = kzalloc_obj(*lf, GFP_KERNEL_ACCOUNT);

	if (!lf)
		return NULL;
	lf->by_token.session = session;
	lf->by_token.token = token;
	return lf;
}

/* Drops what the file holds; it must not be in an index or list any more. */
void luo_file_free(struct luo_file *lf)
{
	if (lf->file)
		fput(lf->file);
	if (lf->fh)
		luo_handler_put(lf->fh);
	kfree_rcu(lf, rcu);
}

/**
 * luo_file_add - make a file part of its session
 * @lf: the file
 *
 * Context: with the mutex of the session; may sleep.
 * Return: 0, -EEXIST if its token is taken, -ENOMEM.
 */
int luo_file_add(struct luo_file *lf)
{
	struct luo_session *session = lf->by_token.session;
	int err;

	lockdep_assert_held(&session->mutex);

	err = rhashtable_lookup_insert_fast(&luo_tokens, &lf->token_node,
					    luo_token_params);
	if (err)
		return err;

	list_add_tail(&lf->list, &session->files);
	WRITE_ONCE(session->nr_files, session->nr_files + 1);
	return 0;
}

static void luo_file_id(struct liveupdate_file_handler *fh, struct file *file,
			struct luo_id_key *key)
{
	const struct liveupdate_file_ops *ops = fh->ops;

	key->fh = fh;
	if (ops->get_file_id && ops->get_file_id(fh, file, &key->id))
		return;
	if (ops->get_id) {
		key->id = ops->get_id(file);
		return;
	}
	key->fh = NULL;
	key->id = (unsigned long)file;
}

/**
 * luo_file_add_id - see to it that a file is preserved only once
 * @lf: an outgoing file that has its handler
 *
 * Context: with the mutex of the session; may sleep.
 * Return: 0, -EBUSY if the file is in a session already, -ENOMEM.
 */
int luo_file_add_id(struct luo_file *lf)
{
	int err;

	luo_file_id(lf->fh, lf->file, &lf->by_id);
	err = rhashtable_lookup_insert_fast(&luo_ids, &lf->id_node,
					    luo_id_params);
	lf->has_id = !err;
	return err == -EEXIST ? -EBUSY : err;
}

/* Undoes luo_file_add() and, if it took place, luo_file_add_id(). */
void luo_file_remove(struct luo_file *lf)
{
	struct luo_session *session = lf->by_token.session;

	lockdep_assert_held(&session->mutex);

	if (lf->has_id)
		rhashtable_remove_fast(&luo_ids, &lf->id_node, luo_id_params);
	rhashtable_remove_fast(&luo_tokens, &lf->token_node, luo_token_params);
	list_del(&lf->list);
	WRITE_ONCE(session->nr_files, session->nr_files - 1);
	WRITE_ONCE(session->bytes, session->bytes - lf->bytes);
}

struct luo_file *luo_file_find(struct luo_session *session, u64 token)
{
	struct luo_token_key key = { .session = session, .token = token };

	lockdep_assert_held(&session->mutex);

	return rhashtable_lookup_fast(&luo_tokens, &key, luo_token_params);
}

static int luo_file_token(struct luo_session *session,
			  const struct luo_id_key *key, u64 *token)
{
	struct luo_file *lf;

	guard(rcu)();

	lf = rhashtable_lookup(&luo_ids, key, luo_id_params);
	if (!lf || lf->by_token.session != session)
		return -ENOENT;
	*token = lf->by_token.token;
	return 0;
}

/**
 * luo_token_of - which token a file at some address was preserved with
 * @handle: struct liveupdate_file_op_args.session
 * @file:   any value; not dereferenced
 * @token:  out: its token
 *
 * Context: from a callback with args, for the same session.
 * Return: 0, or -ENOENT if there is no such file in this session, or its
 * handler goes by other identities.
 */
int luo_token_of(struct liveupdate_session *handle, const void *file,
		 u64 *token)
{
	const struct luo_id_key key = { .id = (unsigned long)file };

	return luo_file_token(luo_session_of(handle), &key, token);
}

/**
 * liveupdate_get_token_outgoing - which token a file was preserved with
 * @handle: struct liveupdate_file_op_args.session
 * @file:   the file
 * @token:  out: its token
 *
 * For a file that depends on another one: in freeze, because in preserve the
 * other may not be there yet.
 *
 * Context: from a callback with args, for the same session; may sleep.
 * Return: 0, or -ENOENT if the file is not in this session.
 */
int liveupdate_get_token_outgoing(struct liveupdate_session *handle,
				  struct file *file, u64 *token)
{
	struct luo_session *session = luo_session_of(handle);
	struct liveupdate_file_handler *fh;
	struct luo_id_key key;

	lockdep_assert_held(&session->mutex);

	if (!luo_token_of(handle, file, token))
		return 0;

	fh = luo_handler_for_file(file);
	if (!fh)
		return -ENOENT;
	luo_file_id(fh, file, &key);
	luo_handler_put(fh);
	return luo_file_token(session, &key, token);
}
EXPORT_SYMBOL_GPL(liveupdate_get_token_outgoing);

static u64 luo_tag(const struct luo_session *session, u64 token)
{
	const siphash_key_t key = { { token } };

	return siphash(session->name, strlen(session->name), &key);
}

u64 luo_file_tag(const struct luo_file *lf)
{
	return luo_tag(lf->by_token.session, lf->by_token.token);
}

/**
 * liveupdate_file_tag - what tells a file's record from those of others
 * @args: of the callback
 *
 * A number made of the session's name and the file's token: the same in both
 * kernels. A handler puts it into its record, or into a sum over that, and so
 * notices when damage leads it to the record of another file.
 *
 * Context: from a callback with args.
 */
u64 liveupdate_file_tag(const struct liveupdate_file_op_args *args)
{
	return luo_tag(luo_session_of(args->session), args->token);
}
EXPORT_SYMBOL_GPL(liveupdate_file_tag);

/* What a callback of the file's handler gets. */
void luo_file_args(struct luo_file *lf, struct liveupdate_file_op_args *args)
{
	*args = (struct liveupdate_file_op_args) {
		.handler = lf->fh,
		.retrieve_status = lf->status,
		.file = lf->file,
		.serialized_data = lf->data,
		.private_data = lf->private,
		.session = luo_session_handle(lf->by_token.session),
		.token = lf->by_token.token,
	};
}

void luo_file_set_bytes(struct luo_file *lf, u64 bytes)
{
	struct luo_session *session = lf->by_token.session;

	lockdep_assert_held(&session->mutex);

	WRITE_ONCE(session->bytes, session->bytes + bytes - lf->bytes);
	lf->bytes = bytes;
}

/* Takes over what a callback changed, and asks what the file costs now. */
void luo_file_account(struct luo_file *lf,
		      struct liveupdate_file_op_args *args)
{
	lf->data = args->serialized_data;
	lf->private = args->private_data;
	if (lf->fh->ops->preserved_bytes)
		luo_file_set_bytes(lf, lf->fh->ops->preserved_bytes(args));
}
