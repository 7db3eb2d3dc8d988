// SPDX-License-Identifier: GPL-2.0
/* Memory of a file's type as a buffer */
#define OWN_PRESERVE
#include "fail.h"

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct eventfd_ctx *eventfd = bpf_core_cast(file->private_data, struct eventfd_ctx);

	return bpf_luo_blob_write(luo, 0, eventfd, sizeof(*eventfd));
}
