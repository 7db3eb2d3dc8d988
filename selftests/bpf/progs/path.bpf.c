// SPDX-License-Identifier: GPL-2.0
/* A regular file by path, with the record of that damaged as the test wants it. */
#include "luo_path.bpf.h"
#include "path.h"

struct path_control path;

struct path_state {
	struct luo_path path;
};

int LUO_PROG(can_preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return (file->f_inode->i_mode & S_IFMT) == S_IFREG;
}

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct path_state *state = luo_state(luo, struct path_state);

	return state ? luo_path_preserve(luo, file, &state->path) : bpf_luo_error(luo);
}

static void flip(struct path_state *state)
{
	__u32 at = path.at;

	if (at < sizeof(state->path.mem))
		state->path.mem[at] ^= path.flip;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct path_state *state = luo_state(luo, struct path_state);
	struct file *file;

	if (!state)
		return bpf_luo_error(luo);
	flip(state);
	if (path.small)
		file = bpf_luo_open_same(luo, state->path.mem, 8, luo->f_flags);
	else
		file = bpf_luo_open_same(luo, state->path.mem, sizeof(state->path.mem),
					 luo->f_flags);
	flip(state);
	path.error = file ? 0 : bpf_luo_error(luo);
	return file ? bpf_luo_set_file(file, luo) : path.error;
}

LUO_HANDLER path_handler = {
	.compatible = "test-path-record-v1",
	.can_preserve = (void *)luo_can_preserve,
	.preserve = (void *)luo_preserve,
	.retrieve = (void *)luo_retrieve,
};
