// SPDX-License-Identifier: GPL-2.0
/* A security module: what one process may not do. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "guard.h"

#define EPERM 1
#define EACCES 13

struct guard_control guard;

static int deny(bool is_it)
{
	if (!is_it || (int)(bpf_get_current_pid_tgid() >> 32) != guard.pid)
		return 0;
	guard.asked++;
	return -EACCES;
}

SEC("lsm/file_receive")
int BPF_PROG(file_receive, struct file *file)
{
	return deny(guard.no_receive);
}

SEC("lsm/file_ioctl")
int BPF_PROG(file_ioctl, struct file *file, unsigned int cmd, unsigned long arg)
{
	return deny(guard.no_ioctl == cmd);
}

/* As lockdown=confidentiality does */
SEC("lsm/locked_down")
int BPF_PROG(locked_down, enum lockdown_reason what)
{
	return deny(guard.locked_down && what == LOCKDOWN_BPF_READ_KERNEL) ? -EPERM : 0;
}

char LICENSE[] SEC("license") = "GPL";
