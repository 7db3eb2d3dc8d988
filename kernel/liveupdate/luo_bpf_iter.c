// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: BPF iterators over handlers, sessions and files.
 *
 * The indexes are walked, so what is listed comes in no order, and what comes
 * or goes meanwhile may be missed or stand twice. Programs see a copy of each
 * entry, and no lock is held while they run.
 */
#include <linux/bpf.h>
#include <linux/btf_ids.h>
#include <linux/init.h>
#include <linux/rhashtable.h>
#include <linux/seq_file.h>

#include "luo_bpf.h"

union luo_bpf_view {
	struct luo_bpf_handler_view handler;
	struct luo_bpf_session_view session;
	struct luo_bpf_file_view file;
};

/**
 * struct luo_bpf_iter - one walk
 * @walk:    where it is
 * @table:   the index walked
 * @next:    another one to go on with
 * @show:    copies an entry, under RCU
 * @view:    the entry
 * @pending: it is to be shown, or shown again
 * @seen:    how many entries there were
 * @detached: how many detached handlers were asked for
 */
struct luo_bpf_iter {
	struct rhashtable_iter walk;
	struct rhashtable *table;
	struct rhashtable *next;
	void (*show)(void *entry, union luo_bpf_view *view);
	union luo_bpf_view view;
	bool pending;
	u64 seen;
	unsigned int detached;
};

static void luo_bpf_show_handler(void *entry, union luo_bpf_view *view)
{
	struct liveupdate_file_handler *fh = entry;
	struct luo_bpf_handler_view *v = &view->handler;
	const struct luo_bpf_ops *ops;

	strscpy(v->compatible, fh->compatible);
	strscpy(v->state, "attached");
	v->users = luo_handler_users(fh);
	if (fh->ops != &luo_bpf_file_ops)
		return;

	/* Its registration is one more. */
	v->users -= v->users ? 1 : 0;
	ops = rcu_dereference(luo_bpf_handler_of(fh)->ops);
	v->map_id = bpf_struct_ops_id(ops);
	v->version = luo_bpf_version(ops);
	v->min_version = ops->min_version ?: v->version;
}

static void luo_bpf_show_detached(struct liveupdate_file_handler *fh, void *view)
{
	struct luo_bpf_handler_view *v = view;

	guard(rcu)();
	luo_bpf_show_handler(fh, view);
	v->users = luo_handler_users(fh);
	strscpy(v->state, "detached");
}

static void luo_bpf_show_session(void *entry, union luo_bpf_view *view)
{
	const struct luo_session *session = entry;
	struct luo_bpf_session_view *v = &view->session;

	strscpy(v->name, session->name);
	strscpy(v->state, luo_session_state(session));
	v->open = session->direction == LUO_OUTGOING ||
		  READ_ONCE(session->open);
	v->files = READ_ONCE(session->nr_files);
	v->bytes = READ_ONCE(session->bytes);
}

static const char *luo_bpf_file_state(const struct luo_file *lf)
{
	const struct luo_session *session = lf->by_token.session;

	if (session->direction == LUO_OUTGOING)
		return luo_session_state(session);
	if (READ_ONCE(lf->status) < 0)
		return "failed";
	if (READ_ONCE(lf->status) > 0)
		return "retrieved";
	return READ_ONCE(lf->fh) ? "bound" : "unbound";
}

static void luo_bpf_show_file(void *entry, union luo_bpf_view *view)
{
	const struct luo_file *lf = entry;
	const struct liveupdate_file_handler *fh = READ_ONCE(lf->fh);
	struct luo_bpf_file_view *v = &view->file;
	int status = READ_ONCE(lf->status);

	strscpy(v->session, lf->by_token.session->name);
	strscpy(v->handler, fh ? fh->compatible : lf->compatible);
	strscpy(v->state, luo_bpf_file_state(lf));
	v->token = lf->by_token.token;
	v->bytes = READ_ONCE(lf->bytes);
	v->error = min(status, 0);
}

/* The next entry of this table: EAGAIN tells only that it was resized. */
static bool luo_bpf_iter_step(struct luo_bpf_iter *it)
{
	void *entry;

	rhashtable_walk_start(&it->walk);
	do {
		entry = rhashtable_walk_next(&it->walk);
	} while (entry == ERR_PTR(-EAGAIN));
	if (entry) {
		memset(&it->view, 0, sizeof(it->view));
		it->show(entry, &it->view);
	}
	rhashtable_walk_stop(&it->walk);
	return entry;
}

/* What is in no index any more */
static bool luo_bpf_iter_detached(struct luo_bpf_iter *it)
{
	memset(&it->view, 0, sizeof(it->view));
	return it->show == luo_bpf_show_handler &&
	       luo_bpf_visit_detached(it->detached++, luo_bpf_show_detached,
				      &it->view);
}

static void *luo_bpf_iter_advance(struct luo_bpf_iter *it)
{
	if (!it->table)
		return NULL;

	it->pending = luo_bpf_iter_step(it);
	if (!it->pending && it->next) {
		rhashtable_walk_exit(&it->walk);
		it->table = it->next;
		it->next = NULL;
		rhashtable_walk_enter(it->table, &it->walk);
		it->pending = luo_bpf_iter_step(it);
	}
	if (!it->pending)
		it->pending = luo_bpf_iter_detached(it);
	it->seen += it->pending;
	return it->pending ? &it->view : NULL;
}

static void *luo_bpf_iter_start(struct seq_file *seq, loff_t *pos)
{
	struct luo_bpf_iter *it = seq->private;

	return it->pending ? &it->view : luo_bpf_iter_advance(it);
}

static void *luo_bpf_iter_next(struct seq_file *seq, void *v, loff_t *pos)
{
	++*pos;
	return luo_bpf_iter_advance(seq->private);
}

/* What a program gets: the three differ in the type of what is shown. */
struct bpf_iter__luo_handler {
	__bpf_md_ptr(struct bpf_iter_meta *, meta);
	__bpf_md_ptr(struct luo_bpf_handler_view *, handler);
};

struct bpf_iter__luo_session {
	__bpf_md_ptr(struct bpf_iter_meta *, meta);
	__bpf_md_ptr(struct luo_bpf_session_view *, session);
};

struct bpf_iter__luo_file {
	__bpf_md_ptr(struct bpf_iter_meta *, meta);
	__bpf_md_ptr(struct luo_bpf_file_view *, file);
};

union luo_bpf_iter_ctx {
	struct bpf_iter__luo_handler handler;
	struct bpf_iter__luo_session session;
	struct bpf_iter__luo_file file;
};

static_assert(offsetof(struct bpf_iter__luo_handler, handler) ==
	      offsetof(struct bpf_iter__luo_file, file));
static_assert(offsetof(struct bpf_iter__luo_session, session) ==
	      offsetof(struct bpf_iter__luo_file, file));

static int luo_bpf_iter_run(struct seq_file *seq, void *view, bool in_stop)
{
	struct bpf_iter_meta meta = { .seq = seq };
	union luo_bpf_iter_ctx ctx = { .file = { .meta = &meta, .file = view } };
	struct bpf_prog *prog = bpf_iter_get_info(&meta, in_stop);
	const struct luo_bpf_iter *it = seq->private;

	/* Behind the only entry it would be 0 again, which is for the header. */
	if (in_stop)
		meta.seq_num = it->seen;
	return prog ? bpf_iter_run_prog(prog, &ctx) : 0;
}

static int luo_bpf_iter_show(struct seq_file *seq, void *view)
{
	return luo_bpf_iter_run(seq, view, false);
}

static void luo_bpf_iter_stop(struct seq_file *seq, void *view)
{
	if (!view)
		luo_bpf_iter_run(seq, NULL, true);
}

static const struct seq_operations luo_bpf_iter_seq_ops = {
	.start = luo_bpf_iter_start,
	.next = luo_bpf_iter_next,
	.stop = luo_bpf_iter_stop,
	.show = luo_bpf_iter_show,
};

static int luo_bpf_iter_begin(struct luo_bpf_iter *it, struct rhashtable *table,
			      struct rhashtable *next,
			      void (*show)(void *, union luo_bpf_view *))
{
	memset(it, 0, sizeof(*it));
	/* The indexes are set up only where there is something to index. */
	if (!liveupdate_enabled())
		return 0;
	it->table = table;
	it->next = next;
	it->show = show;
	rhashtable_walk_enter(table, &it->walk);
	return 0;
}

static int luo_bpf_iter_handlers(void *it, struct bpf_iter_aux_info *aux)
{
	return luo_bpf_iter_begin(it, luo_handler_table(), NULL,
				  luo_bpf_show_handler);
}

static int luo_bpf_iter_sessions(void *it, struct bpf_iter_aux_info *aux)
{
	return luo_bpf_iter_begin(it, &luo_sessions[LUO_OUTGOING].names,
				  &luo_sessions[LUO_INCOMING].names,
				  luo_bpf_show_session);
}

static int luo_bpf_iter_files(void *it, struct bpf_iter_aux_info *aux)
{
	return luo_bpf_iter_begin(it, luo_file_table(), NULL,
				  luo_bpf_show_file);
}

static void luo_bpf_iter_end(void *priv)
{
	struct luo_bpf_iter *it = priv;

	if (it->table)
		rhashtable_walk_exit(&it->walk);
}

DEFINE_BPF_ITER_FUNC(luo_handler, struct bpf_iter_meta *meta,
		     struct luo_bpf_handler_view *handler)
DEFINE_BPF_ITER_FUNC(luo_session, struct bpf_iter_meta *meta,
		     struct luo_bpf_session_view *session)
DEFINE_BPF_ITER_FUNC(luo_file, struct bpf_iter_meta *meta,
		     struct luo_bpf_file_view *file)

static const struct bpf_iter_seq_info luo_bpf_iter_seq_info[] = {
	{
		.seq_ops = &luo_bpf_iter_seq_ops,
		.init_seq_private = luo_bpf_iter_handlers,
		.fini_seq_private = luo_bpf_iter_end,
		.seq_priv_size = sizeof(struct luo_bpf_iter),
	},
	{
		.seq_ops = &luo_bpf_iter_seq_ops,
		.init_seq_private = luo_bpf_iter_sessions,
		.fini_seq_private = luo_bpf_iter_end,
		.seq_priv_size = sizeof(struct luo_bpf_iter),
	},
	{
		.seq_ops = &luo_bpf_iter_seq_ops,
		.init_seq_private = luo_bpf_iter_files,
		.fini_seq_private = luo_bpf_iter_end,
		.seq_priv_size = sizeof(struct luo_bpf_iter),
	},
};

#define LUO_BPF_ITER(name)						\
	.target = #name,						\
	.ctx_arg_info_size = 1,						\
	.ctx_arg_info = { {						\
		offsetof(struct bpf_iter__luo_file, file),		\
		PTR_TO_BTF_ID_OR_NULL					\
	} }

static struct bpf_iter_reg luo_bpf_iters[] = {
	{ LUO_BPF_ITER(luo_handler), .seq_info = &luo_bpf_iter_seq_info[0] },
	{ LUO_BPF_ITER(luo_session), .seq_info = &luo_bpf_iter_seq_info[1] },
	{ LUO_BPF_ITER(luo_file), .seq_info = &luo_bpf_iter_seq_info[2] },
};

BTF_ID_LIST(luo_bpf_view_ids)
BTF_ID(struct, luo_bpf_handler_view)
BTF_ID(struct, luo_bpf_session_view)
BTF_ID(struct, luo_bpf_file_view)

static int __init luo_bpf_iter_init(void)
{
	int err = 0;

	for (int i = 0; !err && i < ARRAY_SIZE(luo_bpf_iters); i++) {
		luo_bpf_iters[i].ctx_arg_info[0].btf_id = luo_bpf_view_ids[i];
		err = bpf_iter_reg_target(&luo_bpf_iters[i]);
	}
	return err;
}
late_initcall(luo_bpf_iter_init);
