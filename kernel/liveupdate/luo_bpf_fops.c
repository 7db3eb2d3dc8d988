// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: which files a BPF handler takes.
 *
 * A handler names variables of type struct file_operations. What they stand for
 * is looked up here and not by the program, which may not see addresses. A name
 * must be unambiguous: two static variables may share one. With its module in
 * front, it may be of a module that comes later, or that is built in.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "luo_bpf.h"

struct luo_bpf_symbol {
	const char *name;
	unsigned long address;
	bool ambiguous;
};

static int luo_bpf_symbol_seen(void *data, unsigned long address)
{
	struct luo_bpf_symbol *symbol = data;

	if (symbol->address && symbol->address != address)
		symbol->ambiguous = true;
	symbol->address = address;
	return 0;
}

static bool luo_bpf_module_stays(unsigned long address)
{
	struct module *mod;

	guard(rcu)();
	mod = __module_address(address);
	return mod && mod->state != MODULE_STATE_GOING;
}

static int luo_bpf_module_symbol(void *data, const char *name,
				 unsigned long address)
{
	struct luo_bpf_symbol *symbol = data;

	if (strcmp(name, symbol->name) || !luo_bpf_module_stays(address))
		return 0;
	return luo_bpf_symbol_seen(data, address);
}

static int luo_bpf_initcall_seen(void *data, const char *name,
				 unsigned long address)
{
	const char *module = data;
	size_t len;

	if (!str_has_prefix(name, "__initcall__kmod_"))
		return 0;
	name += strlen("__initcall__kmod_");
	len = strlen(module);
	return !strncmp(name, module, len) && strstarts(name + len, "__");
}

/*
 * What is a module elsewhere may be built in here. Its initcalls say so; without
 * any, a variable of the same name may be anybody's.
 */
static bool luo_bpf_built_in(char *module)
{
	return kallsyms_on_each_symbol(luo_bpf_initcall_seen, module);
}

/*
 * @module_only: it is not built in, as was seen before. Returns 0 with @f_op NULL
 * for something of a module that is not there.
 */
static int luo_bpf_resolve(const char *name, bool module_only,
			   const struct file_operations **f_op)
{
	struct luo_bpf_symbol symbol = {};
	char module[MODULE_NAME_LEN] = "";
	const char *colon = strchr(name, ':');

	symbol.name = colon ? colon + 1 : name;
	if (colon && colon - name < sizeof(module))
		memcpy(module, name, colon - name);

	module_kallsyms_on_each_symbol(colon ? module : NULL,
				       luo_bpf_module_symbol, &symbol);
	if (!module_only &&
	    (!colon || (!symbol.address && luo_bpf_built_in(module))))
		kallsyms_on_each_match_symbol(luo_bpf_symbol_seen, symbol.name,
					      &symbol);

	if (symbol.ambiguous)
		return -ENOTUNIQ;
	if (!symbol.address && !colon)
		return -ENOENT;
	*f_op = (const struct file_operations *)symbol.address;
	return 0;
}

static int luo_bpf_fops_parse(struct luo_bpf_fops *fops, char *names)
{
	char *name;
	int err;

	while ((name = strsep(&names, " "))) {
		if (!*name)
			continue;
		if (fops->nr == LUO_BPF_MAX_FOPS) {
			pr_err("handler refused: more than %d fops\n",
			       LUO_BPF_MAX_FOPS);
			return -E2BIG;
		}
		err = luo_bpf_resolve(name, false,
				      &fops->fop[fops->nr].f_op);
		if (err == -ENOTUNIQ)
			pr_err("handler refused: there are several '%s', name the module as in MODULE:NAME or use can_preserve\n",
			       name);
		if (err == -ENOENT)
			pr_err("handler refused: there is no '%s' (of a module that is not loaded yet: MODULE:NAME)\n",
			       name);
		if (err)
			return err;
		strscpy(fops->names[fops->nr++], name);
	}
	return 0;
}

/**
 * luo_bpf_fops_resolve - look up what a handler names
 * @ops: the handler
 *
 * Return: the names, possibly none, or an ERR_PTR(): -ENOENT, -ENOTUNIQ, -E2BIG,
 * -ENAMETOOLONG, -ENOMEM.
 */
struct luo_bpf_fops *luo_bpf_fops_resolve(const struct luo_bpf_ops *ops)
{
	struct luo_bpf_fops *fops;
	char *names;
	int err;

	if (strnlen(ops->fops, sizeof(ops->fops)) == sizeof(ops->fops)) {
		pr_err("handler refused: fops are not terminated\n");
		return ERR_PTR(-ENAMETOOLONG);
	}

	names = kstrdup(ops->fops, GFP_KERNEL);
	fops = kzalloc_obj(*fops);
	err = names && fops ? luo_bpf_fops_parse(fops, names) : -ENOMEM;
	kfree(names);
	if (err) {
		kfree(fops);
		return ERR_PTR(err);
	}
	for (int i = 0; i < fops->nr; i++)
		fops->fop[i].shared = ops->can_preserve;
	return fops;
}

static int luo_bpf_fop_add(struct luo_bpf_fops *fops, int i)
{
	int err = luo_handler_add_fop(&fops->fop[i]);

	if (err == -EBUSY)
		pr_err("handler '%s' refused: files of '%s' are another handler's, and not both have can_preserve\n",
		       fops->fop[i].fh->compatible, fops->names[i]);
	return err;
}

/**
 * luo_bpf_fops_add - have a handler found by what it names
 * @fops: the names, looked up
 * @h:    the handler
 *
 * Return: 0, or with nothing done -EBUSY, -ENOMEM.
 */
int luo_bpf_fops_add(struct luo_bpf_fops *fops, struct luo_bpf_handler *h)
{
	int err;

	for (int i = 0; i < fops->nr; i++) {
		fops->fop[i].fh = &h->fh;
		err = fops->fop[i].f_op ? luo_bpf_fop_add(fops, i) : 0;
		if (!err)
			continue;
		while (i--) {
			if (fops->fop[i].f_op)
				luo_handler_remove_fop(&fops->fop[i]);
		}
		return err;
	}
	return 0;
}

static bool luo_bpf_fop_within(const struct luo_handler_fop *fop,
			       const struct module *mod)
{
	return fop->f_op && within_module((unsigned long)fop->f_op, mod);
}

static void luo_bpf_fop_set(struct luo_bpf_handler *h,
			    struct luo_handler_fop *fop,
			    const struct file_operations *f_op)
{
	guard(mutex)(&h->lock);
	fop->f_op = f_op;
}

/**
 * luo_bpf_fops_module_going - forget what is of a module that goes away
 * @h:   the handler
 * @mod: the module
 *
 * Return: whether anything was; then its place can be used again behind
 * synchronize_rcu().
 */
bool luo_bpf_fops_module_going(struct luo_bpf_handler *h,
			       const struct module *mod)
{
	bool removed = false;

	for (int i = 0; i < h->fops->nr; i++) {
		struct luo_handler_fop *fop = &h->fops->fop[i];

		if (!luo_bpf_fop_within(fop, mod))
			continue;
		if (h->link)
			luo_handler_remove_fop(fop);
		luo_bpf_fop_set(h, fop, NULL);
		removed = true;
	}
	return removed;
}

/* A module that comes may have what is missing. */
void luo_bpf_fops_module_coming(struct luo_bpf_handler *h)
{
	for (int i = 0; i < h->fops->nr; i++) {
		struct luo_handler_fop *fop = &h->fops->fop[i];
		const struct file_operations *f_op = NULL;

		if (fop->f_op ||
		    luo_bpf_resolve(h->fops->names[i], true, &f_op) || !f_op)
			continue;
		luo_bpf_fop_set(h, fop, f_op);
		if (h->link && luo_bpf_fop_add(h->fops, i))
			luo_bpf_fop_set(h, fop, NULL);
	}
}

/* Undoes luo_bpf_fops_add(): the names still stand for what they did. */
void luo_bpf_fops_remove(struct luo_bpf_fops *fops)
{
	for (int i = 0; i < fops->nr; i++) {
		if (fops->fop[i].f_op)
			luo_handler_remove_fop(&fops->fop[i]);
	}
}

void luo_bpf_fops_free(struct luo_bpf_fops *fops)
{
	synchronize_rcu();
	kfree(fops);
}

/* Whether files with this f_op are the handler's; with its lock. */
bool luo_bpf_fops_has(struct luo_bpf_handler *h,
		      const struct file_operations *f_op)
{
	lockdep_assert_held(&h->lock);

	for (int i = 0; i < h->fops->nr; i++) {
		if (h->fops->fop[i].f_op == f_op)
			return true;
	}
	return false;
}
