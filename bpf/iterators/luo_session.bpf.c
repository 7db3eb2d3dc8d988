// SPDX-License-Identifier: GPL-2.0
/* The sessions: bpftool iter pin luo_session.bpf.o /sys/fs/bpf/luo_session; cat it */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("iter/luo_session")
int luo_sessions(struct bpf_iter__luo_session *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct luo_bpf_session_view *session = ctx->session;

	if (!ctx->meta->seq_num)
		BPF_SEQ_PRINTF(seq, "STATE OPEN FILES BYTES SESSION\n");
	if (session)
		BPF_SEQ_PRINTF(seq, "%s %d %llu %llu %s\n", session->state, session->open,
			       session->files, session->bytes, session->name);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
