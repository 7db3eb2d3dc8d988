/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: what is in a pair of unix sockets, in the blob of a BPF
 * handler.
 */
#ifndef _LINUX_KHO_ABI_LUO_UNIX_H
#define _LINUX_KHO_ABI_LUO_UNIX_H

#include <linux/build_bug.h>
#include <linux/types.h>

/**
 * DOC: Contents of a pair of unix sockets
 *
 * The blob is one record for each message that was not read, without gaps: a struct
 * luo_unix_msg_ser, and behind it the bytes. Those in one socket's queue are in their
 * order. Of a stream, a message is what was sent at once, or what is left of that. It
 * is for the version of the handler to tell that this is the format.
 */

/* struct luo_unix_msg_ser.flags */
#define LUO_UNIX_CREDS		0x1	/* @uid and @gid are there */
#define LUO_UNIX_OOB		0x2	/* the urgent byte of a stream */

/**
 * struct luo_unix_msg_ser - a message
 * @len:   bytes
 * @end:   in whose queue it is: 0 or 1
 * @flags: LUO_UNIX_CREDS, LUO_UNIX_OOB
 * @uid:   who sent it, in the initial user namespace
 * @gid:   likewise
 * @time:  when, in ns since 1970; 0 if nobody asked for that
 */
struct luo_unix_msg_ser {
	u32 len;
	u16 end;
	u16 flags;
	u32 uid;
	u32 gid;
	s64 time;
} __packed;

static_assert(sizeof(struct luo_unix_msg_ser) == 24);

#endif /* _LINUX_KHO_ABI_LUO_UNIX_H */
