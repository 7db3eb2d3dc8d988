// SPDX-License-Identifier: GPL-2.0
/* The handler for FIFOs, as it is, without a kernel. */
#include "path_shim.h"

struct pipe_inode_info {
	unsigned int head, tail;
};

#include "bpf/handlers/fifo.bpf.c"

#include "kselftest.h"

static struct luo_bpf_ctx luo;
static struct pipe_inode_info pipe_info;
static struct file open_file = { .private_data = &pipe_info };

static int preserved(u32 flags)
{
	shim_reset();
	memset(&path_shim, 0, sizeof(path_shim));
	pipe_info.head = 7;
	pipe_info.tail = 7;
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

static bool test_left(void)
{
	if (preserved(2))
		return false;
	pipe_info.head++;
	if (fifo.freeze(&luo, &open_file) || retrieved() != -EBUSY || shim.set || !shim.report[0])
		return false;
	/* Read after the kexec did not take place */
	pipe_info.tail++;
	shim.incoming = false;
	return !fifo.freeze(&luo, &open_file) && !retrieved() && shim.set;
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
	ksft_set_plan(3);
	ksft_test_result(test_ends(), "each end comes back\n");
	ksft_test_result(test_left(), "what has something in it is refused\n");
	ksft_test_result(test_refused(), "so is another file\n");
	shim_reset();
	ksft_finished();
}
