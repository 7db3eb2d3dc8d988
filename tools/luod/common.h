/* SPDX-License-Identifier: GPL-2.0 */
/* What luod and luo-attach have in common: which handlers there are, and what is attached. */
#ifndef LUOD_COMMON_H
#define LUOD_COMMON_H

#include <libluo-bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* cmdline.c */
#define ATTACH_SWITCH	"luo.attach="

/* With luo.attach=0 on the kernel's command line, nothing is attached but by a person. */
bool attach_is_off(void);

/* attached.c: what is attached, and from which object if luo-attach has done it */
struct attached {
	uint32_t version;
	uint32_t link_id;
	uint32_t map_id;
	bool pinned;			/* where luo-attach and luod pin it */
	bool known;			/* luo-attach attached it, from the object of this digest */
	bool from_initrd;
	uint64_t digest;
};

/* What is attached for the files of @compatible; false if nothing is. */
bool attached_find(const char *compatible, struct attached *attached);
/* Is it the very same object? */
bool attached_is(const struct attached *attached, uint32_t version, uint64_t digest);
/* What is attached now is of this object. */
void attached_note(const char *compatible, uint64_t digest, bool from_initrd);
/* Where that is noted, and objects are that came with an initramfs: the root may not have them. */
#define ATTACHED_DIR	"/run/luo"
/* Leave the object of @file there, and remove it: 0 or -errno. */
int attached_keep(const char *file, const void *data, size_t size);
void attached_forget(const char *file);
uint64_t object_digest(const void *data, size_t size);
/* Whoever sees that what came from an initramfs is no longer what is on the disk says this. */
#define INITRD_IS_STALE \
	"the initramfs has another one: make it again, with update-initramfs -u or dracut -f"

/*
 * Why a file or directory of luo_handler__find() can't be used, and what to do; false if nothing is
 * wrong: it is all right, or a directory of those that need not be there.
 */
bool file_problem(const struct luo_handler_file *file, char *text, size_t size);

/*
 * child.c: what may crash or hang, in a process of its own. What @fn returns there, 0 to 255.
 * -EFAULT if it died, or took longer than so many seconds, with the signal; or another -errno.
 */
int child_run(int (*fn)(void *arg), void *arg, unsigned int seconds, int *signal);
/* The two halves of it: -errno, or the child */
pid_t child_start(int (*fn)(void *arg), void *arg, unsigned int seconds);
int child_wait(pid_t child, int *signal);
/* What it died of, in words */
const char *child_death(int signal);

#endif
