/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every file handler in BPF shares. A handler is one struct luo_bpf_ops,
 * attached as a link; Documentation/bpf/luo_handlers.rst leads through one,
 * handlers/eventfd.bpf.c is one to start from.
 *
 * Types come from vmlinux.h, that is from the BTF of the kernel that the handler is
 * compiled for; the kfuncs bpf_luo_*() are in luo_kfuncs.bpf.h.
 */
#ifndef LUO_HANDLER_BPF_H
#define LUO_HANDLER_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "luo_kfuncs.bpf.h"

/* Macros are not in BTF. */
#define EPERM		1
#define ENOENT		2
#define EINTR		4
#define EIO		5
#define ENOMEM		12
#define EBUSY		16
#define EEXIST		17
#define EXDEV		18
#define EINVAL		22
#define ENOSPC		28
#define EOVERFLOW	75
#define EOPNOTSUPP	95
#define EUCLEAN		117

#define FMODE_READ	1
#define FMODE_WRITE	2

/**
 * LUO_PROG() - one callback of a handler
 * @name: member of struct luo_bpf_ops
 * @args: its arguments, as that declares them
 *
 * Callbacks may sleep, and must: others are refused. The function is called
 * luo_NAME, for a program's name is seen by bpftool, beside many others.
 */
#define LUO_PROG(name, args...) SEC("struct_ops.s/" #name) BPF_PROG(luo_##name, ##args)

/*
 * A type of the kernel that a handler declares itself, with the members that it reads by
 * BPF_CORE_READ(): for drivers that are modules, whose types are not in vmlinux.h.
 */
#ifndef LUO_KERNEL_TYPE
#define LUO_KERNEL_TYPE __attribute__((preserve_access_index))
#endif

/* The map of a handler: SEC(".struct_ops") has no link, and is refused. */
#define LUO_HANDLER SEC(".struct_ops.link") struct luo_bpf_ops

/* The state block of a file as a pointer to @type, or NULL: see bpf_luo_error(). */
#define luo_state(luo, type) ((type *)bpf_luo_state(luo, sizeof(type)))

/* The same for the block that the handler's files share. */
#define luo_shared(luo, type) ((type *)bpf_luo_shared(luo, sizeof(type)))

/*
 * Say why a call fails: one line for the kernel's log and for who asked. On the stack,
 * for kfuncs don't take memory that is read-only.
 */
#define luo_report(luo, text) ({					\
	char luo_text[] = text;						\
									\
	bpf_luo_report(luo, luo_text, sizeof(luo_text));		\
})

/*
 * In freeze: what to return for a file that can't be carried over any more. Others would
 * be refused their kexec for it, by anybody who can do something to the file; so it is this
 * file alone that does not come back. @lost is kept, for retrieve to return. Not so when
 * the task that asks for the kexec is being killed: then there is none.
 */
static inline int luo_lost(struct luo_bpf_ctx *luo, __s32 *lost, int err)
{
	char text[] = "it will not come back";

	*lost = err;
	if (!err || err == -EINTR)
		return err;
	bpf_luo_notice(luo, text, sizeof(text));
	bpf_luo_blob_resize(luo, 0);
	return 0;
}

/* In retrieve: why it does not */
static inline int luo_was_lost(struct luo_bpf_ctx *luo, __s32 lost)
{
	if (lost)
		luo_report(luo, "it could not be carried over: the previous kernel's log says why");
	return lost;
}

char LICENSE[] SEC("license") = "GPL";

#endif /* LUO_HANDLER_BPF_H */
