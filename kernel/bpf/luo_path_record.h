/* SPDX-License-Identifier: GPL-2.0 */
/* Live Update Orchestrator: records of files that are found by their path. */
#ifndef _LUO_PATH_RECORD_H
#define _LUO_PATH_RECORD_H

#include <linux/types.h>

struct luo_bpf_path_ser;

bool luo_bpf_path_ok(const struct luo_bpf_path_ser *ser, u32 size);
const char *luo_bpf_differs(const struct luo_bpf_path_ser *was,
			    const struct luo_bpf_path_ser *is);

#endif /* _LUO_PATH_RECORD_H */
