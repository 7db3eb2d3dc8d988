// SPDX-License-Identifier: GPL-2.0
/*
 * Epoll files: what the first of the watched ones is. There is no way back for them here,
 * so freeze notes what it found, and refuses.
 */
#include "luo_handler.bpf.h"
#include "links.h"

struct links_control links;

static struct file *watched(struct file *file)
{
	struct eventpoll *ep = bpf_core_cast(file->private_data, struct eventpoll);
	void *node = ep->rbr.rb_leftmost;

	if (!node)
		return NULL;
	return bpf_core_cast(node - bpf_core_field_offset(struct epitem, rbn),
			     struct epitem)->ffd.file;
}

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return 0;
}

int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	links.error = bpf_luo_token_of(luo, watched(file), &links.token);
	return -EBUSY;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	return -EOPNOTSUPP;
}

LUO_HANDLER links_handler = {
	.compatible = "test-links-v1",
	.fops = "eventpoll_fops",
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
