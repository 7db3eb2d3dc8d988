// SPDX-License-Identifier: GPL-2.0
/* The eventfd handler, as it is, without a kernel. */
#include "bpf/handlers/eventfd.bpf.c"

#include "kselftest.h"

#define EFD_NONBLOCK 04000

static struct luo_bpf_ctx luo;

/* A file of the old kernel, after preserve. */
static bool preserved(struct file *file, struct eventfd_ctx *ctx, u64 count, u32 flags)
{
	shim_reset();
	ctx->count = count;
	ctx->flags = flags;
	file->private_data = ctx;
	return !eventfd.preserve(&luo, file);
}

static bool retrieved_is(u64 count, u32 flags)
{
	struct eventfd_ctx *ctx;

	shim_kexec();
	if (eventfd.retrieve(&luo) || !shim.set)
		return false;
	ctx = shim.set->private_data;
	return ctx->count == count && ctx->flags == flags && !shim.set->references;
}

static bool test_declared(void)
{
	return eventfd.preserve && eventfd.freeze && eventfd.retrieve &&
	       !strcmp(eventfd.compatible, "eventfd-v1") &&
	       !strcmp(eventfd.fops, "eventfd_fops") && eventfd.version == 1;
}

static bool test_counts(void)
{
	const u64 counts[] = { 0, 1, 0xffffffff, 1ULL << 63, ~0ULL - 1, ~0ULL };
	struct eventfd_ctx ctx;
	struct file file;

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		if (!preserved(&file, &ctx, counts[i], 0) || !retrieved_is(counts[i], 0))
			return false;
	}
	return true;
}

static bool test_flags(void)
{
	struct eventfd_ctx ctx;
	struct file file;

	return preserved(&file, &ctx, 3, EFD_SEMAPHORE) && retrieved_is(3, EFD_SEMAPHORE) &&
	       /* The core restores that one. */
	       preserved(&file, &ctx, 3, EFD_SEMAPHORE | EFD_NONBLOCK) &&
	       retrieved_is(3, EFD_SEMAPHORE);
}

static bool test_freeze(void)
{
	struct eventfd_ctx ctx;
	struct file file;

	if (!preserved(&file, &ctx, 1, 0))
		return false;
	ctx.count = 41;
	if (eventfd.freeze(&luo, &file))
		return false;
	ctx.count = 99;
	return retrieved_is(41, 0);
}

static bool test_no_memory(void)
{
	struct eventfd_ctx ctx;
	struct file file = { .private_data = &ctx };

	shim_reset();
	shim.no_state = -ENOMEM;
	return eventfd.preserve(&luo, &file) == -ENOMEM;
}

static bool test_no_file(void)
{
	struct eventfd_ctx ctx;
	struct file file;

	if (!preserved(&file, &ctx, 7, 0))
		return false;
	shim_kexec();
	shim.no_file = -ENFILE;
	if (eventfd.retrieve(&luo) != -ENFILE || shim.set)
		return false;
	shim.no_file = 0;
	return retrieved_is(7, 0);
}

static bool test_damage(void)
{
	struct eventfd_ctx ctx;
	struct file file;

	if (!preserved(&file, &ctx, 7, 0))
		return false;
	shim_kexec();
	for (int bit = 1; bit < 32; bit++) {
		((struct eventfd_state *)shim.state)->flags = 1U << bit;
		shim.report[0] = '\0';
		if (eventfd.retrieve(&luo) != -EUCLEAN || shim.set || !shim.report[0])
			return false;
	}
	/* A record with less than this version of the handler asks for */
	shim.state_size = 8;
	return eventfd.retrieve(&luo) == -E2BIG && !shim.set;
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(7);
	ksft_test_result(test_declared(), "what it is for\n");
	ksft_test_result(test_counts(), "any count comes back\n");
	ksft_test_result(test_flags(), "EFD_SEMAPHORE does, and no other flag\n");
	ksft_test_result(test_freeze(), "the count is that of the freeze\n");
	ksft_test_result(test_no_memory(), "no memory: preserve fails\n");
	ksft_test_result(test_no_file(), "no file: retrieve fails, and can be repeated\n");
	ksft_test_result(test_damage(), "a damaged record is refused\n");
	shim_reset();
	ksft_finished();
}
