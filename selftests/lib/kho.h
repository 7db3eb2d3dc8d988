/* SPDX-License-Identifier: GPL-2.0 */
/* How much memory Kexec HandOver would carry into the next kernel right now. */
#ifndef SELFTESTS_KHO_H
#define SELFTESTS_KHO_H

/* Bytes, or -errno. Needs /dev/mem and KHO's debugfs. */
long kho_preserved(void);

#endif
