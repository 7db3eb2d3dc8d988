/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: making files that have no descriptor yet.
 *
 * Each constructor is in the source file of its type. The declarations are here,
 * for headers like <linux/eventfd.h> are part of nearly every file of the kernel.
 */
#ifndef _LINUX_LUO_FILES_H
#define _LINUX_LUO_FILES_H

#include <linux/types.h>

struct file;

/* fs/eventfd.c */
struct file *eventfd_getfile(u64 count, int flags);

#endif /* _LINUX_LUO_FILES_H */
