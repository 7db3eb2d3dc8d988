// SPDX-License-Identifier: GPL-2.0
/* An eventfd's count, and every callback: counted, and failing as told. */
#include "luo_handler.bpf.h"
#include "probe.h"

#define O_RDWR 2

#ifndef VERSION
#define VERSION 1
#endif

struct probe_control probe;

struct probe_state {
	__u64 count;
};

static int note(struct luo_bpf_ctx *luo, enum probe_call call)
{
	__sync_fetch_and_add(&probe.calls[call], 1);
	probe.token = luo->token;
	__builtin_memcpy(probe.session, luo->session, sizeof(probe.session));
	probe.version = luo->version;
	probe.status = luo->retrieve_status;
	probe.f_flags = luo->f_flags;
	return probe.fail[call];
}

static int save(struct luo_bpf_ctx *luo, struct file *file)
{
	struct eventfd_ctx *eventfd = bpf_core_cast(file->private_data, struct eventfd_ctx);
	struct probe_state *state = luo_state(luo, struct probe_state);

	if (!state)
		return bpf_luo_error(luo);
	state->count = eventfd->count;
	return 0;
}

int LUO_PROG(can_preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return !note(luo, PROBE_CAN_PRESERVE);
}

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	int err = note(luo, PROBE_PRESERVE);

	if (err) {
		luo_report(luo, "preserve was told to fail");
		return err;
	}
	return save(luo, file);
}

void LUO_PROG(unpreserve, struct luo_bpf_ctx *luo, struct file *file)
{
	note(luo, PROBE_UNPRESERVE);
}

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	int err = note(luo, PROBE_FREEZE);

	return err ?: save(luo, file);
}

void LUO_PROG(unfreeze, struct luo_bpf_ctx *luo, struct file *file)
{
	note(luo, PROBE_UNFREEZE);
}

static struct file *make(struct luo_bpf_ctx *luo, __u64 count)
{
	char path[] = "/dev/zero";

	if (probe.retrieve == PROBE_WRONG_FILE)
		return bpf_luo_open(luo, path, sizeof(path), O_RDWR);
	return bpf_luo_eventfd(luo, count, 0);
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	int err = note(luo, PROBE_RETRIEVE);
	struct probe_state *state;
	struct file *file;

	if (err) {
		luo_report(luo, "retrieve was told to fail");
		return err;
	}
	if (probe.retrieve == PROBE_NO_FILE)
		return 0;
	state = luo_state(luo, struct probe_state);
	if (!state)
		return bpf_luo_error(luo);

	file = make(luo, state->count);
	if (!file)
		return bpf_luo_error(luo);
	err = bpf_luo_set_file(file, luo);
	if (probe.retrieve == PROBE_FILE_AND_ERROR)
		return -EIO;
	if (err || probe.retrieve != PROBE_TWO_FILES)
		return err;

	file = make(luo, 0);
	if (!file)
		return bpf_luo_error(luo);
	return bpf_luo_set_file(file, luo);
}

int LUO_PROG(can_finish, struct luo_bpf_ctx *luo)
{
	return !note(luo, PROBE_CAN_FINISH);
}

void LUO_PROG(finish, struct luo_bpf_ctx *luo)
{
	note(luo, PROBE_FINISH);
}

u64 LUO_PROG(get_id, struct luo_bpf_ctx *luo, struct file *file)
{
	note(luo, PROBE_GET_ID);
	return (u64)file->private_data;
}

LUO_HANDLER probe_handler = {
	.compatible = "probe-v1",
	.fops = "eventfd_fops",
	.version = VERSION,
	.min_version = 1,
	.can_preserve = (void *)luo_can_preserve,
	.preserve = (void *)luo_preserve,
	.unpreserve = (void *)luo_unpreserve,
	.freeze = (void *)luo_freeze,
	.unfreeze = (void *)luo_unfreeze,
	.retrieve = (void *)luo_retrieve,
	.can_finish = (void *)luo_can_finish,
	.finish = (void *)luo_finish,
	.get_id = (void *)luo_get_id,
};
