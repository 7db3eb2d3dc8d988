// SPDX-License-Identifier: GPL-2.0
/*
 * A queue of a TUN or TAP device: /dev/net/tun.
 *
 * Survives:	the device's name, whether it is TUN or TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_NAPI,
 *		IFF_NAPI_FRAGS, IFF_ONE_QUEUE, IFF_BACKPRESSURE, IFF_MULTI_QUEUE, TUNSETPERSIST,
 *		owner, group, size and byte order of the vnet header, the send buffer, the
 *		hardware address of a TAP device, and whether the queue is detached. A file
 *		without a device comes back as one. Where several queues of a device are
 *		preserved, the first that is retrieved makes the device; each has a number, in
 *		the order of retrieving.
 * Does not:	packets in flight. What is not the file's but the network's: addresses, routes,
 *		MTU, bridges, IFF_UP, ifindex, offloads (TUNSETOFFLOAD): set up again. Queues that
 *		are not preserved. The device is made in the retriever's network namespace, and
 *		takes CAP_NET_ADMIN there; one of its name that is there and is as it was is
 *		attached to, as by TUNSETIFF, and not changed.
 * Refused:	preserve: a device that is not in the initial network namespace, for it would
 *		leave its namespace; one with a filter (TUNATTACHFILTER, TUNSETTXFILTER) or a BPF
 *		program (TUNSETSTEERINGEBPF, TUNSETFILTEREBPF), and a link type that was set.
 *		retrieve: if what is made, or is there under this name, is not as it was.
 *
 * State:	struct tun_state below; version 1.
 *
 * What no ioctl tells is read from the driver, which may be a module: hence the types here.
 */
#include "luo_handler.bpf.h"

#define O_ACCMODE		3
#define IFNAMSIZ		16
#define ETH_ALEN		6

#define TUNSETPERSIST		0x400454cb
#define TUNSETIFF		0x400454ca
#define TUNSETOWNER		0x400454cc
#define TUNSETGROUP		0x400454ce
#define TUNSETSNDBUF		0x400454d4
#define TUNSETVNETHDRSZ		0x400454d8
#define TUNSETQUEUE		0x400454d9
#define TUNSETVNETLE		0x400454dc
#define TUNSETVNETBE		0x400454de
#define SIOCSIFHWADDR		0x8924

/* Of struct tun_struct.flags */
#define IFF_TUN			0x0001
#define IFF_TAP			0x0002
#define IFF_NAPI		0x0010
#define IFF_NAPI_FRAGS		0x0020
#define IFF_BACKPRESSURE	0x0080
#define IFF_MULTI_QUEUE		0x0100
#define IFF_PERSIST		0x0800
#define IFF_NO_PI		0x1000
#define IFF_ONE_QUEUE		0x2000
#define IFF_VNET_HDR		0x4000
#define TUN_VNET_LE		0x80000000U
#define TUN_VNET_BE		0x40000000U

/* For TUNSETQUEUE */
#define IFF_ATTACH_QUEUE	0x0200
#define IFF_DETACH_QUEUE	0x0400

/* For TUNSETIFF: not one that is there */
#define IFF_TUN_EXCL		0x8000

/* The initial network namespace, as stat(2) of /proc/self/ns/net shows it */
#define NET_NS_INIT_INO		0xeffffff9

#define FLAGS_OF_TUNSETIFF	(IFF_TUN | IFF_TAP | IFF_NAPI | IFF_NAPI_FRAGS | \
				 IFF_BACKPRESSURE | IFF_MULTI_QUEUE | IFF_NO_PI | \
				 IFF_ONE_QUEUE | IFF_VNET_HDR)
#define FLAGS			(FLAGS_OF_TUNSETIFF | IFF_PERSIST | TUN_VNET_LE | TUN_VNET_BE)

#define ARPHRD_ETHER		1
#define ARPHRD_NONE		0xfffe
#define NOBODY			0xffffffff	/* no owner, no group */

struct tap_filter___luo {
	unsigned int count;
} LUO_KERNEL_TYPE;

struct tun_struct___luo {
	unsigned int flags;
	kuid_t owner;
	kgid_t group;
	struct net_device *dev;
	int vnet_hdr_sz;
	int sndbuf;
	struct tap_filter___luo txflt;
	bool filter_attached;
	struct tun_prog___luo *steering_prog;
	struct tun_prog___luo *filter_prog;
} LUO_KERNEL_TYPE;

struct net_device___luo {
	struct {
		struct net *net;
	} nd_net;
} LUO_KERNEL_TYPE;

struct tun_file___luo {
	struct tun_struct___luo *tun;
	struct tun_struct___luo *detached;
} LUO_KERNEL_TYPE;

/**
 * struct tun_state - all zero for a file without a device
 * @name:        of the device
 * @flags:       FLAGS of struct tun_struct.flags
 * @owner:       user that may attach to it, or NOBODY
 * @group:       group likewise
 * @vnet_hdr_sz: size of the header of virtio
 * @sndbuf:      of all queues, in bytes
 * @detached:    1 for a queue that is switched off
 * @lost:        why it can't come back, found out when it was frozen: 0 or a negative errno
 * @address:     of a TAP device
 * @reserved:    0
 */
struct tun_state {
	char name[IFNAMSIZ];
	__u32 flags;
	__u32 owner;
	__u32 group;
	__s32 vnet_hdr_sz;
	__s32 sndbuf;
	__u32 detached;
	__s32 lost;
	__u8 address[ETH_ALEN];
	__u8 reserved[2];
};

/* struct ifreq, and its union as what it is used for here */
struct tun_request {
	char name[IFNAMSIZ];
	union {
		__u16 flags;
		struct {
			__u16 family;
			__u8 address[ETH_ALEN];
		};
		__u8 all[24];
	};
};

static struct tun_struct___luo *device_of(struct file *file)
{
	struct tun_file___luo *queue = file->private_data;

	return BPF_CORE_READ(queue, tun);
}

static void save(struct file *file, struct tun_state *state)
{
	struct tun_file___luo *queue = file->private_data;
	struct tun_struct___luo *tun = device_of(file);
	struct net_device *dev;

	__builtin_memset(state, 0, sizeof(*state));
	if (!tun)
		return;
	dev = BPF_CORE_READ(tun, dev);
	BPF_CORE_READ_INTO(&state->name, dev, name);
	state->flags = BPF_CORE_READ(tun, flags) & FLAGS;
	state->owner = BPF_CORE_READ(tun, owner.val);
	state->group = BPF_CORE_READ(tun, group.val);
	state->vnet_hdr_sz = BPF_CORE_READ(tun, vnet_hdr_sz);
	state->sndbuf = BPF_CORE_READ(tun, sndbuf);
	state->detached = !!BPF_CORE_READ(queue, detached);
	if (state->flags & IFF_TAP)
		bpf_probe_read_kernel(state->address, sizeof(state->address),
				      BPF_CORE_READ(dev, dev_addr));
}

/* A kernel may have no other network namespace than the initial one. */
static bool is_elsewhere(struct net_device *device)
{
	struct net_device___luo *dev = (void *)device;
	struct net *net;

	if (!bpf_core_field_exists(dev->nd_net.net))
		return false;
	net = BPF_CORE_READ(dev, nd_net.net);
	return BPF_CORE_READ(net, ns.inum) != NET_NS_INIT_INO;
}

/* What would be lost, and changes what the device does */
static int check(struct luo_bpf_ctx *luo, struct file *file)
{
	struct tun_struct___luo *tun = device_of(file);
	struct net_device *dev;
	__u16 type, expected;

	if (!tun)
		return 0;
	if (BPF_CORE_READ(tun, filter_attached) || BPF_CORE_READ(tun, txflt.count)) {
		luo_report(luo, "the device has a filter: detach it (TUNDETACHFILTER, TUNSETTXFILTER)");
		return -EOPNOTSUPP;
	}
	if (BPF_CORE_READ(tun, steering_prog) || BPF_CORE_READ(tun, filter_prog)) {
		luo_report(luo, "the device has a BPF program (TUNSETSTEERINGEBPF, TUNSETFILTEREBPF)");
		return -EOPNOTSUPP;
	}
	dev = BPF_CORE_READ(tun, dev);
	if (is_elsewhere(dev)) {
		luo_report(luo, "the device is not in the initial network namespace");
		return -EOPNOTSUPP;
	}
	type = BPF_CORE_READ(dev, type);
	expected = BPF_CORE_READ(tun, flags) & IFF_TAP ? ARPHRD_ETHER : ARPHRD_NONE;
	if (type != expected) {
		luo_report(luo, "the device has a link type of its own (TUNSETLINK)");
		return -EOPNOTSUPP;
	}
	return 0;
}

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct tun_state *state = luo_state(luo, struct tun_state);
	int err = check(luo, file);

	if (err)
		return err;
	if (!state)
		return bpf_luo_error(luo);
	save(file, state);
	return 0;
}

/*
 * The device was usable until now. A filter that came meanwhile costs this file, and not the
 * kexec.
 */
int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct tun_state *state = luo_state(luo, struct tun_state);

	if (!state)
		return bpf_luo_error(luo);
	save(file, state);
	return luo_lost(luo, &state->lost, check(luo, file));
}

static bool sane(const struct tun_state *state)
{
	__u32 kind = state->flags & (IFF_TUN | IFF_TAP);

	return !(state->flags & ~FLAGS) && (kind == IFF_TUN || kind == IFF_TAP) &&
	       state->name[0] && !state->name[IFNAMSIZ - 1] && state->detached <= 1;
}

static int set_number(struct luo_bpf_ctx *luo, struct file *file, __u32 cmd, __s32 number)
{
	return bpf_luo_ioctl(file, luo, cmd, &number, sizeof(number));
}

static int attach(struct luo_bpf_ctx *luo, struct file *file, const struct tun_state *state,
		  __u16 exclusive)
{
	struct tun_request request = {};

	__builtin_memcpy(request.name, state->name, sizeof(request.name));
	request.flags = (state->flags & FLAGS_OF_TUNSETIFF) | exclusive;
	return bpf_luo_ioctl(file, luo, TUNSETIFF, &request, sizeof(request));
}

static int set_owners(struct luo_bpf_ctx *luo, struct file *file, const struct tun_state *state)
{
	int err = 0;

	if (state->owner != NOBODY)
		err = bpf_luo_ioctl_value(file, luo, TUNSETOWNER, state->owner);
	if (!err && state->group != NOBODY)
		err = bpf_luo_ioctl_value(file, luo, TUNSETGROUP, state->group);
	return err;
}

static int set_header(struct luo_bpf_ctx *luo, struct file *file, const struct tun_state *state)
{
	int err = set_number(luo, file, TUNSETVNETHDRSZ, state->vnet_hdr_sz);

	if (!err)
		err = set_number(luo, file, TUNSETVNETLE, !!(state->flags & TUN_VNET_LE));
	/* Not in every kernel, and none has the flag where it is not. */
	if (!err && state->flags & TUN_VNET_BE)
		err = set_number(luo, file, TUNSETVNETBE, 1);
	return err;
}

static int set_address(struct luo_bpf_ctx *luo, struct file *file, const struct tun_state *state)
{
	struct tun_request request = { .family = ARPHRD_ETHER };

	if (!(state->flags & IFF_TAP))
		return 0;
	__builtin_memcpy(request.address, state->address, sizeof(request.address));
	return bpf_luo_ioctl(file, luo, SIOCSIFHWADDR, &request, sizeof(request));
}

static int detach(struct luo_bpf_ctx *luo, struct file *file, const struct tun_state *state)
{
	struct tun_request request = { .flags = IFF_DETACH_QUEUE };

	if (!state->detached)
		return 0;
	return bpf_luo_ioctl(file, luo, TUNSETQUEUE, &request, sizeof(request));
}

static int set_up(struct luo_bpf_ctx *luo, struct file *file, const struct tun_state *state)
{
	int err = set_owners(luo, file, state);

	if (!err)
		err = set_header(luo, file, state);
	if (!err && state->sndbuf > 0)
		err = set_number(luo, file, TUNSETSNDBUF, state->sndbuf);
	if (!err)
		err = set_address(luo, file, state);
	if (!err && state->flags & IFF_PERSIST)
		err = bpf_luo_ioctl_value(file, luo, TUNSETPERSIST, 1);
	return err;
}

/* A device that is there may be somebody else's: nothing of it is set. */
static int restore(struct luo_bpf_ctx *luo, struct file *file, const struct tun_state *state,
		   bool *made)
{
	int err = attach(luo, file, state, IFF_TUN_EXCL);

	*made = !err;
	if (err == -EBUSY)
		err = attach(luo, file, state, 0);
	if (err) {
		luo_report(luo, "the device can't be made or attached to");
		return err;
	}
	if (*made)
		err = set_up(luo, file, state);
	if (!err)
		err = detach(luo, file, state);
	if (err)
		luo_report(luo, "the device can't be set up as it was");
	return err;
}

/* It may have been there before, and not all of it can be changed. */
static int verify(struct luo_bpf_ctx *luo, struct file *file, const struct tun_state *state)
{
	const __u32 *was = (const __u32 *)state;
	struct tun_state now;
	__u32 *is = (__u32 *)&now;

	save(file, &now);
	for (unsigned int i = 0; i < sizeof(now) / sizeof(*is); i++) {
		if (is[i] != was[i]) {
			luo_report(luo, "the device of that name is not as it was");
			return -EBUSY;
		}
	}
	return 0;
}

/* A device that was made goes with the file, and must not stay for being persistent. */
static void undo(struct luo_bpf_ctx *luo, struct file *file, const struct tun_state *state)
{
	struct tun_request request = { .flags = IFF_ATTACH_QUEUE };

	if (state->detached)
		bpf_luo_ioctl(file, luo, TUNSETQUEUE, &request, sizeof(request));
	if (state->flags & IFF_PERSIST)
		bpf_luo_ioctl_value(file, luo, TUNSETPERSIST, 0);
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct tun_state *state = luo_state(luo, struct tun_state);
	char path[] = "/dev/net/tun";
	struct file *file;
	bool made = false;
	int err = 0;

	if (!state)
		return bpf_luo_error(luo);
	if (state->flags && !sane(state)) {
		luo_report(luo, "not the state of a TUN or TAP device");
		return -EUCLEAN;
	}
	if (state->lost)
		return luo_was_lost(luo, state->lost);
	file = bpf_luo_open(luo, path, sizeof(path), luo->f_flags & O_ACCMODE);
	if (!file)
		return bpf_luo_error(luo);
	if (state->flags)
		err = restore(luo, file, state, &made) ?: verify(luo, file, state);
	if (err && made)
		undo(luo, file, state);
	if (err) {
		bpf_luo_put_file(file, luo);
		return err;
	}
	return bpf_luo_set_file(file, luo);
}

LUO_HANDLER tun = {
	.compatible = "tun-v1",
	.fops = "tun_fops",
	.version = 1,
	.min_version = 1,
	.ioctls = {
		TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP, TUNSETSNDBUF, TUNSETVNETHDRSZ,
		TUNSETVNETLE, TUNSETVNETBE, TUNSETQUEUE, SIOCSIFHWADDR,
	},
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
