// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/zero, opened anew in the next kernel, with a blob of any size that has nothing to
 * do with it: each page of it is stamped with the file's token and its own number.
 */
#include "luo_handler.bpf.h"
#include "zero.h"

#define O_RDWR 2
#define PAGE 4096

struct zero_control zero;

struct zero_state {
	__u64 token;
	__u64 bytes;
};

/* Too large for the stack. Tests preserve one file at a time. */
static __u64 page[PAGE / 8];

static __u32 part_of_page(__u64 bytes, __u64 i)
{
	__u64 left = bytes - i * PAGE;

	return left < PAGE ? left : PAGE;
}

static int write_blob(struct luo_bpf_ctx *luo, __u64 bytes)
{
	struct zero_state *state = luo_state(luo, struct zero_state);
	int i, err;

	if (!state)
		return bpf_luo_error(luo);
	err = bpf_luo_blob_resize(luo, bytes);
	if (err)
		return err;
	state->token = luo->token;
	state->bytes = bytes;

	bpf_for(i, 0, (int)((bytes + PAGE - 1) / PAGE)) {
		__u32 part = part_of_page(bytes, i);

		page[0] = luo->token + i;
		page[PAGE / 8 - 1] = ~page[0];
		if (part > PAGE)
			break;
		err = bpf_luo_blob_write(luo, (__u64)i * PAGE, page, part);
		if (err)
			return err;
	}
	return 0;
}

static int read_blob(struct luo_bpf_ctx *luo, __u64 bytes)
{
	int i, err;

	if (bpf_luo_blob_size(luo) != bytes)
		return -EUCLEAN;
	bpf_for(i, 0, (int)((bytes + PAGE - 1) / PAGE)) {
		__u32 part = part_of_page(bytes, i);
		__u64 stamp = luo->token + i;

		page[0] = 0;
		page[PAGE / 8 - 1] = 0;
		if (part > PAGE)
			break;
		err = bpf_luo_blob_read(luo, (__u64)i * PAGE, page, part);
		if (err)
			return err;
		if ((part >= 8 && page[0] != stamp) ||
		    (part == PAGE && page[PAGE / 8 - 1] != ~stamp))
			return -EUCLEAN;
		zero.pages_read++;
	}
	return 0;
}

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	zero.error = write_blob(luo, zero.bytes);
	return zero.error;
}

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	if (!zero.freeze_bytes)
		return 0;
	zero.error = write_blob(luo, zero.freeze_bytes);
	return zero.error;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	char path[] = "/dev/zero";
	struct zero_state *state = luo_state(luo, struct zero_state);
	struct file *file;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	if (state->token != luo->token)
		return -EUCLEAN;
	err = read_blob(luo, state->bytes);
	if (err)
		return err;
	/* Beyond the end there is nothing to read. */
	if (bpf_luo_blob_read(luo, state->bytes, page, 1) >= 0)
		return -EUCLEAN;

	file = bpf_luo_open(luo, path, sizeof(path), O_RDWR);
	if (!file)
		return bpf_luo_error(luo);
	return bpf_luo_set_file(file, luo);
}

LUO_HANDLER zero_handler = {
	.compatible = "test-zero-v1",
	.fops = "zero_fops",
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
