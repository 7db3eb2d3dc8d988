/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_KHO_RESERVE_H
#define _LINUX_KHO_RESERVE_H

#include <linux/types.h>

void kho_reserve_later(phys_addr_t start, phys_addr_t size);
void kho_reserve_now(void);

#endif /* _LINUX_KHO_RESERVE_H */
