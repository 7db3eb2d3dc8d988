// SPDX-License-Identifier: GPL-2.0
/* The handler for FIFOs, as it is, without a kernel. */
#define SHIM_BLOB
#include "path_shim.h"

struct pipe_inode_info {
	unsigned int max_usage;
};

/* What is in the FIFO, who takes it along, and what fails */
static struct {
	int no_claim, no_save, no_fill;
	unsigned int blob;	/* bytes */
	unsigned int filled;	/* slots, 0 for not at all */
} left;

static int bpf_luo_object_claim(struct luo_bpf_ctx *ctx, const void *id)
{
	(void)ctx;
	if (!id)
		abort();
	return left.no_claim;
}

static int bpf_luo_blob_resize(struct luo_bpf_ctx *ctx, u64 size)
{
	(void)ctx;
	left.blob = size;
	return 0;
}

static int bpf_luo_pipe_save(struct luo_bpf_ctx *ctx, struct file *file)
{
	(void)ctx;
	if (!file)
		abort();
	left.blob = 100;
	return left.no_save;
}

static int bpf_luo_pipe_fill(struct file *file, struct luo_bpf_ctx *ctx, u32 slots)
{
	(void)ctx;
	if (!file->references)
		abort();
	left.filled = slots;
	return left.no_fill;
}

#include "bpf/handlers/fifo.bpf.c"

#include "kselftest.h"

static struct luo_bpf_ctx luo;
static struct pipe_inode_info pipe_info;
static struct file open_file = { .private_data = &pipe_info };

static int preserved(u32 flags)
{
	shim_reset();
	memset(&path_shim, 0, sizeof(path_shim));
	memset(&left, 0, sizeof(left));
	pipe_info.max_usage = 4;
	luo.f_flags = flags;
	return fifo.preserve(&luo, &open_file);
}

static int retrieved(void)
{
	shim_kexec();
	return fifo.retrieve(&luo);
}

/* None waits for another one. */
static bool test_ends(void)
{
	return !preserved(0) && !fifo.freeze(&luo, &open_file) && !retrieved() && shim.set &&
	       path_shim.flags == O_NONBLOCK && path_shim.opened == 1 &&
	       !preserved(2) && !fifo.freeze(&luo, &open_file) && !retrieved() &&
	       path_shim.flags == (2 | O_NONBLOCK) && path_shim.opened == 1 &&
	       /* With a reader that is there until the writer is */
	       !preserved(1) && !fifo.freeze(&luo, &open_file) && !retrieved() &&
	       path_shim.flags == (1 | O_NONBLOCK) && path_shim.opened == 2 &&
	       path_shim.put == 1;
}

/* With the file that claims it, and with no other */
static bool test_left(void)
{
	if (preserved(2) || fifo.freeze(&luo, &open_file) || left.blob != 100 ||
	    retrieved() || left.filled != 4 || !shim.set)
		return false;
	if (preserved(2))
		return false;
	left.no_claim = -EBUSY;
	return !fifo.freeze(&luo, &open_file) && !left.blob && !retrieved() && !left.filled &&
	       shim.set;
}

/* The kexec takes place, and is told; another freeze is another chance. */
static bool test_lost(void)
{
	if (preserved(2))
		return false;
	left.no_save = -EBUSY;
	if (fifo.freeze(&luo, &open_file) || shim.noticed != 1 || left.blob)
		return false;
	left.no_save = 0;
	if (fifo.freeze(&luo, &open_file) || shim.noticed != 1 || left.blob != 100)
		return false;
	left.no_claim = -ENOMEM;
	if (fifo.freeze(&luo, &open_file) || shim.noticed != 2 || retrieved() != -ENOMEM ||
	    path_shim.opened || !shim.report[0])
		return false;

	/* Not lost, but not to be put back now: nothing stays open. */
	if (preserved(1) || fifo.freeze(&luo, &open_file))
		return false;
	left.no_fill = -EPERM;
	return retrieved() == -EPERM && !shim.set && path_shim.put == path_shim.opened;
}

static bool test_refused(void)
{
	preserved(0);
	path_shim.no_path = -ESTALE;
	if (fifo.preserve(&luo, &open_file) != -ESTALE || fifo.freeze(&luo, &open_file) ||
	    retrieved() != -ESTALE || path_shim.opened)
		return false;
	if (preserved(1) || fifo.freeze(&luo, &open_file))
		return false;
	path_shim.identity++;
	if (retrieved() != -ESTALE || shim.set || path_shim.put != path_shim.opened)
		return false;
	path_shim.identity--;
	path_shim.no_open = -EACCES;
	return retrieved() == -EACCES && !shim.set;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(4);
	ksft_test_result(test_ends(), "each end comes back\n");
	ksft_test_result(test_left(), "what is in it comes with one file\n");
	ksft_test_result(test_lost(), "or is lost, and the kexec goes on\n");
	ksft_test_result(test_refused(), "another file is refused\n");
	shim_reset();
	ksft_finished();
}
