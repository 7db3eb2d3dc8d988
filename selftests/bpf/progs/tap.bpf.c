// SPDX-License-Identifier: GPL-2.0
/* A tap device, by ioctls: its name and flags; the network device itself is a new one. */
#include "luo_handler.bpf.h"
#include "tap.h"

#define O_RDWR 2
#define TUNSETIFF 0x400454ca
#define TUNGETIFF 0x800454d2
#define TUNGETFEATURES 0x800454cf
#define TUNGETDEVNETNS 0x54e3
#define IFREQ 40
#define IFF_TAP 0x0002
#define IFF_NO_PI 0x1000

struct tap_control tap;

struct tap_state {
	char ifreq[IFREQ];
	__s32 frozen;
	__u32 reserved;
};

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct tap_state *state = luo_state(luo, struct tap_state);
	char ifreq[IFREQ] = {};
	__u32 features = 0;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	tap.undeclared = bpf_luo_ioctl(file, luo, TUNGETFEATURES, &features, sizeof(features));
	err = bpf_luo_ioctl(file, luo, TUNGETIFF, ifreq, sizeof(ifreq));
	if (err)
		return err;
	__builtin_memcpy(state->ifreq, ifreq, sizeof(ifreq));
	return 0;
}

/* One that takes CAP_NET_ADMIN */
int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct tap_state *state = luo_state(luo, struct tap_state);

	if (!state)
		return bpf_luo_error(luo);
	state->frozen = bpf_luo_ioctl(file, luo, TUNGETDEVNETNS, NULL, 0);
	return 0;
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	char path[] = "/dev/net/tun";
	struct tap_state *state = luo_state(luo, struct tap_state);
	char ifreq[IFREQ] = {};
	struct file *file;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	tap.frozen = state->frozen;
	__builtin_memcpy(ifreq, state->ifreq, sizeof(ifreq));
	/* Of the flags that are told, those that can be set */
	*(__u16 *)(ifreq + 16) &= IFF_TAP | IFF_NO_PI;

	file = bpf_luo_open(luo, path, sizeof(path), tap.open_flags ?: O_RDWR);
	if (!file)
		return bpf_luo_error(luo);
	err = bpf_luo_ioctl(file, luo, TUNSETIFF, ifreq, sizeof(ifreq));
	if (err) {
		bpf_luo_put_file(file, luo);
		luo_report(luo, "the tap device can't be made");
		return err;
	}
	return bpf_luo_set_file(file, luo);
}

LUO_HANDLER tap_handler = {
	.compatible = "test-tap-v1",
	.fops = "tun_fops",
	.ioctls = { TUNGETIFF, TUNSETIFF, TUNGETDEVNETNS },
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
