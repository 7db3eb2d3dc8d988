/* SPDX-License-Identifier: GPL-2.0 */
/* How much memory Kexec HandOver would carry into the next kernel right now. */
#ifndef SELFTESTS_KHO_H
#define SELFTESTS_KHO_H

/* Bytes, or -errno. Needs /proc/kcore and all symbols in /proc/kallsyms. */
long kho_preserved(void);

#endif
