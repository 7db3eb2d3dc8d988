// SPDX-License-Identifier: GPL-2.0
/* A file that was put is watched. */
#define OWN_RETRIEVE
#include "fail.h"

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct file *epoll = bpf_luo_epoll(luo), *file;
	struct luo_epoll_item item = {};

	if (!epoll)
		return bpf_luo_error(luo);
	file = bpf_luo_file_by_token(luo, 1);
	if (file) {
		bpf_luo_put_file(file, luo);
		bpf_luo_epoll_watch(epoll, file, &item, sizeof(item));
	}
	return bpf_luo_set_file(epoll, luo);
}
