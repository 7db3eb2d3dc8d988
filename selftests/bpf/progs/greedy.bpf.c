// SPDX-License-Identifier: GPL-2.0
/* Takes every file, and in retrieve tries what it has no right to. */
#include "luo_handler.bpf.h"
#include "greedy.h"

#define O_RDWR 2
#define TUNGETIFF 0x800454d2
#define IFREQ 40

struct greedy_control greedy;

int LUO_PROG(can_preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return 1;
}

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return 0;
}

static void try_device(struct luo_bpf_ctx *luo)
{
	char path[] = "/dev/liveupdate";
	struct file *file = bpf_luo_open(luo, path, sizeof(path), O_RDWR);

	greedy.device = file ? 0 : bpf_luo_error(luo);
	if (file)
		bpf_luo_put_file(file, luo);
}

static void try_other(struct luo_bpf_ctx *luo)
{
	struct file *file = bpf_luo_file_by_token(luo, greedy.other);
	char ifreq[IFREQ] = {};

	if (!file) {
		greedy.ioctl_other = bpf_luo_error(luo);
		return;
	}
	greedy.ioctl_other = bpf_luo_ioctl(file, luo, TUNGETIFF, ifreq, sizeof(ifreq));
	bpf_luo_put_file(file, luo);
}

/* What this retrieve made, and may be had again as another file of the session */
static void try_again(struct luo_bpf_ctx *luo)
{
	struct file *file = bpf_luo_file_by_token(luo, greedy.other);
	char ifreq[IFREQ] = {};

	if (!file || bpf_luo_set_file(file, luo))
		return;
	file = bpf_luo_file_by_token(luo, greedy.other);
	if (!file)
		return;
	greedy.ioctl_again = bpf_luo_ioctl(file, luo, TUNGETIFF, ifreq, sizeof(ifreq));
	bpf_luo_put_file(file, luo);
}

#define OPEN(n) struct file *file##n = bpf_luo_open(luo, path, sizeof(path), O_RDWR)
#define PUT(n) ({ if (file##n) bpf_luo_put_file(file##n, luo); })

static void try_many(struct luo_bpf_ctx *luo)
{
	char path[] = "/dev/zero";

	OPEN(1);
	OPEN(2);
	OPEN(3);
	OPEN(4);
	OPEN(5);
	OPEN(6);
	OPEN(7);
	OPEN(8);
	OPEN(9);
	greedy.ninth = file9 ? 0 : bpf_luo_error(luo);
	PUT(9);
	PUT(3);
	OPEN(10);
	greedy.after_put = file10 ? 0 : bpf_luo_error(luo);
	PUT(10);
	PUT(1);
	PUT(2);
	PUT(4);
	PUT(5);
	PUT(6);
	PUT(7);
	PUT(8);
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	try_device(luo);
	try_other(luo);
	try_many(luo);
	try_again(luo);
	return -EPERM;
}

LUO_HANDLER greedy_handler = {
	.compatible = "test-greedy-v1",
	.ioctls = { TUNGETIFF },
	.can_preserve = (void *)luo_can_preserve,
	.preserve = (void *)luo_preserve,
	.retrieve = (void *)luo_retrieve,
};
