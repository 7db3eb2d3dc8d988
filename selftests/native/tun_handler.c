// SPDX-License-Identifier: GPL-2.0
/* The handler for TUN and TAP devices, as it is, without a kernel: a driver of one device. */
#include <stddef.h>

#include "bpf_shim.h"

#define LUO_KERNEL_TYPE
#define BPF_CORE_READ(from, ...) ((from)->__VA_ARGS__)
#define BPF_CORE_READ_INTO(to, from, ...) memcpy(to, (from)->__VA_ARGS__, sizeof(*(to)))
#define bpf_probe_read_kernel(to, size, from) memcpy(to, from, size)

typedef struct { u32 val; } kuid_t;
typedef struct { u32 val; } kgid_t;

#define bpf_core_field_exists(field) has_namespaces

static bool has_namespaces;

struct net {
	struct { u32 inum; } ns;
};

struct net_device {
	struct { struct net *net; } nd_net;
	char name[16];
	u16 type;
	unsigned char *dev_addr;
};

static struct file *bpf_luo_open(struct luo_bpf_ctx *ctx, const char *path, u32 size, u32 flags);
static int bpf_luo_ioctl(struct file *file, struct luo_bpf_ctx *ctx, u32 cmd, void *arg, u32 size);
static int bpf_luo_ioctl_value(struct file *file, struct luo_bpf_ctx *ctx, u32 cmd, u32 value);
static void bpf_luo_put_file(struct file *file, struct luo_bpf_ctx *ctx);

#include "bpf/handlers/tun.bpf.c"

#include "kselftest.h"

/* The driver */
struct driver {
	struct tun_file___luo queue;
	struct tun_struct___luo tun;
	struct net_device dev;
	unsigned char address[ETH_ALEN];
	struct file file;
};

static struct driver old, new;
static u32 fails;		/* this ioctl */
static u32 ignores;		/* this one has no effect */
static int no_open;
static u32 open_flags;
static struct net namespace;
static bool is_there;		/* a device of the name, in the next kernel */
static u32 there_owner;

static void driver_reset(struct driver *driver)
{
	memset(driver, 0, sizeof(*driver));
	driver->tun.owner.val = NOBODY;
	driver->tun.group.val = NOBODY;
	driver->tun.vnet_hdr_sz = 10;
	driver->tun.sndbuf = 0x7fffffff;
	driver->tun.dev = &driver->dev;
	driver->dev.dev_addr = driver->address;
	driver->file.private_data = &driver->queue;
	driver->file.references = 1;
}

static struct file *bpf_luo_open(struct luo_bpf_ctx *ctx, const char *path, u32 size, u32 flags)
{
	(void)ctx;
	if (strcmp(path, "/dev/net/tun") || size != sizeof("/dev/net/tun"))
		abort();
	shim.error = no_open;
	if (no_open)
		return NULL;
	open_flags = flags;
	driver_reset(&new);
	return &new.file;
}

static void bpf_luo_put_file(struct file *file, struct luo_bpf_ctx *ctx)
{
	(void)ctx;
	file->references--;
}

static bool declared(u32 cmd)
{
	for (int i = 0; i < LUO_BPF_MAX_IOCTLS; i++) {
		if (tun.ioctls[i] == cmd)
			return true;
	}
	return false;
}

static int set_flag(u32 flag, bool on)
{
	new.tun.flags = on ? new.tun.flags | flag : new.tun.flags & ~flag;
	return 0;
}

static int tunsetiff(const struct tun_request *request)
{
	if (is_there && request->flags & IFF_TUN_EXCL)
		return -EBUSY;
	new.queue.tun = &new.tun;
	new.tun.flags = request->flags & ~IFF_TUN_EXCL;
	memcpy(new.dev.name, request->name, sizeof(new.dev.name));
	new.dev.type = request->flags & IFF_TAP ? ARPHRD_ETHER : ARPHRD_NONE;
	memset(new.address, request->flags & IFF_TAP ? 0xee : 0, sizeof(new.address));
	if (is_there) {
		new.tun.owner.val = there_owner;
		memcpy(new.address, old.address, ETH_ALEN);
	}
	return 0;
}

/* Of a device that was there, nothing may be set. */
static bool forbidden(u32 cmd)
{
	return is_there && cmd != TUNSETIFF && cmd != TUNSETQUEUE;
}

static int bpf_luo_ioctl(struct file *file, struct luo_bpf_ctx *ctx, u32 cmd, void *arg, u32 size)
{
	struct tun_request *request = arg;
	int number = *(int *)arg;

	(void)ctx;
	if (file != &new.file || !declared(cmd))
		abort();
	if (size != ((cmd == TUNSETIFF || cmd == TUNSETQUEUE || cmd == SIOCSIFHWADDR) ? 40 : 4))
		abort();
	if (forbidden(cmd))
		abort();
	if (cmd == fails)
		return -EPERM;
	if (cmd == ignores)
		return 0;
	switch (cmd) {
	case TUNSETIFF:
		return tunsetiff(request);
	case TUNSETQUEUE:
		new.queue.detached = request->flags == IFF_DETACH_QUEUE ? &new.tun : NULL;
		return 0;
	case SIOCSIFHWADDR:
		memcpy(new.address, request->address, ETH_ALEN);
		return request->family == ARPHRD_ETHER ? 0 : -EINVAL;
	case TUNSETVNETHDRSZ:
		new.tun.vnet_hdr_sz = number;
		return 0;
	case TUNSETSNDBUF:
		new.tun.sndbuf = number;
		return number > 0 ? 0 : -EINVAL;
	case TUNSETVNETLE:
		return set_flag(TUN_VNET_LE, number);
	case TUNSETVNETBE:
		return set_flag(TUN_VNET_BE, number);
	}
	abort();
}

static int bpf_luo_ioctl_value(struct file *file, struct luo_bpf_ctx *ctx, u32 cmd, u32 value)
{
	(void)ctx;
	if (file != &new.file || !declared(cmd) || forbidden(cmd))
		abort();
	if (cmd == fails)
		return -EPERM;
	switch (cmd) {
	case TUNSETOWNER:
		new.tun.owner.val = value;
		return value == NOBODY ? -EINVAL : 0;
	case TUNSETGROUP:
		new.tun.group.val = value;
		return value == NOBODY ? -EINVAL : 0;
	case TUNSETPERSIST:
		return set_flag(IFF_PERSIST, value);
	}
	abort();
}

/* The tests */
static struct luo_bpf_ctx luo = { .f_flags = 2 };

static void make(const char *name, u32 flags)
{
	shim_reset();
	fails = 0;
	ignores = 0;
	no_open = 0;
	is_there = false;
	there_owner = NOBODY;
	has_namespaces = true;
	namespace.ns.inum = NET_NS_INIT_INO;
	driver_reset(&old);
	old.dev.nd_net.net = &namespace;
	old.queue.tun = &old.tun;
	old.tun.flags = flags;
	strcpy(old.dev.name, name);
	old.dev.type = flags & IFF_TAP ? ARPHRD_ETHER : ARPHRD_NONE;
	memcpy(old.address, flags & IFF_TAP ? "\x02\0\1\2\3\4" : "\0\0\0\0\0\0", ETH_ALEN);
}

static int pass(void)
{
	int err = tun.preserve(&luo, &old.file);

	if (!err)
		err = tun.freeze(&luo, &old.file);
	if (err)
		return err;
	shim_kexec();
	return tun.retrieve(&luo);
}

static bool same(void)
{
	return shim.set == &new.file && !new.file.references && new.tun.flags == old.tun.flags &&
	       !strcmp(new.dev.name, old.dev.name) && new.tun.owner.val == old.tun.owner.val &&
	       new.tun.group.val == old.tun.group.val && new.tun.sndbuf == old.tun.sndbuf &&
	       new.tun.vnet_hdr_sz == old.tun.vnet_hdr_sz &&
	       !new.queue.detached == !old.queue.detached &&
	       !memcmp(new.address, old.address, ETH_ALEN);
}

static bool test_flags(void)
{
	const u32 flags[] = {
		IFF_TUN, IFF_TAP, IFF_TAP | IFF_NO_PI, IFF_TAP | IFF_VNET_HDR | TUN_VNET_LE,
		IFF_TAP | IFF_VNET_HDR | TUN_VNET_BE, IFF_TUN | IFF_MULTI_QUEUE | IFF_PERSIST,
		IFF_TAP | IFF_NAPI | IFF_NAPI_FRAGS | IFF_ONE_QUEUE | IFF_BACKPRESSURE,
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		make("luo0", flags[i]);
		if (pass() || !same())
			return false;
	}
	return open_flags == 2;
}

static bool test_values(void)
{
	make("fifteen-letters", IFF_TAP | IFF_MULTI_QUEUE);
	old.tun.owner.val = 0;
	old.tun.group.val = 65534;
	old.tun.sndbuf = 1 << 20;
	old.tun.vnet_hdr_sz = 12;
	old.queue.detached = &old.tun;
	return !pass() && same();
}

static bool test_bare(void)
{
	make("", 0);
	old.queue.tun = NULL;
	return !pass() && shim.set == &new.file && !new.queue.tun;
}

static bool refused(void)
{
	shim.report[0] = '\0';
	return tun.preserve(&luo, &old.file) == -EOPNOTSUPP && shim.report[0];
}

static bool test_refused(void)
{
	struct tun_prog___luo *prog = (void *)&old;

	make("luo0", IFF_TAP);
	old.tun.filter_attached = true;
	if (!refused())
		return false;
	make("luo0", IFF_TAP);
	old.tun.txflt.count = 1;
	if (!refused())
		return false;
	make("luo0", IFF_TAP);
	old.tun.steering_prog = prog;
	if (!refused())
		return false;
	make("luo0", IFF_TAP);
	old.tun.filter_prog = prog;
	if (!refused())
		return false;
	make("luo0", IFF_TAP);
	namespace.ns.inum++;
	if (!refused())
		return false;
	has_namespaces = false;
	if (tun.preserve(&luo, &old.file))
		return false;
	make("luo0", IFF_TUN);
	old.dev.type = 776;
	return refused();
}

/* A device of the name: attached to if it is as it was, else left alone. */
static bool test_there(void)
{
	make("luo0", IFF_TAP);
	is_there = true;
	if (pass() || !same())
		return false;
	make("luo0", IFF_TAP);
	is_there = true;
	there_owner = 1000;
	return pass() == -EBUSY && !shim.set && !new.file.references;
}

static bool test_lost(void)
{
	make("luo0", IFF_TAP);
	if (tun.preserve(&luo, &old.file))
		return false;
	old.tun.filter_attached = true;
	if (tun.freeze(&luo, &old.file) || shim.noticed != 1)
		return false;
	shim_kexec();
	new.file.references = 0;
	return tun.retrieve(&luo) == -EOPNOTSUPP && !shim.set && !new.file.references;
}

/* A device that was made is not left behind, persistent or not. */
static bool test_no_leftover(void)
{
	make("luo0", IFF_TAP | IFF_MULTI_QUEUE | IFF_PERSIST);
	old.queue.detached = &old.tun;
	old.tun.sndbuf = 1 << 20;
	ignores = TUNSETSNDBUF;
	return pass() == -EBUSY && !(new.tun.flags & IFF_PERSIST) && !new.queue.detached &&
	       !shim.set && !new.file.references;
}

static bool test_ioctls_fail(void)
{
	const u32 cmds[] = {
		TUNSETIFF, TUNSETOWNER, TUNSETGROUP, TUNSETPERSIST, TUNSETSNDBUF, TUNSETVNETHDRSZ,
		TUNSETVNETLE, TUNSETVNETBE, TUNSETQUEUE, SIOCSIFHWADDR,
	};

	for (size_t i = 0; i < sizeof(cmds) / sizeof(*cmds); i++) {
		make("luo0", IFF_TAP | IFF_PERSIST | IFF_MULTI_QUEUE | TUN_VNET_BE);
		old.tun.owner.val = 1;
		old.tun.group.val = 1;
		old.queue.detached = &old.tun;
		fails = cmds[i];
		if (pass() != -EPERM || shim.set || new.file.references || !shim.report[0])
			return false;
		fails = 0;
		shim_kexec();
		if (tun.retrieve(&luo) || !same())
			return false;
	}
	make("luo0", IFF_TAP);
	no_open = -ENOENT;
	return pass() == -ENOENT && !shim.set;
}

static bool test_verified(void)
{
	make("luo0", IFF_TAP);
	old.tun.vnet_hdr_sz = 12;
	ignores = TUNSETVNETHDRSZ;
	return pass() == -EBUSY && !shim.set && !new.file.references;
}

static bool damaged(size_t offset, u8 value)
{
	make("luo0", IFF_TAP);
	if (tun.preserve(&luo, &old.file))
		return false;
	shim_kexec();
	shim.state[offset] = value;
	return tun.retrieve(&luo) == -EUCLEAN && !shim.set && shim.report[0];
}

static bool test_damage(void)
{
	size_t flags = offsetof(struct tun_state, flags);

	return damaged(0, 0) && damaged(IFNAMSIZ - 1, 'x') && damaged(flags, IFF_TUN | IFF_TAP) &&
	       damaged(flags, 0x10) && damaged(flags, IFF_TAP | 4) && damaged(flags + 2, 1) &&
	       damaged(offsetof(struct tun_state, detached), 2);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(10);
	ksft_test_result(test_flags(), "any flags come back\n");
	ksft_test_result(test_values(), "name, owners, sizes and a detached queue do\n");
	ksft_test_result(test_bare(), "a file without a device does\n");
	ksft_test_result(test_refused(), "filters, programs, link types and other namespaces are refused\n");
	ksft_test_result(test_lost(), "a filter after preserve: retrieve fails\n");
	ksft_test_result(test_ioctls_fail(), "any ioctl that fails: so does retrieve, once\n");
	ksft_test_result(test_no_leftover(), "then what was made is not left behind\n");
	ksft_test_result(test_verified(), "a device that is not as it was is refused\n");
	ksft_test_result(test_there(), "a device that is there is not changed\n");
	ksft_test_result(test_damage(), "a damaged record is refused\n");
	shim_reset();
	ksft_finished();
}
