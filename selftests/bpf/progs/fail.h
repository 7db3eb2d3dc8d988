/* SPDX-License-Identifier: GPL-2.0 */
/* A handler that the verifier takes, but for what the file that includes it adds. */
#ifndef FAIL_H
#define FAIL_H

#include "luo_handler.bpf.h"

#ifndef OWN_PRESERVE
int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return 0;
}
#endif

#ifndef OWN_RETRIEVE
int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct file *file = bpf_luo_eventfd(luo, 0, 0);

	return file ? bpf_luo_set_file(file, luo) : bpf_luo_error(luo);
}
#endif

int luo_preserve(unsigned long long *args);
int luo_retrieve(unsigned long long *args);
#ifdef OWN_FREEZE
int luo_freeze(unsigned long long *args);
#endif

LUO_HANDLER fail_handler = {
	.compatible = "fail-v1",
	.fops = "eventfd_fops",
	.preserve = (void *)luo_preserve,
#ifdef OWN_FREEZE
	.freeze = (void *)luo_freeze,
#endif
	.retrieve = (void *)luo_retrieve,
};

#endif
