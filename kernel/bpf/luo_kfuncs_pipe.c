// SPDX-License-Identifier: GPL-2.0
/*
 * What handlers of the Live Update Orchestrator in BPF can call for pipes.
 *
 * A pipe is preserved as a copy: its buffers may be of any kind, such as pages of a
 * file that were spliced into it. What the copy looks like is in
 * <linux/kho/abi/luo_pipe.h>.
 */
#include <linux/btf.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/kho/abi/luo_pipe.h>
#include <linux/log2.h>
#include <linux/luo_lock.h>
#include <linux/mm.h>
#include <linux/pipe_fs_i.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "luo_kfuncs.h"

#define LUO_PIPE_MAX_SLOTS	(1U << (31 - PAGE_SHIFT))

/* Saving */

static struct pipe_inode_info *luo_pipe_of(struct luo_bpf_file *bf,
					   struct file *file)
{
	struct pipe_inode_info *pipe = get_pipe_info(file, false);

	if (!pipe || file != bf->file)
		return ERR_PTR(-EINVAL);
	if (pipe_has_watch_queue(pipe)) {
		luo_bpf_message(bf, "it is a queue of notifications of the kernel, not a pipe");
		return ERR_PTR(-EOPNOTSUPP);
	}
	return pipe;
}

/* What was spliced into it may be more than a page, and is saved as several. */
static u64 luo_pipe_saved_size(struct pipe_inode_info *pipe)
{
	u64 size = 0;

	for (unsigned int at = pipe->tail; !pipe_empty(pipe->head, at); at++) {
		u64 len = pipe_buf(pipe, at)->len;

		size += len + DIV_ROUND_UP(len, PAGE_SIZE) *
			sizeof(struct luo_pipe_buf_ser);
	}
	return size;
}

static int luo_pipe_save_part(struct luo_bpf_record *rec, u64 *offset,
			      struct pipe_buffer *buf, u32 from, u32 len)
{
	struct luo_pipe_buf_ser ser = {
		.len = len,
		.flags = (buf->flags & PIPE_BUF_FLAG_PACKET ? LUO_PIPE_PACKET : 0) |
			 (buf->flags & PIPE_BUF_FLAG_CAN_MERGE ? LUO_PIPE_CAN_MERGE : 0),
	};
	int err = luo_bpf_record_copy_in(rec, *offset, &ser, sizeof(ser));

	*offset += sizeof(ser);
	while (!err && len) {
		struct page *page = buf->page + (from >> PAGE_SHIFT);
		u32 part = min_t(u32, len, PAGE_SIZE - offset_in_page(from));
		void *mem = kmap_local_page(page);

		err = luo_bpf_record_copy_in(rec, *offset,
					     mem + offset_in_page(from), part);
		kunmap_local(mem);
		*offset += part;
		from += part;
		len -= part;
	}
	return err;
}

static int luo_pipe_save_buf(struct luo_bpf_record *rec, u64 *offset,
			     struct pipe_inode_info *pipe,
			     struct pipe_buffer *buf)
{
	u32 from = buf->offset, len = buf->len;
	int err;

	/* A page of a file may still be on its way from the disk. */
	err = pipe_buf_confirm(pipe, buf);
	while (!err && len) {
		u32 part = min_t(u32, len, PAGE_SIZE);

		err = luo_pipe_save_part(rec, offset, buf, from, part);
		from += part;
		len -= part;
	}
	return err;
}

static int luo_pipe_save(struct luo_bpf_record *rec, struct pipe_inode_info *pipe)
{
	u64 offset = 0;
	int err = 0;

	for (unsigned int at = pipe->tail;
	     !err && !pipe_empty(pipe->head, at); at++)
		err = luo_pipe_save_buf(rec, &offset, pipe, pipe_buf(pipe, at));
	return err;
}

/* Restoring */

/* Returns how many buffers there are, or -EUCLEAN. */
static int luo_pipe_count(struct luo_bpf_record *rec)
{
	u64 size = rec->ser->blob_size;
	struct luo_pipe_buf_ser ser;
	unsigned int nr = 0;

	for (u64 offset = 0; offset < size; offset += sizeof(ser) + ser.len) {
		if (luo_bpf_record_copy_out(rec, offset, &ser, sizeof(ser)) ||
		    !ser.len || ser.len > PAGE_SIZE ||
		    ser.len > size - offset - sizeof(ser) ||
		    ser.flags & ~(LUO_PIPE_PACKET | LUO_PIPE_CAN_MERGE) ||
		    nr++ == LUO_PIPE_MAX_SLOTS)
			return -EUCLEAN;
	}
	return nr;
}

static int luo_pipe_load_buf(struct luo_bpf_record *rec, u64 *offset,
			     struct pipe_buffer *buf)
{
	struct luo_pipe_buf_ser ser;
	struct page *page;
	void *mem;

	luo_bpf_record_copy_out(rec, *offset, &ser, sizeof(ser));
	*offset += sizeof(ser);
	page = alloc_page(GFP_HIGHUSER | __GFP_ACCOUNT);
	if (!page)
		return -ENOMEM;

	mem = kmap_local_page(page);
	luo_bpf_record_copy_out(rec, *offset, mem, ser.len);
	kunmap_local(mem);
	*offset += ser.len;
	*buf = (struct pipe_buffer) {
		.page = page,
		.len = ser.len,
		.ops = &nosteal_pipe_buf_ops,
		.flags = (ser.flags & LUO_PIPE_PACKET ? PIPE_BUF_FLAG_PACKET : 0) |
			 (ser.flags & LUO_PIPE_CAN_MERGE ? PIPE_BUF_FLAG_CAN_MERGE : 0),
	};
	return 0;
}

static void luo_pipe_drop(struct pipe_buffer *bufs, int nr)
{
	while (nr--)
		put_page(bufs[nr].page);
	kvfree(bufs);
}

/* The @nr buffers that luo_pipe_count() found, or an ERR_PTR() */
static struct pipe_buffer *luo_pipe_load(struct luo_bpf_record *rec, int nr)
{
	struct pipe_buffer *bufs = kvmalloc_objs(*bufs, nr);
	u64 offset = 0;
	int err;

	if (!bufs)
		return ERR_PTR(-ENOMEM);
	for (int i = 0; i < nr; i++) {
		err = luo_pipe_load_buf(rec, &offset, &bufs[i]);
		if (err) {
			luo_pipe_drop(bufs, i);
			return ERR_PTR(err);
		}
	}
	return bufs;
}

/* fcntl(2) waits for the pipe for as long as that takes; so not while others are at it. */
static int luo_pipe_resize(struct luo_bpf_file *bf, struct file *file, u32 slots)
{
	struct pipe_inode_info *pipe = get_pipe_info(file, false);
	long ret;

	if (pipe->max_usage == slots)
		return 0;
	ret = luo_try_briefly(!mutex_is_locked(&pipe->mutex));
	if (ret)
		return ret;
	ret = pipe_fcntl(file, F_SETPIPE_SZ, slots << PAGE_SHIFT);
	if (ret == -EPERM)
		luo_bpf_message(bf, "a pipe of %u pages is more than who retrieves it may have",
				slots);
	return ret < 0 ? ret : 0;
}

/*
 * What others have written meanwhile comes behind it. They may hold the pipe while they
 * wait for a page of their memory, or have it full again.
 */
static int luo_pipe_put(struct pipe_inode_info *pipe,
			const struct pipe_buffer *bufs, unsigned int nr)
{
	int err = luo_lock_briefly(&pipe->mutex);

	if (err)
		return err;
	if (pipe_occupancy(pipe->head, pipe->tail) + nr > pipe->ring_size)
		err = -EBUSY;
	while (!err && nr--) {
		pipe->tail--;
		*pipe_buf(pipe, pipe->tail) = bufs[nr];
	}
	mutex_unlock(&pipe->mutex);
	if (err)
		return err;
	wake_up_interruptible_poll(&pipe->rd_wait, EPOLLIN | EPOLLRDNORM);
	kill_fasync(&pipe->fasync_readers, SIGIO, POLL_IN);
	return 0;
}

/* How many buffers the pipe needs: large pages that were spliced take more than they had. */
static u32 luo_pipe_slots(struct pipe_inode_info *pipe, u32 slots, unsigned int nr)
{
	nr += pipe_occupancy(READ_ONCE(pipe->head), READ_ONCE(pipe->tail));
	nr = clamp(nr, slots, LUO_PIPE_MAX_SLOTS);
	return roundup_pow_of_two(nr);
}

/* Put what is in the blob into the pipe that @file is an end of. */
static int luo_pipe_fill(struct luo_bpf_file *bf, struct file *file, u32 slots)
{
	struct pipe_inode_info *pipe = get_pipe_info(file, false);
	int nr = luo_pipe_count(&bf->record);
	struct pipe_buffer *bufs;
	int err;

	if (nr < 0 || !is_power_of_2(slots) || slots > LUO_PIPE_MAX_SLOTS) {
		luo_bpf_message(bf, "not the state of a pipe");
		return -EUCLEAN;
	}
	bufs = luo_pipe_load(&bf->record, nr);
	if (IS_ERR(bufs))
		return PTR_ERR(bufs);
	err = luo_pipe_resize(bf, file, luo_pipe_slots(pipe, slots, nr));
	if (!err)
		err = luo_pipe_put(pipe, bufs, nr);
	if (err == -EBUSY)
		luo_bpf_message(bf, "others are at the pipe, or have filled it again");
	luo_pipe_drop(bufs, err ? nr : 0);
	return err;
}

static bool luo_fifo_is_busy(struct inode *inode)
{
	guard(spinlock)(&inode->i_lock);

	return inode->i_pipe && mutex_is_locked(&inode->i_pipe->mutex);
}

/**
 * luo_bpf_fifo_wait - wait until open(2) of a FIFO has not to wait
 * @inode: the FIFO
 *
 * Who writes to one, and waits for a page of his memory meanwhile, has it for as long as
 * he likes; whoever opens it can't be interrupted. He can begin to right after this, too,
 * but not at the time of his choice.
 *
 * Context: may sleep.
 * Return: 0, -EBUSY if another task is at it and does not end, -EINTR if the task is being
 * killed.
 */
int luo_bpf_fifo_wait(struct inode *inode)
{
	return luo_try_briefly(!luo_fifo_is_busy(inode));
}

/* How many of those who have it open are the program itself */
static unsigned int luo_pipe_opened(struct luo_bpf_file *bf,
				    const struct pipe_inode_info *pipe)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < bf->opened->nr; i++)
		nr += get_pipe_info(bf->opened->files[i], false) == pipe;
	return nr;
}

__bpf_kfunc_start_defs();

/**
 * bpf_luo_pipe_reserve - take memory for what is in a pipe
 * @ctx:  the file that is preserved
 * @file: it: an end of a pipe
 *
 * The blob gets room for as much as the pipe can hold now, so that freeze need not
 * ask for memory.
 *
 * Context: preserve.
 * Return: 0, -EINVAL for another file, -EOPNOTSUPP for a notification queue, or as
 * bpf_luo_blob_resize().
 */
__bpf_kfunc int bpf_luo_pipe_reserve(struct luo_bpf_ctx *ctx, struct file *file)
{
	struct pipe_inode_info *pipe = luo_pipe_of(luo_bpf_file_of(ctx), file);

	if (IS_ERR(pipe))
		return PTR_ERR(pipe);
	return bpf_luo_blob_resize(ctx, (u64)READ_ONCE(pipe->max_usage) *
				   (PAGE_SIZE + sizeof(struct luo_pipe_buf_ser)));
}

/**
 * bpf_luo_pipe_save - save what is in a pipe
 * @ctx:  the file that is preserved
 * @file: it: an end of a pipe
 *
 * The blob becomes a copy, and just as large.
 *
 * Context: freeze.
 * Return: 0, -EINVAL for another file, -EBUSY if another task is at it and does not
 * end, as splice(2) that waits for a socket; -EINTR if the task is being killed,
 * -EIO for a page of a file that can't be read, or as bpf_luo_blob_resize(), for
 * the pipe may hold more than when it was preserved.
 */
__bpf_kfunc int bpf_luo_pipe_save(struct luo_bpf_ctx *ctx, struct file *file)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct pipe_inode_info *pipe = luo_pipe_of(bf, file);
	int err;

	if (IS_ERR(pipe))
		return PTR_ERR(pipe);

	guard(luo_no_run_ctx)();

	/*
	 * Who writes may hold it while it waits for a page of its memory, and that
	 * for the freeze to be over.
	 */
	err = luo_lock_briefly(&pipe->mutex);
	if (err == -EBUSY)
		luo_bpf_message(bf, "another task is at it, and does not end");
	if (err)
		return err;
	err = bpf_luo_blob_resize(ctx, luo_pipe_saved_size(pipe));
	if (!err)
		err = luo_pipe_save(&bf->record, pipe);
	mutex_unlock(&pipe->mutex);
	return err;
}

/**
 * bpf_luo_pipe - make a pipe
 * @ctx:   the file that is retrieved, an end of it
 * @slots: how many buffers it can have: a power of two
 * @ends:  a mask of the ends that are preserved: 1 to read, 2 to write; others are
 *         closed
 *
 * What is in it is in the blob. The ends are parts of an object: part 0 to read, 1
 * to write, see bpf_luo_object_part().
 *
 * Context: retrieve.
 * Return: 0, -EUCLEAN if the blob or another argument can't be, -EPERM if it is
 * larger than who retrieves it may make one, -ENFILE, -ENOMEM.
 */
__bpf_kfunc int bpf_luo_pipe(struct luo_bpf_ctx *ctx, u32 slots, u32 ends)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct file *files[2];
	int err;

	guard(luo_no_run_ctx)();

	if (!ends || ends & ~3) {
		luo_bpf_message(bf, "not the ends of a pipe");
		return -EUCLEAN;
	}
	err = create_pipe_files(files, 0);
	if (err)
		return err;
	err = luo_pipe_fill(bf, files[0], slots);
	for (int i = 0; i < 2; i++) {
		if (!err && (ends & BIT(i)))
			continue;
		fput(files[i]);
		files[i] = NULL;
	}
	return err ?: luo_bpf_object_set(bf, files, 2);
}

/**
 * bpf_luo_pipe_fill - put what was in a pipe into one that is there
 * @file:  an end of a FIFO that the program opened
 * @ctx:   the file that is retrieved
 * @slots: how many buffers it can have, at least: a power of two
 *
 * What was in it is in the blob, and comes before what others have written since. Those
 * who wait for something to read are woken. Once this succeeds the program passes the
 * file on: done again, what is in it would be there twice.
 *
 * Context: retrieve.
 * Return: 0, -EACCES for another file, -EUCLEAN if the blob or @slots can't be, -EPERM if
 * it is larger than who retrieves it may make one, -EBUSY if another task is at it and
 * does not end, -EINTR if the task is being killed, -ENOMEM.
 */
__bpf_kfunc int bpf_luo_pipe_fill(struct file *file, struct luo_bpf_ctx *ctx, u32 slots)
{
	struct pipe_inode_info *pipe = get_pipe_info(file, false);
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);

	guard(luo_no_run_ctx)();

	if (!pipe || !luo_bpf_opened(bf, file))
		return -EACCES;
	/* Others who have it open keep the size that they have given it. */
	if (READ_ONCE(pipe->files) > luo_pipe_opened(bf, pipe))
		slots = max(slots, READ_ONCE(pipe->max_usage));
	return luo_pipe_fill(bf, file, slots);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(luo_pipe_kfunc_ids)
BTF_ID_FLAGS(func, bpf_luo_pipe_reserve, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_pipe_save, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_pipe, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_pipe_fill, KF_SLEEPABLE)
BTF_KFUNCS_END(luo_pipe_kfunc_ids)

BTF_SET_START(luo_pipe_preserve_ids)
BTF_ID(func, bpf_luo_pipe_reserve)
BTF_SET_END(luo_pipe_preserve_ids)

BTF_SET_START(luo_pipe_freeze_ids)
BTF_ID(func, bpf_luo_pipe_save)
BTF_SET_END(luo_pipe_freeze_ids)

BTF_SET_START(luo_pipe_retrieve_ids)
BTF_ID(func, bpf_luo_pipe)
BTF_ID(func, bpf_luo_pipe_fill)
BTF_SET_END(luo_pipe_retrieve_ids)

static int luo_pipe_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	static const struct luo_kfunc_sets sets = {
		.all = &luo_pipe_kfunc_ids,
		.preserve = &luo_pipe_preserve_ids,
		.freeze = &luo_pipe_freeze_ids,
		.retrieve = &luo_pipe_retrieve_ids,
	};

	return luo_kfunc_check(&sets, prog, kfunc_id);
}

static const struct btf_kfunc_id_set luo_pipe_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &luo_pipe_kfunc_ids,
	.filter = luo_pipe_filter,
};

static int __init luo_pipe_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &luo_pipe_kfunc_set);
}
late_initcall(luo_pipe_kfuncs_init);
