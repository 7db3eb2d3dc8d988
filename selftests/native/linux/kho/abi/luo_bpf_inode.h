/* SPDX-License-Identifier: GPL-2.0 */
#include "include/linux/kho/abi/luo_bpf_inode.h"
