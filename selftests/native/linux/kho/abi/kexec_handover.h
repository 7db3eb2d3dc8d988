/* SPDX-License-Identifier: GPL-2.0 */
/* As much of KHO's own header as memfd-v2 is made of. */
#ifndef NATIVE_KHO_ABI_KEXEC_HANDOVER_H
#define NATIVE_KHO_ABI_KEXEC_HANDOVER_H

#include "../../../kernel.h"

struct kho_vmalloc_hdr {
	union {
		u64 phys;
	} next;
};

#define KHO_VMALLOC_SIZE	((PAGE_SIZE - sizeof(struct kho_vmalloc_hdr)) / sizeof(u64))

struct kho_vmalloc_chunk {
	struct kho_vmalloc_hdr hdr;
	u64 phys[KHO_VMALLOC_SIZE];
};

struct kho_vmalloc {
	union {
		u64 phys;
	} first;
	unsigned int total_pages;
	unsigned short flags;
	unsigned short order;
};

#endif
