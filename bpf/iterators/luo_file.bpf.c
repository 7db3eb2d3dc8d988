// SPDX-License-Identifier: GPL-2.0
/* The files: bpftool iter pin luo_file.bpf.o /sys/fs/bpf/luo_file; cat it */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("iter/luo_file")
int luo_files(struct bpf_iter__luo_file *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct luo_bpf_file_view *file = ctx->file;

	if (!ctx->meta->seq_num)
		BPF_SEQ_PRINTF(seq, "TOKEN HANDLER STATE ERROR BYTES SESSION\n");
	if (file)
		BPF_SEQ_PRINTF(seq, "0x%llx %s %s %d %llu %s\n", file->token, file->handler,
			       file->state, file->error, file->bytes, file->session);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
