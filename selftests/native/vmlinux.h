/* SPDX-License-Identifier: GPL-2.0 */
#include "bpf_shim.h"
