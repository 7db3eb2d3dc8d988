// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: files of BPF handlers that are parts of one object.
 *
 * The two ends of a pipe are two files, each with a token of its own, and one
 * pipe. Before the kexec the parts of an object find one another by what they have
 * in common, an address of the handler's choice. The part that came first stands
 * for the object: its record has what is the object's, those of the others have
 * its token.
 *
 * In the next kernel, whichever part is asked for, the first is retrieved first,
 * and makes all parts. They stay with it, for the others to take, until it is
 * finished.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>

#include "luo_bpf.h"

struct luo_bpf_object_key {
	struct luo_bpf_handler *handler;
	const void *id;
};

/**
 * struct luo_bpf_object - what some outgoing files are parts of
 * @key:     what it is found by
 * @node:    in the index
 * @session: all of its files are in this one
 * @parts:   struct luo_bpf_file, first one first
 */
struct luo_bpf_object {
	struct luo_bpf_object_key key;
	struct rhash_head node;
	struct liveupdate_session *session;
	struct list_head parts;
};

/* In the index, and the lists of parts; nothing is taken inside of it. */
static DEFINE_MUTEX(luo_bpf_objects_lock);
static struct rhashtable luo_bpf_objects;

static const struct rhashtable_params luo_bpf_object_params = {
	.key_len = sizeof(struct luo_bpf_object_key),
	.key_offset = offsetof(struct luo_bpf_object, key),
	.head_offset = offsetof(struct luo_bpf_object, node),
	.automatic_shrinking = true,
};

int __init luo_bpf_object_init(void)
{
	return rhashtable_init(&luo_bpf_objects, &luo_bpf_object_params);
}

/* Before the kexec */

static struct luo_bpf_object *luo_bpf_object_new(struct luo_bpf_file *bf,
						 const struct luo_bpf_object_key *key)
{
	struct luo_bpf_object *object = kzalloc_obj(*object, GFP_KERNEL_ACCOUNT);
	int err;

	if (!object)
		return ERR_PTR(-ENOMEM);
	object->key = *key;
	object->session = bf->session;
	INIT_LIST_HEAD(&object->parts);
	err = rhashtable_insert_fast(&luo_bpf_objects, &object->node,
				     luo_bpf_object_params);
	if (!err)
		return object;
	kfree(object);
	/* Whatever it is, -EBUSY too, comes from a lack of it. */
	return ERR_PTR(-ENOMEM);
}

static int luo_bpf_object_room(struct luo_bpf_object *object,
			       struct luo_bpf_file *bf, u32 part)
{
	struct luo_bpf_file *other;

	if (object->session != bf->session)
		return -EXDEV;
	list_for_each_entry(other, &object->parts, part_list) {
		if (other->part == part)
			return -EEXIST;
	}
	return 0;
}

/**
 * luo_bpf_object_join - make a file a part of an object
 * @bf:   the file, in preserve or freeze
 * @id:   the object; an address, which is not looked at
 * @part: which of the object's files it is
 *
 * Context: with the mutex of the session; may sleep.
 * Return: 0, -EEXIST if another file is that part, -EXDEV if the object's files are
 * in another session, -EBUSY if the file is a part of one already, -ERANGE for
 * a @part that can't be, -ENOMEM.
 */
int luo_bpf_object_join(struct luo_bpf_file *bf, const void *id, u32 part)
{
	const struct luo_bpf_object_key key = { bf->handler, id };
	struct luo_bpf_object *object;
	int err;

	if (part >= LUO_BPF_MAX_PARTS)
		return -ERANGE;
	if (bf->object)
		return -EBUSY;

	guard(mutex)(&luo_bpf_objects_lock);

	object = rhashtable_lookup_fast(&luo_bpf_objects, &key,
					luo_bpf_object_params);
	if (!object)
		object = luo_bpf_object_new(bf, &key);
	if (IS_ERR(object))
		return PTR_ERR(object);
	err = luo_bpf_object_room(object, bf, part);
	if (err)
		return err;
	bf->object = object;
	bf->part = part;
	list_add_tail(&bf->part_list, &object->parts);
	return 0;
}

static void luo_bpf_object_leave(struct luo_bpf_file *bf)
{
	struct luo_bpf_object *object = bf->object;

	if (!object)
		return;

	guard(mutex)(&luo_bpf_objects_lock);

	bf->object = NULL;
	bf->claims = false;
	list_del(&bf->part_list);
	if (!list_empty(&object->parts))
		return;
	rhashtable_remove_fast(&luo_bpf_objects, &object->node,
			       luo_bpf_object_params);
	kfree(object);
}

/**
 * luo_bpf_object_claim - make a file the only one of an object, for this freeze
 * @bf: the file, in freeze
 * @id: the object; an address, which is not looked at
 *
 * Context: with the mutex of the session; may sleep.
 * Return: 0, -EBUSY if another file is, -EINVAL if this one is a part of an object,
 * -ENOMEM.
 */
int luo_bpf_object_claim(struct luo_bpf_file *bf, const void *id)
{
	int err;

	if (bf->object)
		return bf->claims ? 0 : -EINVAL;
	err = luo_bpf_object_join(bf, id, 0);
	bf->claims = !err;
	return err == -EEXIST || err == -EXDEV ? -EBUSY : err;
}

/* The freeze is over: next time another one may come first, or this one be lost. */
void luo_bpf_object_unclaim(struct luo_bpf_file *bf)
{
	if (bf->claims)
		luo_bpf_object_leave(bf);
}

/**
 * luo_bpf_object_first - which part of a file's object stands for it
 * @bf:    the file, outgoing
 * @token: out
 *
 * Context: with the mutex of the session; may sleep.
 * Return: 0, or -ENOENT if it is no part of an object.
 */
int luo_bpf_object_first(struct luo_bpf_file *bf, u64 *token)
{
	if (!bf->object)
		return -ENOENT;

	guard(mutex)(&luo_bpf_objects_lock);

	*token = list_first_entry(&bf->object->parts, struct luo_bpf_file,
				  part_list)->ctx.token;
	return 0;
}

/* Which parts are preserved, as a mask; may sleep. */
u32 luo_bpf_object_parts(struct luo_bpf_file *bf)
{
	struct luo_bpf_file *other;
	u32 parts = 0;

	if (!bf->object)
		return 0;

	guard(mutex)(&luo_bpf_objects_lock);

	list_for_each_entry(other, &bf->object->parts, part_list)
		parts |= BIT(other->part);
	return parts;
}

/* Behind the kexec: all with the mutex of the session. */

/**
 * struct luo_bpf_parts - what the first part of an object has made
 * @part: the file of each part, NULL where there is none; and which of the
 *        session's files took it, if one did
 */
struct luo_bpf_parts {
	struct {
		struct file *file;
		bool taken;
		u64 token;
	} part[LUO_BPF_MAX_PARTS];
};

static void luo_bpf_object_forget(struct luo_bpf_file *bf)
{
	if (!bf->parts)
		return;
	for (int i = 0; i < LUO_BPF_MAX_PARTS; i++) {
		if (bf->parts->part[i].file)
			fput(bf->parts->part[i].file);
	}
	kfree(bf->parts);
	bf->parts = NULL;
}

/**
 * luo_bpf_object_set - the parts of an object were made
 * @bf:    the first of them, in retrieve
 * @files: part by part, NULL for what is not preserved; not the caller's any more,
 *         whatever this returns
 * @nr:    how many, up to %LUO_BPF_MAX_PARTS
 *
 * Return: 0, or -ENOMEM.
 */
int luo_bpf_object_set(struct luo_bpf_file *bf, struct file **files,
		       unsigned int nr)
{
	/* Those of an earlier attempt in this retrieve */
	luo_bpf_object_forget(bf);
	bf->parts = kzalloc_obj(*bf->parts);
	for (unsigned int i = 0; i < nr; i++) {
		if (bf->parts)
			bf->parts->part[i].file = files[i];
		else if (files[i])
			fput(files[i]);
	}
	return bf->parts ? 0 : -ENOMEM;
}

/* The first part, retrieved if it was not yet */
static struct luo_bpf_file *luo_bpf_object_owner(struct luo_bpf_file *bf,
						 u64 token)
{
	struct luo_file *lf;
	struct file *file;
	int err;

	if (token == bf->ctx.token)
		return bf;

	err = liveupdate_get_file_incoming(bf->session, token, &file);
	if (err) {
		luo_bpf_message(bf, "file %#llx, which it is one object with, can't be retrieved",
				token);
		return ERR_PTR(err);
	}
	fput(file);
	lf = luo_file_find(luo_session_of(bf->session), token);
	if (lf->fh != &bf->handler->fh)
		return ERR_PTR(-EUCLEAN);
	return lf->private;
}

/**
 * luo_bpf_object_part - take a part of an object
 * @bf:    the file that it is to be, in retrieve
 * @token: of the first part
 * @part:  which one
 *
 * Context: may sleep, and retrieve the first part.
 * Return: a reference to the file, which is the same for the same @bf; or an
 * ERR_PTR(): -ENOENT if there is no such file or no such part of it, -EBUSY if
 * another file took it, -EUCLEAN if the first part is not of the same handler, or
 * why that can't be retrieved.
 */
struct file *luo_bpf_object_part(struct luo_bpf_file *bf, u64 token, u32 part)
{
	struct luo_bpf_file *owner = luo_bpf_object_owner(bf, token);

	if (IS_ERR(owner))
		return ERR_CAST(owner);
	if (part >= LUO_BPF_MAX_PARTS || !owner->parts ||
	    !owner->parts->part[part].file)
		return ERR_PTR(-ENOENT);
	if (owner->parts->part[part].taken &&
	    owner->parts->part[part].token != bf->ctx.token)
		return ERR_PTR(-EBUSY);
	owner->parts->part[part].taken = true;
	owner->parts->part[part].token = bf->ctx.token;
	bf->own = owner->parts->part[part].file;
	return get_file(owner->parts->part[part].file);
}

/* The file is done, or retrieve failed and starts anew. */
void luo_bpf_object_drop(struct luo_bpf_file *bf)
{
	luo_bpf_object_leave(bf);
	luo_bpf_object_forget(bf);
	bf->own = NULL;
}
