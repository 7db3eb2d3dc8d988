// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: state that files of BPF handlers share.
 *
 * To the core it is a file-lifecycle-bound object (FLB) like any other. All
 * handlers that declare the same name share one block: it is there from the first
 * file that is preserved to the last that is finished, and crosses the kexec once.
 * What is inside of it is the programs' business, so there is nothing for a
 * program to do when it comes or goes.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/io.h>
#include <linux/slab.h>

#include "luo_bpf.h"

/**
 * struct luo_bpf_shared - one name
 * @flb:      what the core sees
 * @list:     in the list of all
 * @outgoing: on its way to the next kernel
 * @incoming: what the previous one handed over
 * @dirty:    a program may have written to @outgoing since its sum was made
 *
 * There are few, and each stays for good: who uses one never has to ask.
 */
struct luo_bpf_shared {
	struct liveupdate_flb flb;
	struct list_head list;
	struct luo_bpf_record outgoing;
	struct luo_bpf_record incoming;
	bool dirty;
};

static DEFINE_MUTEX(luo_bpf_shared_lock);
static LIST_HEAD(luo_bpf_shareds);

static u64 luo_bpf_shared_tag(const struct liveupdate_flb *flb)
{
	return luo_bpf_name_tag(flb->compatible);
}

static struct luo_bpf_shared *luo_bpf_shared_of(struct liveupdate_flb *flb)
{
	return container_of(flb, struct luo_bpf_shared, flb);
}

/* What the core calls; it keeps these from running beside one another. */

static int luo_bpf_shared_preserve(struct liveupdate_flb_op_args *args)
{
	struct luo_bpf_shared *shared = luo_bpf_shared_of(args->flb);
	struct luo_bpf_record *rec = &shared->outgoing;
	int err;

	memset(rec, 0, sizeof(*rec));
	err = luo_bpf_record_create(rec, 1);
	if (err)
		return err;
	rec->ser->state_size = LUO_BPF_STATE_MAX;
	luo_bpf_record_write(rec, luo_bpf_shared_tag(args->flb));
	args->data = virt_to_phys(rec->ser);
	args->obj = rec;
	return 0;
}

static void luo_bpf_shared_unpreserve(struct liveupdate_flb_op_args *args)
{
	luo_bpf_record_free(args->obj);
}

static int luo_bpf_shared_retrieve(struct liveupdate_flb_op_args *args)
{
	struct luo_bpf_record *rec = &luo_bpf_shared_of(args->flb)->incoming;
	int err;

	memset(rec, 0, sizeof(*rec));
	err = luo_bpf_record_read(rec, args->data, luo_bpf_shared_tag(args->flb));
	if (!err)
		args->obj = rec;
	return err;
}

static void luo_bpf_shared_finish(struct liveupdate_flb_op_args *args)
{
	if (args->obj)
		luo_bpf_record_free(args->obj);
}

/* Detaching a handler waits for nothing; see struct luo_bpf_shared. */
static void luo_bpf_shared_release(struct liveupdate_flb *flb)
{
}

static const struct liveupdate_flb_ops luo_bpf_shared_ops = {
	.preserve = luo_bpf_shared_preserve,
	.unpreserve = luo_bpf_shared_unpreserve,
	.retrieve = luo_bpf_shared_retrieve,
	.retrieve_retryable = true,
	.finish = luo_bpf_shared_finish,
	.release = luo_bpf_shared_release,
};

static struct luo_bpf_shared *luo_bpf_shared_find(const char *name)
{
	struct luo_bpf_shared *shared;

	lockdep_assert_held(&luo_bpf_shared_lock);

	list_for_each_entry(shared, &luo_bpf_shareds, list) {
		if (!strcmp(shared->flb.compatible + strlen(LUO_BPF_PREFIX), name))
			return shared;
	}
	return NULL;
}

static struct luo_bpf_shared *luo_bpf_shared_named(const char *name)
{
	struct luo_bpf_shared *shared;

	guard(mutex)(&luo_bpf_shared_lock);

	shared = luo_bpf_shared_find(name);
	if (shared)
		return shared;
	shared = kzalloc_obj(*shared);
	if (!shared)
		return NULL;
	shared->flb.ops = &luo_bpf_shared_ops;
	snprintf((char *)shared->flb.compatible, sizeof(shared->flb.compatible),
		 LUO_BPF_PREFIX "%s", name);
	list_add(&shared->list, &luo_bpf_shareds);
	return shared;
}

/**
 * luo_bpf_shared_join - give a handler the shared state that it declares
 * @h:   the handler, about to be registered
 * @ops: its programs
 *
 * The handler has it until it is freed, or registering it failed:
 * luo_bpf_shared_part().
 *
 * Context: may sleep.
 * Return: 0, also if it declares none, or -ENOMEM.
 */
int luo_bpf_shared_join(struct luo_bpf_handler *h, const struct luo_bpf_ops *ops)
{
	int err;

	if (!*ops->shared)
		return 0;
	h->shared = luo_bpf_shared_named(ops->shared);
	if (!h->shared)
		return -ENOMEM;
	err = liveupdate_register_flb(&h->fh, &h->shared->flb);
	if (err)
		h->shared = NULL;
	return err;
}

void luo_bpf_shared_part(struct luo_bpf_handler *h)
{
	if (h->shared)
		liveupdate_unregister_flb(&h->fh, &h->shared->flb);
}

/**
 * luo_bpf_shared_get - the shared state, for the callback that runs
 * @bf: the file
 *
 * The caller may write to it if the file is on its way to the next kernel.
 *
 * Context: may sleep.
 * Return: its record, until luo_bpf_shared_put(), or an ERR_PTR(): -ENOENT if the
 * handler declares none or the previous kernel did not hand it over, -EUCLEAN,
 * -ENOMEM.
 */
struct luo_bpf_record *luo_bpf_shared_get(struct luo_bpf_file *bf)
{
	struct luo_bpf_shared *shared = bf->handler->shared;
	void *obj;
	int err;

	if (!shared)
		return ERR_PTR(-ENOENT);
	if (bf->shared)
		return bf->shared;

	if (bf->record.incoming) {
		err = liveupdate_flb_get_incoming(&shared->flb, &obj);
	} else {
		err = liveupdate_flb_get_outgoing(&shared->flb, &obj);
		WRITE_ONCE(shared->dirty, true);
	}
	if (err)
		return ERR_PTR(err == -ENODATA ? -ENOENT : err);
	bf->shared = obj;
	return obj;
}

/* The callback that has got it has ended. */
void luo_bpf_shared_put(struct luo_bpf_file *bf)
{
	struct liveupdate_flb *flb = &bf->handler->shared->flb;

	bf->shared = NULL;
	if (bf->record.incoming)
		liveupdate_flb_put_incoming(flb);
	else
		liveupdate_flb_put_outgoing(flb);
}

/*
 * FLBs are not asked to freeze. No program runs but those that do, one by one, so
 * the last that wrote leaves the sum that is handed over. @h has something shared.
 */
void luo_bpf_shared_freeze(struct luo_bpf_handler *h)
{
	struct luo_bpf_shared *shared = h->shared;

	if (!shared->dirty)
		return;
	shared->dirty = false;
	luo_bpf_record_write(&shared->outgoing, luo_bpf_shared_tag(&shared->flb));
}
