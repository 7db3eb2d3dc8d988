/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* What /dev/notepad offers to user space, and by that to its handler. */
#ifndef NOTEPAD_H
#define NOTEPAD_H

/* A program in BPF has its types from vmlinux.h already. */
#ifdef __VMLINUX_H__
#include <asm-generic/ioctl.h>
#else
#include <linux/ioctl.h>
#include <linux/types.h>
#endif

#define NOTEPAD_BYTES	4096	/* to be mapped */
#define NOTEPAD_PART	1024

/* All arguments are flat: there are no pointers in them. */
struct notepad_info {
	char title[32];		/* terminated */
	__u64 saves;		/* how often NOTEPAD_SAVE was called */
};

/* A part of the page */
struct notepad_part {
	__u32 offset;		/* a multiple of NOTEPAD_PART */
	__u32 reserved;		/* 0 */
	__u8 bytes[NOTEPAD_PART];
};

#define NOTEPAD_SAVE		_IO('n', 0x50)
#define NOTEPAD_GET_INFO	_IOR('n', 0x51, struct notepad_info)
#define NOTEPAD_SET_INFO	_IOW('n', 0x52, struct notepad_info)
#define NOTEPAD_GET_PART	_IOWR('n', 0x53, struct notepad_part)
#define NOTEPAD_SET_PART	_IOW('n', 0x54, struct notepad_part)

#endif
