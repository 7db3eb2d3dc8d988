// SPDX-License-Identifier: GPL-2.0
/* The inotify handler, as it is, without a kernel: watches of inodes that are numbers. */
#include <assert.h>
#include <linux/types.h>
#include <stdio.h>

#define SHIM_BLOB
#include "bpf_shim.h"

#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#include "include/linux/kho/abi/luo_bpf_inode.h"

#define MAX 300
#define bpf_for(i, from, to) for ((i) = (from); (i) < (to); (i)++)
#define BPF_SNPRINTF(to, size, text, args...) snprintf(to, size, text, args)

struct fsnotify_group {
	struct {
		struct { unsigned int idr_next; } idr;
	} inotify_data;
};

/* A file before the kexec or behind it, what it gets told there, and what fails */
static struct {
	struct fsnotify_group group;
	struct luo_bpf_watch_ser watches[MAX];
	int nr, nr_events, nr_put;
	struct { int wd; u32 mask; } events[MAX];
	int no_memory, no_inotify, no_event, no_watch;
	int why[MAX];		/* the inode is not found */
} fs;

static struct {
	u8 *mem;
	u64 size;
} blob;

static inline int bpf_luo_blob_resize(struct luo_bpf_ctx *ctx, u64 size)
{
	u8 *mem;

	(void)ctx;
	if (fs.no_memory && size > blob.size)
		return fs.no_memory;
	mem = calloc(1, size + 1);
	if (blob.mem)
		memcpy(mem, blob.mem, size < blob.size ? size : blob.size);
	free(blob.mem);
	blob.mem = mem;
	blob.size = size;
	return 0;
}

static inline u64 bpf_luo_blob_size(struct luo_bpf_ctx *ctx)
{
	(void)ctx;
	return blob.size;
}

static inline int bpf_luo_blob_write(struct luo_bpf_ctx *ctx, u64 offset, const void *mem, u32 size)
{
	(void)ctx;
	if (offset > blob.size || size > blob.size - offset)
		return -ERANGE;
	memcpy(blob.mem + offset, mem, size);
	return 0;
}

static inline int bpf_luo_blob_read(struct luo_bpf_ctx *ctx, u64 offset, void *mem, u32 size)
{
	(void)ctx;
	if (offset > blob.size || size > blob.size - offset)
		return -ERANGE;
	memcpy(mem, blob.mem + offset, size);
	return 0;
}

static inline int bpf_luo_inotify_next(struct luo_bpf_ctx *ctx, struct file *file, void *watch,
				       u32 size)
{
	const struct luo_bpf_watch_ser *last = watch, *next = NULL;

	(void)ctx;
	if (!file || size != sizeof(*last))
		abort();
	for (int i = 0; i < fs.nr; i++) {
		if (fs.watches[i].wd > last->wd && (!next || fs.watches[i].wd < next->wd))
			next = &fs.watches[i];
	}
	if (!next)
		return -ENOENT;
	memcpy(watch, next, size);
	return 0;
}

static inline struct file *bpf_luo_inotify(struct luo_bpf_ctx *ctx, s32 next_wd)
{
	static struct file file;

	(void)ctx;
	shim.error = fs.no_inotify;
	if (shim.error)
		return NULL;
	fs.group.inotify_data.idr.idr_next = next_wd;
	file.references = 1;
	return &file;
}

static inline int bpf_luo_inotify_event(struct file *file, s32 wd, u32 mask)
{
	if (!file->references || fs.nr_events == MAX)
		abort();
	fs.events[fs.nr_events].wd = wd;
	fs.events[fs.nr_events++].mask = mask;
	return fs.no_event;
}

/* Inodes are their generation here, and may have one watch. */
static inline int bpf_luo_inotify_watch(struct file *file, struct luo_bpf_ctx *ctx,
					const void *watch, u32 size)
{
	const struct luo_bpf_watch_ser *ser = watch;

	(void)ctx;
	if (!file->references || size != sizeof(*ser))
		abort();
	if (fs.no_watch || ser->gone)
		return fs.no_watch ?: ser->gone;
	if (fs.why[ser->wd % MAX])
		return fs.why[ser->wd % MAX];
	for (int i = 0; i < fs.nr; i++) {
		if (!memcmp(&fs.watches[i].inode, &ser->inode, sizeof(ser->inode)))
			return -EEXIST;
	}
	fs.watches[fs.nr++] = *ser;
	return 0;
}

static inline void bpf_luo_put_file(struct file *file, struct luo_bpf_ctx *ctx)
{
	(void)ctx;
	file->references--;
	fs.nr_put++;
}

#include "bpf/handlers/inotify.bpf.c"

#include "kselftest.h"

static struct luo_bpf_ctx luo;
static struct file open_file = { .private_data = &fs.group };

static void add(int wd, u32 mask, int inode)
{
	fs.watches[fs.nr].wd = wd;
	fs.watches[fs.nr].mask = mask;
	fs.watches[fs.nr++].inode.format = inode;
	fs.group.inotify_data.idr.idr_next = wd + 1U;
}

static void start(void)
{
	shim_reset();
	memset(&fs, 0, sizeof(fs));
	bpf_luo_blob_resize(&luo, 0);
}

/* Preserved and frozen: then nothing is left of it but the record. */
static bool frozen(void)
{
	int err = inotify.preserve(&luo, &open_file) ?: inotify.freeze(&luo, &open_file);

	memset(&fs, 0, sizeof(fs));
	shim_kexec();
	return !err;
}

static bool told(int n, int wd, u32 mask)
{
	return n < fs.nr_events && fs.events[n].wd == wd && fs.events[n].mask == mask;
}

static bool test_watches(void)
{
	start();
	for (int i = 1; i <= 200; i++)
		add(3 * i, i, i);
	if (!frozen() || inotify.retrieve(&luo) || !shim.set || fs.nr != 200)
		return false;
	for (int i = 0; i < 200; i++) {
		if (fs.watches[i].wd != 3 * (200 - i) || fs.watches[i].mask != 200U - i)
			return false;
	}
	return fs.group.inotify_data.idr.idr_next == 601 && fs.nr_events == 1 &&
	       told(0, -1, IN_Q_OVERFLOW) && !shim.notice[0];
}

/* Watches come and go between preserve and freeze. */
static bool test_changes(void)
{
	start();
	for (int i = 1; i <= 100; i++)
		add(i, 1, i);
	if (inotify.preserve(&luo, &open_file))
		return false;
	fs.nr = 1;
	if (!frozen() || blob.size != sizeof(struct luo_bpf_watch_ser) ||
	    inotify.retrieve(&luo) || fs.nr != 1)
		return false;
	start();
	if (inotify.preserve(&luo, &open_file))
		return false;
	for (int i = 1; i <= 100; i++)
		add(i, 1, i);
	return frozen() && !inotify.retrieve(&luo) && fs.nr == 100;
}

static bool test_ends(void)
{
	start();
	for (int i = 1; i <= 6; i++)
		add(i, i < 4 ? IN_DELETE_SELF : 1, i);
	fs.watches[5].gone = -ENODEV;
	if (!frozen())
		return false;
	fs.why[1] = -EACCES;
	fs.why[2] = -ESTALE;
	fs.why[4] = -ESTALE;
	fs.why[5] = -ENODEV;
	if (inotify.retrieve(&luo) || !shim.set || fs.nr != 1 || fs.watches[0].wd != 3)
		return false;
	return fs.nr_events == 9 && told(0, -1, IN_Q_OVERFLOW) && told(1, 6, IN_UNMOUNT) &&
	       told(2, 6, IN_IGNORED) && told(3, 5, IN_UNMOUNT) && told(4, 5, IN_IGNORED) &&
	       told(5, 4, IN_IGNORED) && told(6, 2, IN_DELETE_SELF) && told(7, 2, IN_IGNORED) &&
	       told(8, 1, IN_IGNORED) && strstr(shim.notice, "5 of 6 watches end");
}

/* Removed and added again while they were read: the later one is the one that is there. */
static bool test_twice(void)
{
	start();
	add(2, 1, 7);
	add(5, 4, 7);
	return frozen() && !inotify.retrieve(&luo) && fs.nr == 1 && fs.watches[0].wd == 5 &&
	       fs.watches[0].mask == 4 && fs.nr_events == 2 && told(1, 2, IN_IGNORED);
}

static bool test_highest(void)
{
	start();
	add(INT32_MAX, 1, 1);
	return frozen() && !inotify.retrieve(&luo) && fs.nr == 1 &&
	       !fs.group.inotify_data.idr.idr_next;
}

static bool retrieve_fails(int *cause, int err)
{
	*cause = err;
	if (inotify.retrieve(&luo) != err || shim.set)
		return false;
	*cause = 0;
	return true;
}

static bool test_failures(void)
{
	start();
	add(1, 1, 1);
	fs.no_memory = -ENOMEM;
	if (inotify.preserve(&luo, &open_file) != -ENOMEM)
		return false;
	fs.no_memory = 0;
	if (!frozen() || !retrieve_fails(&fs.no_inotify, -EMFILE) || fs.nr_put ||
	    !retrieve_fails(&fs.no_watch, -ENOSPC) || !retrieve_fails(&fs.no_watch, -EINVAL) ||
	    !retrieve_fails(&fs.no_watch, -EINTR) || !retrieve_fails(&fs.no_event, -ENOMEM) ||
	    fs.nr_put != 4)
		return false;
	fs.nr_events = 0;
	return !inotify.retrieve(&luo) && shim.set && fs.nr == 1 && fs.nr_events == 1;
}

static bool test_lost(void)
{
	start();
	if (inotify.preserve(&luo, &open_file))
		return false;
	add(1, 1, 1);
	fs.no_memory = -ENOMEM;
	if (inotify.freeze(&luo, &open_file) || !shim.notice[0] || blob.size)
		return false;
	shim_kexec();
	if (inotify.retrieve(&luo) != -ENOMEM || shim.set || !shim.report[0])
		return false;

	/* Mended until the next freeze; none if there is no kexec */
	shim.incoming = false;
	fs.no_memory = -EINTR;
	if (inotify.freeze(&luo, &open_file) != -EINTR)
		return false;
	fs.no_memory = 0;
	return frozen() && !inotify.retrieve(&luo) && fs.nr == 1;
}

static bool test_damage(void)
{
	struct inotify_state *state;

	start();
	add(1, 1, 1);
	if (!frozen())
		return false;
	state = (void *)shim.state;
	state->watches = 2;
	if (inotify.retrieve(&luo) != -EUCLEAN || !shim.report[0])
		return false;
	state->watches = 1;
	state->next_wd = -1;
	if (inotify.retrieve(&luo) != -EUCLEAN || shim.set)
		return false;
	shim.state_size = 4;
	return inotify.retrieve(&luo) == -E2BIG && !shim.set;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(8);
	ksft_test_result(test_watches(), "watches come back, and that events were lost\n");
	ksft_test_result(test_changes(), "those that there are at the freeze\n");
	ksft_test_result(test_ends(), "others end with the events that say why\n");
	ksft_test_result(test_twice(), "of two watches of an inode the later one\n");
	ksft_test_result(test_highest(), "behind the highest descriptor comes the first\n");
	ksft_test_result(test_failures(), "failures\n");
	ksft_test_result(test_lost(), "one that can't be carried over is lost alone\n");
	ksft_test_result(test_damage(), "a damaged record is refused\n");
	start();
	free(blob.mem);
	ksft_finished();
}
