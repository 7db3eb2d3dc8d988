// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: struct luo_bpf_ops, as BPF and its verifier see it.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/init.h>
#include <linux/module.h>

#include "luo_bpf.h"

static int luo_bpf_init_type(struct btf *btf)
{
	return 0;
}

static int luo_bpf_check_member(const struct btf_type *t,
				const struct btf_member *member,
				const struct bpf_prog *prog)
{
	return prog->sleepable ? 0 : -EINVAL;
}

/* Data is copied as it is: attaching says what is wrong with it, and why. */
static int luo_bpf_init_member(const struct btf_type *t,
			       const struct btf_member *member,
			       void *kdata, const void *udata)
{
	const u32 data = offsetof(struct luo_bpf_ops, compatible);
	u32 moff = __btf_member_bit_offset(t, member) / 8;

	/* All at once with the first of them, which come behind the programs. */
	if (moff == data)
		memcpy(kdata + data, udata + data,
		       sizeof(struct luo_bpf_ops) - data);
	return moff >= data;
}

static int luo_bpf_ops__can_preserve(struct luo_bpf_ctx *ctx, struct file *file)
{
	return 0;
}

static int luo_bpf_ops__preserve(struct luo_bpf_ctx *ctx, struct file *file)
{
	return 0;
}

static void luo_bpf_ops__unpreserve(struct luo_bpf_ctx *ctx, struct file *file)
{
}

static int luo_bpf_ops__freeze(struct luo_bpf_ctx *ctx, struct file *file)
{
	return 0;
}

static void luo_bpf_ops__unfreeze(struct luo_bpf_ctx *ctx, struct file *file)
{
}

static int luo_bpf_ops__retrieve(struct luo_bpf_ctx *ctx)
{
	return 0;
}

static int luo_bpf_ops__can_finish(struct luo_bpf_ctx *ctx)
{
	return 0;
}

static void luo_bpf_ops__finish(struct luo_bpf_ctx *ctx)
{
}

static u64 luo_bpf_ops__get_id(struct luo_bpf_ctx *ctx, struct file *file)
{
	return 0;
}

static struct luo_bpf_ops luo_bpf_stubs = {
	.can_preserve = luo_bpf_ops__can_preserve,
	.preserve = luo_bpf_ops__preserve,
	.unpreserve = luo_bpf_ops__unpreserve,
	.freeze = luo_bpf_ops__freeze,
	.unfreeze = luo_bpf_ops__unfreeze,
	.retrieve = luo_bpf_ops__retrieve,
	.can_finish = luo_bpf_ops__can_finish,
	.finish = luo_bpf_ops__finish,
	.get_id = luo_bpf_ops__get_id,
};

static const struct bpf_verifier_ops luo_bpf_verifier_ops = {
	.get_func_proto = bpf_base_func_proto,
	.is_valid_access = bpf_tracing_btf_ctx_access,
};

static struct bpf_struct_ops bpf_luo_bpf_ops = {
	.verifier_ops = &luo_bpf_verifier_ops,
	.init = luo_bpf_init_type,
	.check_member = luo_bpf_check_member,
	.init_member = luo_bpf_init_member,
	.reg = luo_bpf_reg,
	.unreg = luo_bpf_unreg,
	.update = luo_bpf_update,
	.cfi_stubs = &luo_bpf_stubs,
	.name = "luo_bpf_ops",
	.owner = THIS_MODULE,
};

/* Whether it is one of a handler's programs, as far as is known yet. */
bool luo_bpf_prog(const struct bpf_prog *prog)
{
	return prog->type == BPF_PROG_TYPE_STRUCT_OPS &&
	       prog->aux->st_ops == &bpf_luo_bpf_ops;
}

static int __init luo_bpf_type_init(void)
{
	int err = luo_bpf_kfuncs_init();

	if (!err)
		err = luo_bpf_object_init();
	if (!err)
		err = luo_bpf_init();
	return err ?: register_bpf_struct_ops(&bpf_luo_bpf_ops, luo_bpf_ops);
}
late_initcall(luo_bpf_type_init);
