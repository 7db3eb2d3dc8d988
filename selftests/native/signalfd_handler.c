// SPDX-License-Identifier: GPL-2.0
/* The signalfd handler, as it is, without a kernel. */
#include "bpf/handlers/signalfd.bpf.c"

#include "kselftest.h"

static struct luo_bpf_ctx luo;

/* A file of the old kernel that takes the signals of @mask, and the one made of it. */
static bool comes_back(u64 mask, u64 want)
{
	struct signalfd_ctx ctx = { { { ~mask } } };
	struct file file = { .private_data = &ctx };

	shim_reset();
	if (signalfd.preserve(&luo, &file) || signalfd.freeze(&luo, &file))
		return false;
	shim_kexec();
	if (signalfd.retrieve(&luo) || !shim.set || shim.set->references)
		return false;
	return ((struct signalfd_ctx *)shim.set->private_data)->sigmask.sig[0] == ~want;
}

static bool test_masks(void)
{
	return comes_back(0, 0) && comes_back(1, 1) && comes_back(1ULL << 63, 1ULL << 63) &&
	       /* Never SIGKILL and SIGSTOP */
	       comes_back(~0ULL, ~(1ULL << 8 | 1ULL << 18));
}

static bool test_failures(void)
{
	struct signalfd_ctx ctx = { { { ~6UL } } };
	struct file file = { .private_data = &ctx };

	shim_reset();
	shim.no_state = -ENOMEM;
	if (signalfd.preserve(&luo, &file) != -ENOMEM)
		return false;
	shim_reset();
	if (signalfd.preserve(&luo, &file))
		return false;
	shim_kexec();
	shim.no_file = -ENFILE;
	if (signalfd.retrieve(&luo) != -ENFILE || shim.set)
		return false;
	shim.no_file = 0;
	return !signalfd.retrieve(&luo) && shim.set;
}

static bool test_damage(void)
{
	struct signalfd_ctx ctx = { { { ~6UL } } };
	struct file file = { .private_data = &ctx };

	shim_reset();
	if (signalfd.preserve(&luo, &file))
		return false;
	shim_kexec();
	((struct signalfd_state *)shim.state)->mask = 1 << 18;
	if (signalfd.retrieve(&luo) != -EUCLEAN || shim.set || !shim.report[0])
		return false;
	shim.state_size = 4;
	return signalfd.retrieve(&luo) == -E2BIG && !shim.set;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(3);
	ksft_test_result(test_masks(), "any set of signals comes back\n");
	ksft_test_result(test_failures(), "failures\n");
	ksft_test_result(test_damage(), "a damaged record is refused\n");
	shim_reset();
	ksft_finished();
}
