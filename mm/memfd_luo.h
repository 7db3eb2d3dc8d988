/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _MM_MEMFD_LUO_H
#define _MM_MEMFD_LUO_H

struct liveupdate_file_op_args;

/* What memfd_create() puts before the name that it is given. */
#define MEMFD_LUO_PREFIX	"memfd:"
#define MEMFD_LUO_PREFIX_LEN	(sizeof(MEMFD_LUO_PREFIX) - 1)

int memfd_luo_retrieve(struct liveupdate_file_op_args *args);
void memfd_luo_finish(struct liveupdate_file_op_args *args);

#endif /* _MM_MEMFD_LUO_H */
