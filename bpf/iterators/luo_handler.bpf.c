// SPDX-License-Identifier: GPL-2.0
/* The file handlers: bpftool iter pin luo_handler.bpf.o /sys/fs/bpf/luo_handler; cat it */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("iter/luo_handler")
int luo_handlers(struct bpf_iter__luo_handler *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct luo_bpf_handler_view *handler = ctx->handler;

	if (!ctx->meta->seq_num)
		BPF_SEQ_PRINTF(seq, "HANDLER STATE FILES MAP VERSION MIN-VERSION\n");
	if (handler)
		BPF_SEQ_PRINTF(seq, "%s %s %llu %u %u %u\n", handler->compatible,
			       handler->state, handler->users, handler->map_id,
			       handler->version, handler->min_version);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
