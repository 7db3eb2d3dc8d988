/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A handler's source compiled as a program: types and kfuncs for one file, with a
 * record that can be made to fail. A test includes the handler's .bpf.c; vmlinux.h
 * and bpf/ here lead to this file.
 */
#ifndef NATIVE_BPF_SHIM_H
#define NATIVE_BPF_SHIM_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

struct file;
#include "include/linux/luo_bpf.h"
#include "include/linux/luo_files.h"

#define SEC(name)
#define __weak
#define __ksym
#define BPF_PROG(name, args...) name(args)
#define bpf_core_cast(pointer, type) ((type *)(pointer))

/* The parts of kernel types that handlers here look at */
struct eventfd_ctx {
	u64 count;
	unsigned int flags;
};

struct signalfd_ctx {
	struct {
		unsigned long sig[1];
	} sigmask;
};

struct super_block {
	unsigned long s_flags;
};

struct inode {
	u16 i_mode;
	struct super_block *i_sb;
};

struct file {
	void *private_data;
	struct inode *f_inode;
	unsigned int f_flags;
	int references;		/* ours: taken by a constructor */
};

static struct {
	/* What fails: 0 for nothing, or a negative errno */
	int no_state, no_file;

	/* Exactly as large as asked for, so that an over-run is seen. */
	u8 *state;
	u32 state_size;
	bool incoming;		/* as in the next kernel: it can't be made */

	s64 realtime;		/* what the clock says */
	struct luo_timerfd timer;	/* what a timerfd is at */

	struct file *set;	/* by bpf_luo_set_file() */
	int error;
	char report[256];
	char notice[128];	/* the last one */
	int noticed;
} shim;

static inline void shim_reset(void)
{
	free(shim.state);
	memset(&shim, 0, sizeof(shim));
}

/* What the next kernel finds */
static inline void shim_kexec(void)
{
	shim.incoming = true;
	shim.set = NULL;
	shim.error = 0;
}

static inline u8 *bpf_luo_state(struct luo_bpf_ctx *ctx, const u32 size)
{
	(void)ctx;
	shim.error = shim.no_state;
	if (shim.error)
		return NULL;
	if (!shim.state && !shim.incoming) {
		shim.state = calloc(1, size);
		shim.state_size = size;
	}
	if (size > shim.state_size) {
		shim.error = -E2BIG;
		return NULL;
	}
	return shim.state;
}

static inline int bpf_luo_error(struct luo_bpf_ctx *ctx)
{
	(void)ctx;
	return shim.error;
}

static inline int bpf_luo_report(struct luo_bpf_ctx *ctx, const char *text, u32 size)
{
	(void)ctx;
	if (!size || size > sizeof(shim.report) || text[size - 1])
		abort();
	memcpy(shim.report, text, size);
	return 0;
}

static inline int bpf_luo_notice(struct luo_bpf_ctx *ctx, const char *text, u32 size)
{
	(void)ctx;
	if (!size || size > sizeof(shim.notice) || text[size - 1])
		abort();
	memcpy(shim.notice, text, size);
	shim.noticed++;
	return 0;
}

/* Of who has no blob of its own */
#ifndef SHIM_BLOB
static inline int bpf_luo_blob_resize(struct luo_bpf_ctx *ctx, u64 size)
{
	(void)ctx;
	return size ? -ENOMEM : 0;
}
#endif

static inline struct file *bpf_luo_eventfd(struct luo_bpf_ctx *ctx, u64 count, u32 flags)
{
	static struct eventfd_ctx eventfd;
	static struct file file = { .private_data = &eventfd };

	(void)ctx;
	shim.error = flags & ~1U ? -EINVAL : shim.no_file;
	if (shim.error)
		return NULL;
	eventfd.count = count;
	eventfd.flags = flags;
	file.references = 1;
	return &file;
}

static inline struct file *bpf_luo_signalfd(struct luo_bpf_ctx *ctx, u64 mask)
{
	static struct signalfd_ctx signalfd;
	static struct file file = { .private_data = &signalfd };

	(void)ctx;
	shim.error = mask & (1 << 8 | 1 << 18) ? -EINVAL : shim.no_file;
	if (shim.error)
		return NULL;
	signalfd.sigmask.sig[0] = ~mask;
	file.references = 1;
	return &file;
}

static inline s64 bpf_luo_realtime(struct luo_bpf_ctx *ctx)
{
	(void)ctx;
	return shim.realtime;
}

static inline int bpf_luo_timerfd_save(struct luo_bpf_ctx *ctx, struct file *file, void *state,
				       u32 size)
{
	(void)ctx;
	(void)file;
	if (size != sizeof(shim.timer))
		return -EINVAL;
	memcpy(state, &shim.timer, size);
	return 0;
}

static inline struct file *bpf_luo_timerfd(struct luo_bpf_ctx *ctx, const void *state, u32 size)
{
	static struct file file;

	(void)ctx;
	shim.error = size == sizeof(shim.timer) ? shim.no_file : -EINVAL;
	if (shim.error)
		return NULL;
	memcpy(&shim.timer, state, size);
	file.references = 1;
	return &file;
}

static inline int bpf_luo_set_file(struct file *file, struct luo_bpf_ctx *ctx)
{
	(void)ctx;
	if (!file || !file->references-- || shim.set)
		abort();
	shim.set = file;
	return 0;
}

#endif /* NATIVE_BPF_SHIM_H */
