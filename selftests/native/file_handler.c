// SPDX-License-Identifier: GPL-2.0
/* The handler for regular files and directories, as it is, without a kernel. */
#include "path_shim.h"
#include "bpf/handlers/file.bpf.c"

#include "kselftest.h"

static struct luo_bpf_ctx luo;
static struct super_block sb;
static struct inode inode = { .i_sb = &sb };
static struct file open_file = { .f_inode = &inode };

static bool takes(u16 mode, unsigned long flags)
{
	inode.i_mode = mode;
	sb.s_flags = flags;
	return file.can_preserve(&luo, &open_file);
}

static bool test_takes(void)
{
	return takes(S_IFREG | 0644, 0) && takes(S_IFDIR | 0755, 0) && !takes(S_IFIFO, 0) &&
	       !takes(S_IFCHR, 0) && !takes(0060000, 0) && !takes(0140000, 0) &&
	       /* As a memfd, and a directory inside of the kernel */
	       !takes(S_IFREG, SB_KERNMOUNT) && !takes(S_IFDIR, SB_KERNMOUNT) &&
	       takes(S_IFREG, 1 << 10) && !*file.fops;
}

static int preserved(u32 flags)
{
	shim_reset();
	memset(&path_shim, 0, sizeof(path_shim));
	path_shim.identity = 17;
	luo.f_flags = flags;
	return file.preserve(&luo, &open_file);
}

static int retrieved(void)
{
	shim_kexec();
	return file.retrieve(&luo);
}

static bool test_comes_back(void)
{
	return !preserved(04002) && !file.freeze(&luo, &open_file) && !retrieved() && shim.set &&
	       !shim.set->references && path_shim.flags == 04002;
}

static bool test_synced(void)
{
	return !preserved(0) && !file.freeze(&luo, &open_file) && !path_shim.synced &&
	       !preserved(1) && path_shim.synced == 1 &&
	       !file.freeze(&luo, &open_file) && path_shim.synced == 2;
}

static bool test_moved(void)
{
	if (preserved(0))
		return false;
	path_shim.identity = 18;
	return !file.freeze(&luo, &open_file) && !retrieved() && shim.set;
}

static bool test_replaced(void)
{
	if (preserved(0) || file.freeze(&luo, &open_file))
		return false;
	path_shim.identity = 18;
	if (retrieved() != -ESTALE || shim.set)
		return false;
	path_shim.identity = 17;
	return !retrieved() && shim.set;
}

static bool test_refused(void)
{
	path_shim.no_path = -EXDEV;
	shim_reset();
	if (file.preserve(&luo, &open_file) != -EXDEV)
		return false;
	preserved(0);
	path_shim.no_sync = -EIO;
	luo.f_flags = 1;
	return file.preserve(&luo, &open_file) == -EIO && shim.report[0];
}

/* It costs the file and not the kexec. */
static bool test_lost(void)
{
	if (preserved(0))
		return false;
	path_shim.no_path = -ESTALE;
	if (file.freeze(&luo, &open_file) || shim.noticed != 1 || retrieved() != -ESTALE ||
	    shim.set || path_shim.opened || !shim.report[0])
		return false;
	if (preserved(2))
		return false;
	path_shim.no_sync = -ENOSPC;
	if (file.freeze(&luo, &open_file) || shim.noticed != 1 || retrieved() != -ENOSPC ||
	    path_shim.opened)
		return false;

	/* Who asks for the kexec is being killed: there is none. */
	if (preserved(2))
		return false;
	path_shim.no_sync = -EINTR;
	return file.freeze(&luo, &open_file) == -EINTR && !shim.noticed;
}

static bool test_locks(void)
{
	if (preserved(0))
		return false;
	path_shim.locks = 3;
	if (file.freeze(&luo, &open_file))
		return false;
	path_shim.no_relock = -EAGAIN;
	if (retrieved() != -EAGAIN || shim.set || path_shim.put != 1)
		return false;
	path_shim.no_relock = 0;
	if (retrieved() || !shim.set || path_shim.relocked != 3)
		return false;
	if (preserved(0))
		return false;
	path_shim.no_locks = -EOPNOTSUPP;
	return file.preserve(&luo, &open_file) == -EOPNOTSUPP &&
	       !file.freeze(&luo, &open_file) && retrieved() == -EOPNOTSUPP && !shim.set;
}

static bool test_no_memory(void)
{
	shim_reset();
	shim.no_state = -ENOMEM;
	return file.preserve(&luo, &open_file) == -ENOMEM;
}

static bool test_damage(void)
{
	if (preserved(0) || file.freeze(&luo, &open_file))
		return false;
	shim_kexec();
	((struct file_state *)shim.state)->path.mem[0]++;
	if (file.retrieve(&luo) != -ESTALE || shim.set)
		return false;
	/* A record with less than this version of the handler asks for */
	shim.state_size = sizeof(struct file_state) - 1;
	return file.retrieve(&luo) == -E2BIG && !shim.set;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(10);
	ksft_test_result(test_takes(), "regular files and directories that have a path, no others\n");
	ksft_test_result(test_comes_back(), "a file comes back with its flags\n");
	ksft_test_result(test_synced(), "what may have been written to is synced, twice\n");
	ksft_test_result(test_moved(), "the path is that of the freeze\n");
	ksft_test_result(test_replaced(), "another file is refused, and it can be tried again\n");
	ksft_test_result(test_refused(), "no path, or data that can't be written: preserve fails\n");
	ksft_test_result(test_lost(), "the same in freeze: retrieve fails\n");
	ksft_test_result(test_locks(), "its locks are taken again, or it is refused for now\n");
	ksft_test_result(test_no_memory(), "no memory: preserve fails\n");
	ksft_test_result(test_damage(), "a damaged record is refused\n");
	shim_reset();
	ksft_finished();
}
