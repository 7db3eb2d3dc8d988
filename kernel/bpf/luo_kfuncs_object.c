// SPDX-License-Identifier: GPL-2.0
/*
 * What handlers of the Live Update Orchestrator in BPF can call for files that are
 * parts of one object, as the two ends of a pipe are.
 */
#include <linux/btf.h>
#include <linux/fs.h>

#include "luo_kfuncs.h"

__bpf_kfunc_start_defs();

/**
 * bpf_luo_object_join - make a file a part of an object
 * @ctx:     the file that is preserved
 * @id__ign: an address that stands for the object, the same for all of its files;
 *           only compared
 * @part:    which of the object's files it is, from 0 to 7
 *
 * Parts can be preserved in any order, in one session.
 *
 * Context: preserve.
 * Return: 0, -EEXIST if another file is that part, -EXDEV if the object's files are
 * in another session, -EBUSY if the file is a part of one already, -ERANGE,
 * -ENOMEM.
 */
__bpf_kfunc int bpf_luo_object_join(struct luo_bpf_ctx *ctx, const void *id__ign,
				    u32 part)
{
	return luo_bpf_object_join(luo_bpf_file_of(ctx), id__ign, part);
}

/**
 * bpf_luo_object_claim - be the one of some files that saves what all of them have
 * @ctx:     the file that is preserved
 * @id__ign: an address that stands for what they have, the same for all of them; only
 *           compared
 *
 * For files that come back without one another, in whatever sessions they are, as those of
 * a FIFO. The first that is frozen is the one, until that freeze is undone.
 *
 * Context: freeze.
 * Return: 0 if it is, -EBUSY if another one is, -EINVAL if it is a part of an object by
 * bpf_luo_object_join(), -ENOMEM.
 */
__bpf_kfunc int bpf_luo_object_claim(struct luo_bpf_ctx *ctx, const void *id__ign)
{
	return luo_bpf_object_claim(luo_bpf_file_of(ctx), id__ign);
}

/**
 * bpf_luo_object_first - which file stands for the object
 * @ctx:   the file that is preserved, a part of an object
 * @token: out: of the part that was preserved first
 *
 * It saves what is the object's, and makes all parts in the next kernel; the others
 * save this token.
 *
 * Context: preserve, freeze.
 * Return: 0, or -ENOENT if it is no part of an object.
 */
__bpf_kfunc int bpf_luo_object_first(struct luo_bpf_ctx *ctx, u64 *token)
{
	return luo_bpf_object_first(luo_bpf_file_of(ctx), token);
}

/**
 * bpf_luo_object_parts - which parts of the object are preserved
 * @ctx: the file that is preserved, a part of an object
 *
 * Context: freeze. In preserve others might not be there yet.
 * Return: a mask: bit 0 is part 0.
 */
__bpf_kfunc u32 bpf_luo_object_parts(struct luo_bpf_ctx *ctx)
{
	return luo_bpf_object_parts(luo_bpf_file_of(ctx));
}

/**
 * bpf_luo_object_part - take a part of an object
 * @ctx:   the file that is retrieved
 * @token: of the part that was preserved first
 * @part:  which part the file is
 *
 * If that is another file, it is retrieved, if it was not yet. If it is this one,
 * the program has made the object just before, as by bpf_luo_pipe(). The parts stay
 * with it until its session is finished.
 *
 * Context: retrieve.
 * Return: the file, the program's to pass on or put; or NULL, and bpf_luo_error()
 * is -ENOENT if there is no such file or part, -EBUSY if it was given to another
 * file, -EUCLEAN if the first part is not a file of the same handler, or why that
 * can't be retrieved.
 */
__bpf_kfunc struct file *bpf_luo_object_part(struct luo_bpf_ctx *ctx, u64 token,
					     u32 part)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);

	guard(luo_no_run_ctx)();

	return luo_bpf_file_or_null(bf, luo_bpf_object_part(bf, token, part));
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(luo_object_kfunc_ids)
BTF_ID_FLAGS(func, bpf_luo_object_join, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_object_claim, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_object_first, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_object_parts, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_object_part, KF_SLEEPABLE | KF_ACQUIRE | KF_RET_NULL)
BTF_KFUNCS_END(luo_object_kfunc_ids)

BTF_SET_START(luo_object_preserve_ids)
BTF_ID(func, bpf_luo_object_join)
BTF_ID(func, bpf_luo_object_first)
BTF_SET_END(luo_object_preserve_ids)

BTF_SET_START(luo_object_freeze_ids)
BTF_ID(func, bpf_luo_object_claim)
BTF_ID(func, bpf_luo_object_first)
BTF_ID(func, bpf_luo_object_parts)
BTF_SET_END(luo_object_freeze_ids)

BTF_SET_START(luo_object_retrieve_ids)
BTF_ID(func, bpf_luo_object_part)
BTF_SET_END(luo_object_retrieve_ids)

static int luo_object_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	static const struct luo_kfunc_sets sets = {
		.all = &luo_object_kfunc_ids,
		.preserve = &luo_object_preserve_ids,
		.freeze = &luo_object_freeze_ids,
		.retrieve = &luo_object_retrieve_ids,
	};

	return luo_kfunc_check(&sets, prog, kfunc_id);
}

static const struct btf_kfunc_id_set luo_object_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &luo_object_kfunc_ids,
	.filter = luo_object_filter,
};

static int __init luo_object_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &luo_object_kfunc_set);
}
late_initcall(luo_object_kfuncs_init);
