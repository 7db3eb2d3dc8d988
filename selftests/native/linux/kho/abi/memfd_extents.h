/* SPDX-License-Identifier: GPL-2.0 */
#include "include/linux/kho/abi/memfd_extents.h"
