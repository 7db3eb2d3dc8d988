// SPDX-License-Identifier: GPL-2.0
/* What turns interrupts on at its end is called with interrupts off. */
#define OWN_PRESERVE
#include "fail.h"

extern void bpf_local_irq_save(unsigned long *flags) __weak __ksym;
extern void bpf_local_irq_restore(unsigned long *flags) __weak __ksym;

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct luo_timerfd timer;
	unsigned long flags;
	int err;

	bpf_local_irq_save(&flags);
	err = bpf_luo_timerfd_save(luo, file, &timer, sizeof(timer));
	bpf_local_irq_restore(&flags);
	return err;
}
