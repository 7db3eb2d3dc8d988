/* SPDX-License-Identifier: GPL-2.0 */
/* A handler as it is shipped, with a record that is damaged when the file is frozen. */
#ifndef DAMAGED_H
#define DAMAGED_H

#ifdef __bpf__
#include "luo_handler.bpf.h"

/* What the handler declares is taken back: the file that includes it declares another. */
#undef LUO_HANDLER
#define LUO_HANDLER static struct luo_bpf_ops __attribute__((unused))

/* Its freeze is a function, to be called: a program that is nobody's does not load. */
static int shipped_freeze(struct luo_bpf_ctx *luo, struct file *file);
int luo_freeze(unsigned long long *args);

#undef LUO_PROG
#define LUO_PROG(name, args...) LUO_PROG_##name(name, ##args)
#define LUO_PROG_AS(name, args...) SEC("struct_ops.s/" #name) BPF_PROG(luo_##name, ##args)
#define LUO_PROG_can_preserve LUO_PROG_AS
#define LUO_PROG_preserve LUO_PROG_AS
#define LUO_PROG_damage LUO_PROG_AS
#define LUO_PROG_retrieve LUO_PROG_AS
#define LUO_PROG_freeze(name, args...) shipped_freeze(args)
#endif

#define DAMAGES 64

/* For each of the first tokens: @size bytes at @offset become those of @value. */
struct damages {
	struct {
		unsigned int in_blob;
		unsigned int offset;
		unsigned int size;	/* up to 8; 0 for none */
		unsigned int reserved;
		unsigned long long value;
	} of[DAMAGES];
};

#ifdef __bpf__
struct damages damages;

static int damage(struct luo_bpf_ctx *luo, char *state, unsigned int state_size)
{
	__u64 token = luo->token, value;
	unsigned int offset, size;

	if (token >= DAMAGES)
		return 0;
	offset = damages.of[token].offset;
	size = damages.of[token].size;
	value = damages.of[token].value;
	if (!damages.of[token].in_blob) {
		for (unsigned int i = 0; i < 8; i++) {
			if (i < size && offset + i < state_size)
				state[offset + i] = value >> 8 * i;
		}
		return 0;
	}
	if (size == 4)
		return bpf_luo_blob_write(luo, offset, &value, 4);
	return size ? bpf_luo_blob_write(luo, offset, &value, 8) : 0;
}

/* The program for freeze: the shipped one, and then the damage to a state of this @type. */
#define DAMAGED_FREEZE(type)							\
int LUO_PROG(damage, struct luo_bpf_ctx *luo, struct file *file)		\
{										\
	type *state = luo_state(luo, type);					\
	int err = shipped_freeze(luo, file);					\
										\
	if (err || !state)							\
		return err ?: bpf_luo_error(luo);				\
	return damage(luo, (char *)state, sizeof(*state));			\
}

#define DAMAGED_HANDLER SEC(".struct_ops.link") struct luo_bpf_ops
#endif

#endif
