/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: what is in a pipe, in the blob of a BPF handler.
 */
#ifndef _LINUX_KHO_ABI_LUO_PIPE_H
#define _LINUX_KHO_ABI_LUO_PIPE_H

#include <linux/build_bug.h>
#include <linux/types.h>

/**
 * DOC: Contents of a pipe
 *
 * The blob is one record for each buffer of the pipe, oldest first, without gaps: a
 * struct luo_pipe_buf_ser, and behind it the bytes. It is for the version of the
 * handler to tell that this is the format.
 */

/* struct luo_pipe_buf_ser.flags */
#define LUO_PIPE_PACKET		0x1	/* one read takes all of it */
#define LUO_PIPE_CAN_MERGE	0x2	/* what is written next may be added to it */

/**
 * struct luo_pipe_buf_ser - a buffer
 * @len:   bytes, up to a page
 * @flags: LUO_PIPE_PACKET, LUO_PIPE_CAN_MERGE
 */
struct luo_pipe_buf_ser {
	u32 len;
	u32 flags;
} __packed;

static_assert(sizeof(struct luo_pipe_buf_ser) == 8);

#endif /* _LINUX_KHO_ABI_LUO_PIPE_H */
