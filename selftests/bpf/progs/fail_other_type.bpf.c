// SPDX-License-Identifier: GPL-2.0
/* A kfunc of handlers in a program of another type */
#include "luo_handler.bpf.h"

SEC("syscall")
int other_type(void *args)
{
	return bpf_luo_error(NULL);
}
