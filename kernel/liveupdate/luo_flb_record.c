// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: the records of FLBs from the previous kernel.
 *
 * They are read when an FLB is first registered or asked for, or with the sessions.
 * As with these, nothing is taken for granted: what is wrong costs the FLB.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/slab.h>

#include "luo_flb.h"
#include "luo_internal.h"

static DEFINE_MUTEX(luo_flb_in_lock);
static bool luo_flb_in_read;
static bool luo_flb_in_lost;
LIST_HEAD(luo_flb_ins);
static LIST_HEAD(luo_flb_type_list);
static struct rhashtable luo_flb_in_names;
static struct rhashtable luo_flb_types;

int __init luo_flb_in_init(void)
{
	int err = rhashtable_init(&luo_flb_in_names, &luo_named_params);

	return err ?: rhashtable_init(&luo_flb_types, &luo_named_params);
}

/* Whether there may be some whose names could not be read. */
bool luo_flb_damaged(void)
{
	return READ_ONCE(luo_flb_in_lost);
}

void luo_flb_set_damaged(void)
{
	WRITE_ONCE(luo_flb_in_lost, true);
}

static void luo_flb_lose(struct luo_flb_in *in)
{
	pr_err("FLB '%s' was handed over twice: both are lost, their memory stays reserved\n",
	       in->by_name.name);
	in->status = -EUCLEAN;
	in->ended = true;
}

static int luo_flb_read_one(const struct luo_flb_ser *ser)
{
	struct luo_flb_in *in;
	int err;

	if (!luo_string_ok(ser->name, sizeof(ser->name))) {
		pr_err("an FLB with a damaged name is lost, its memory stays reserved\n");
		luo_flb_set_damaged();
		return 0;
	}

	in = kzalloc_obj(*in);
	if (!in)
		return -ENOMEM;
	strscpy_pad(in->by_name.name, ser->name);
	in->data = ser->data;
	/* None is wrong: see luo_flb_bound_one(). */
	in->count = ser->count ?: U64_MAX;
	mutex_init(&in->lock);
	INIT_LIST_HEAD(&in->pairs);

	err = rhashtable_lookup_insert_fast(&luo_flb_in_names,
					    &in->by_name.node,
					    luo_named_params);
	if (!err) {
		list_add_tail(&in->list, &luo_flb_ins);
		return 0;
	}
	if (err == -EEXIST) {
		luo_flb_lose(luo_named_find(&luo_flb_in_names, ser->name));
		err = 0;
	}
	kfree(in);
	return err;
}

static void luo_flb_forget(void)
{
	struct luo_flb_in *in, *next;

	list_for_each_entry_safe(in, next, &luo_flb_ins, list) {
		rhashtable_remove_fast(&luo_flb_in_names, &in->by_name.node,
				       luo_named_params);
		list_del(&in->list);
		kfree(in);
	}
}

/* One area, as large as it says, with no more records than fit into it. */
static struct luo_flb_header_ser *luo_flb_claim(u64 pa)
{
	struct luo_flb_header_ser *area;
	int order = kho_claim(pa);

	if (order < 0)
		return NULL;

	area = phys_to_virt(pa);
	if (area->pgcnt && area->pgcnt <= BIT_ULL(order) &&
	    area->pgcnt > BIT_ULL(order) / 2 &&
	    area->count <= ((area->pgcnt << PAGE_SHIFT) - sizeof(*area)) /
			   sizeof(struct luo_flb_ser))
		return area;
	kho_unclaim(pa);
	return NULL;
}

static int luo_flb_read_all(u64 pa)
{
	struct luo_flb_header_ser *area = luo_flb_claim(pa);
	const struct luo_flb_ser *ser;
	int err;

	if (!area) {
		pr_err("list of FLBs is damaged: none is taken over, their memory stays reserved\n");
		luo_flb_set_damaged();
		return 0;
	}

	ser = (const struct luo_flb_ser *)(area + 1);
	for (u64 i = 0; i < area->count; i++) {
		err = luo_flb_read_one(&ser[i]);
		if (err) {
			luo_flb_forget();
			kho_unclaim(pa);
			return err;
		}
	}
	kho_restore_free(area);
	return 0;
}

/* Whether they are known, and so stay. */
bool luo_flb_is_read(void)
{
	/* Who sees that they are read sees them. */
	return smp_load_acquire(&luo_flb_in_read);
}

/**
 * luo_flb_read - see to it that the FLBs of the previous kernel are known
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM, with nothing changed: try again.
 */
int luo_flb_read(void)
{
	u64 pa = luo_incoming_root()->flbs_pa;
	int err = 0;

	if (luo_flb_is_read())
		return 0;

	guard(mutex)(&luo_flb_in_lock);

	if (luo_flb_in_read)
		return 0;
	if (pa)
		err = luo_flb_read_all(pa);
	if (err)
		return err;
	/* See above. */
	smp_store_release(&luo_flb_in_read, true);
	return 0;
}

static struct luo_flb_type *luo_flb_type(const char *compatible)
{
	struct luo_flb_type *type = luo_named_find(&luo_flb_types, compatible);
	int err;

	lockdep_assert_held(&luo_flb_in_lock);

	if (type)
		return type;
	type = kzalloc_obj(*type);
	if (!type)
		return ERR_PTR(-ENOMEM);
	strscpy_pad(type->by_name.name, compatible);
	err = rhashtable_insert_fast(&luo_flb_types, &type->by_name.node,
				     luo_named_params);
	if (err) {
		kfree(type);
		return ERR_PTR(err);
	}
	list_add_tail(&type->list, &luo_flb_type_list);
	return type;
}

static struct luo_flb_pair *luo_flb_pair_find(struct luo_flb_in *in,
					      struct luo_flb_type *type)
{
	struct luo_flb_pair *pair;

	lockdep_assert_held(&luo_flb_in_lock);

	list_for_each_entry(pair, &in->pairs, list) {
		if (pair->type == type)
			return pair;
	}
	return NULL;
}

/**
 * luo_flb_pair - what settles the count of an incoming FLB with a handler
 * @compatible: the handler's
 * @name:       the FLB's
 *
 * Context: may sleep.
 * Return: the one of these two; NULL if no such FLB was handed over; -ENOMEM.
 */
struct luo_flb_pair *luo_flb_pair(const char *compatible, const char *name)
{
	struct luo_flb_type *type;
	struct luo_flb_pair *pair;
	struct luo_flb_in *in;
	int err = luo_flb_read();

	if (err)
		return ERR_PTR(err);
	in = luo_named_find(&luo_flb_in_names, name);
	if (!in)
		return NULL;

	guard(mutex)(&luo_flb_in_lock);

	type = luo_flb_type(compatible);
	if (IS_ERR(type))
		return ERR_CAST(type);
	pair = luo_flb_pair_find(in, type);
	if (pair)
		return pair;
	pair = kzalloc_obj(*pair);
	if (!pair)
		return ERR_PTR(-ENOMEM);
	pair->in = in;
	pair->type = type;
	list_add_tail(&pair->list, &in->pairs);
	return pair;
}

/**
 * luo_flb_awaited - whether a file may be left that needs an incoming FLB
 * @in: the FLB
 *
 * That is one of a handler that has it, or that was not there yet. There are as
 * many handlers as there are types of files.
 *
 * Context: with the lock of the FLB; may sleep.
 */
bool luo_flb_awaited(struct luo_flb_in *in)
{
	struct luo_flb_type *type;

	guard(mutex)(&luo_flb_in_lock);

	list_for_each_entry(type, &luo_flb_type_list, list) {
		if (atomic64_read(&type->unfinished) &&
		    (!type->known || luo_flb_pair_find(in, type)))
			return true;
	}
	return false;
}

/**
 * luo_flb_expect - a file was handed over
 * @compatible: the handler's; empty if it could not be read
 * @known:      the handler is registered
 *
 * Memory for what luo_flb_finish_file() does is taken here, where it may fail.
 *
 * Context: after luo_flb_read(); may sleep.
 * Return: 0 or -ENOMEM.
 */
int luo_flb_expect(const char *compatible, bool known)
{
	struct luo_flb_type *type;

	if (list_empty(&luo_flb_ins) || !*compatible)
		return 0;

	guard(mutex)(&luo_flb_in_lock);

	type = luo_flb_type(compatible);
	if (IS_ERR(type))
		return PTR_ERR(type);
	atomic64_inc(&type->unfinished);
	type->known |= known;
	return 0;
}

/* Undoes luo_flb_expect(): the file is read again, or can't be asked for. */
void luo_flb_unexpect(const char *compatible)
{
	if (!list_empty(&luo_flb_ins) && *compatible)
		atomic64_dec(&luo_flb_type_find(compatible)->unfinished);
}

struct luo_flb_in *luo_flb_in_find(const char *name)
{
	return luo_named_find(&luo_flb_in_names, name);
}

/* NULL where luo_flb_expect() did not make it. */
struct luo_flb_type *luo_flb_type_find(const char *compatible)
{
	return luo_named_find(&luo_flb_types, compatible);
}
