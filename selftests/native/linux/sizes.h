/* SPDX-License-Identifier: GPL-2.0 */
#define SZ_1M	0x00100000
#define SZ_4G	0x100000000ULL
