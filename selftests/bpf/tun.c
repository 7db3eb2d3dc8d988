// SPDX-License-Identifier: GPL-2.0
/*
 * TUN and TAP devices through a kexec: what the handler's contract says survives, queues
 * in every order, and what is refused.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler.h"
#include "orders.h"
#include "tap.h"
#include "vm.h"

#define NOBODY 65534
#define QUEUES 3

enum { TAP, TUN, PERSIST, BARE, DETACHED, FILTERED_LATER, ALONE, QUEUE };

static struct luo_device *device;
static struct luo_session *session;

static struct ifreq request(const char *name, int flags)
{
	struct ifreq ifreq = { .ifr_flags = flags };

	strcpy(ifreq.ifr_name, name);
	return ifreq;
}

static int try_tun(const char *name, int flags)
{
	int fd = must(open("/dev/net/tun", O_RDWR), "/dev/net/tun");
	struct ifreq ifreq = request(name, flags);
	int err = ioctl(fd, TUNSETIFF, &ifreq) ? -errno : 0;

	if (err)
		close(fd);
	return err ?: fd;
}

static int open_tun(const char *name, int flags)
{
	return must(try_tun(name, flags), "TUNSETIFF %s", name);
}

static void set(int fd, unsigned long cmd, int value)
{
	must(ioctl(fd, cmd, &value) ? -errno : 0, "ioctl %#lx", cmd);
}

static void set_address(int fd, unsigned char last)
{
	struct ifreq ifreq = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };
	const unsigned char address[] = { 2, 0, 0, 1, 2, last };

	memcpy(ifreq.ifr_hwaddr.sa_data, address, sizeof(address));
	must(ioctl(fd, SIOCSIFHWADDR, &ifreq) ? -errno : 0, "SIOCSIFHWADDR");
}

static void preserve(struct luo_session *to, int fd, int token)
{
	must(luo_session__preserve_fd(to, fd, token), "preserve %d", token);
}

static const char *order_name(int i)
{
	static char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "queues%d", i);
	return name;
}

/* A device of three queues for each order in which they can be retrieved */
static void preserve_queues(void)
{
	for (int i = 0; i < order_count(QUEUES); i++) {
		struct luo_session *to = session_create(device, order_name(i));

		for (int j = 0; j < QUEUES; j++)
			preserve(to, open_tun(order_name(i), IFF_TAP | IFF_MULTI_QUEUE), QUEUE + j);
	}
}

static void preserve_detached(void)
{
	struct ifreq off = { .ifr_flags = IFF_DETACH_QUEUE };
	int fd = open_tun("luo-detached", IFF_TAP | IFF_MULTI_QUEUE | IFF_NO_PI);

	open_tun("luo-detached", IFF_TAP | IFF_MULTI_QUEUE | IFF_NO_PI);
	must(ioctl(fd, TUNSETQUEUE, &off) ? -errno : 0, "TUNSETQUEUE");
	preserve(session, fd, DETACHED);
}

static void refused(const char *what, int fd, const char *message)
{
	handler_log_mark();
	check_eq(luo_session__preserve_fd(session, fd, 1000), -EOPNOTSUPP, "%s", what);
	check(handler_logged(message), "%s: the report says why", what);
	close(fd);
}

static void attach_filter(int fd)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffff);
	struct sock_fprog prog = { 1, &all };

	must(ioctl(fd, TUNATTACHFILTER, &prog) ? -errno : 0, "TUNATTACHFILTER");
}

static int load_program(void)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return must(bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "zero", "GPL", insns, 2, NULL),
		    "load a program");
}

static void refuse(void)
{
	struct { struct tun_filter filter; unsigned char address[6]; } addresses = {
		.filter.count = 1,
	};
	int fd = open_tun("luo-refused", IFF_TAP | IFF_NO_PI);

	attach_filter(fd);
	refused("a filter", fd, "has a filter: detach it");
	fd = open_tun("luo-refused", IFF_TAP | IFF_NO_PI);
	must(ioctl(fd, TUNSETTXFILTER, &addresses) < 0 ? -errno : 0, "TUNSETTXFILTER");
	refused("a filter of addresses", fd, "has a filter: detach it");
	fd = open_tun("luo-refused", IFF_TAP | IFF_MULTI_QUEUE);
	set(fd, TUNSETSTEERINGEBPF, load_program());
	refused("a steering program", fd, "has a BPF program");
	fd = open_tun("luo-refused", IFF_TAP | IFF_NO_PI);
	set(fd, TUNSETFILTEREBPF, load_program());
	refused("a filter program", fd, "has a BPF program");
	fd = open_tun("luo-refused", IFF_TUN | IFF_NO_PI);
	must(ioctl(fd, TUNSETLINK, ARPHRD_PPP) ? -errno : 0, "TUNSETLINK");
	refused("a link type", fd, "has a link type of its own");
}

static void before(void)
{
	int fd;

	device = device_open();
	session = session_create(device, "tun");
	handler_attach("tun");
	fd = open_tun("luo-tap", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	set_address(fd, 1);
	preserve(session, fd, TAP);
	/* What is changed after preserve counts. */
	set(fd, TUNSETVNETHDRSZ, 12);
	set(fd, TUNSETVNETLE, 1);
	set(fd, TUNSETSNDBUF, 1 << 20);
	set_address(fd, 7);
	must(fcntl(fd, F_SETFL, O_NONBLOCK) ? -errno : 0, "F_SETFL");

	preserve(session, open_tun("luo-tun", IFF_TUN), TUN);
	fd = open_tun("luo-persist", IFF_TAP | IFF_NO_PI | IFF_NAPI | IFF_NAPI_FRAGS);
	must(ioctl(fd, TUNSETPERSIST, 1) ? -errno : 0, "TUNSETPERSIST");
	must(ioctl(fd, TUNSETOWNER, 1000) ? -errno : 0, "TUNSETOWNER");
	must(ioctl(fd, TUNSETGROUP, 100) ? -errno : 0, "TUNSETGROUP");
	preserve(session, fd, PERSIST);
	preserve(session, must(open("/dev/net/tun", O_RDWR), "/dev/net/tun"), BARE);
	preserve_detached();
	preserve(session, open_tun("luo-alone", IFF_TAP | IFF_NO_PI), ALONE);
	fd = open_tun("luo-filter", IFF_TAP | IFF_NO_PI);
	preserve(session, fd, FILTERED_LATER);
	attach_filter(fd);
	preserve_queues();
	refuse();
}

static long attribute(const char *name, const char *what)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, what);
	return read_file_num(path);
}

static int retrieve(int token, const char *name)
{
	int fd = luo_session__retrieve_fd(session, token);

	check(fd >= 0, "%s: back (%d)", name, fd);
	return fd;
}

static void check_device(int fd, const char *name, int flags)
{
	struct ifreq ifreq = {};

	check(!ioctl(fd, TUNGETIFF, &ifreq) && !strcmp(ifreq.ifr_name, name), "%s: name %s", name,
	      ifreq.ifr_name);
	check_eq(attribute(name, "tun_flags"), flags, "%s: flags", name);
}

static int number(int fd, unsigned long cmd)
{
	int value = -1;

	return ioctl(fd, cmd, &value) ? -errno : value;
}

/* It is up, and takes a packet from the file. */
static void check_traffic(int fd, const char *name)
{
	struct ifreq ifreq = request(name, IFF_UP);
	int sock = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	unsigned char packet[12 + 60] = { 0 };

	must(ioctl(sock, SIOCSIFFLAGS, &ifreq) ? -errno : 0, "SIOCSIFFLAGS");
	memset(packet + 12, 0xff, 6);
	packet[12 + 12] = 0x88;
	check_eq(write(fd, packet, sizeof(packet)), sizeof(packet), "%s: a packet", name);
	check_eq(attribute(name, "statistics/rx_packets"), 1, "%s: arrives", name);
	close(sock);
}

static void check_tap(void)
{
	int fd = retrieve(TAP, "luo-tap");
	char address[32];

	check_device(fd, "luo-tap", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	check_eq(number(fd, TUNGETVNETHDRSZ), 12, "size of the header");
	check_eq(number(fd, TUNGETVNETLE), 1, "its byte order");
	check_eq(number(fd, TUNGETSNDBUF), 1 << 20, "send buffer");
	check_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR | O_NONBLOCK, "file flags");
	read_file("/sys/class/net/luo-tap/address", address, sizeof(address));
	check(!strcmp(address, "02:00:00:01:02:07"), "address %s", address);
	check_traffic(fd, "luo-tap");
}

static void check_persist(void)
{
	int fd = retrieve(PERSIST, "luo-persist");

	check_device(fd, "luo-persist",
		     IFF_TAP | IFF_NO_PI | IFF_NAPI | IFF_NAPI_FRAGS | IFF_PERSIST);
	check_eq(attribute("luo-persist", "owner"), 1000, "owner");
	check_eq(attribute("luo-persist", "group"), 100, "group");
	close(fd);
}

static void check_others(void)
{
	struct ifreq ifreq = {};
	int fd = retrieve(TUN, "luo-tun");

	check_device(fd, "luo-tun", IFF_TUN);
	fd = retrieve(BARE, "a file without a device");
	check(ioctl(fd, TUNGETIFF, &ifreq) && errno == EBADFD, "it has none");
	fd = retrieve(DETACHED, "luo-detached");
	check_device(fd, "luo-detached", IFF_TAP | IFF_MULTI_QUEUE | IFF_NO_PI);
	check(!ioctl(fd, TUNGETIFF, &ifreq) && ifreq.ifr_flags & IFF_DETACH_QUEUE,
	      "its queue is detached");
}

static int queues_of(const char *name)
{
	int n = 0;
	char path[128];

	do
		snprintf(path, sizeof(path), "/sys/class/net/%s/queues/tx-%d", name, n);
	while (!access(path, F_OK) && ++n);
	return n;
}

static void check_queues(void)
{
	int order[ORDER_MAX], wrong = 0;

	for (int i = 0; i < order_count(QUEUES); i++) {
		struct luo_session *from = session_retrieve(device, order_name(i));

		order_get(i, QUEUES, order);
		for (int j = 0; j < QUEUES; j++) {
			int fd = luo_session__retrieve_fd(from, QUEUE + order[j]);
			struct ifreq ifreq = {};

			wrong += fd < 0 || ioctl(fd, TUNGETIFF, &ifreq) ||
				 strcmp(ifreq.ifr_name, order_name(i)) ||
				 queues_of(order_name(i)) != j + 1;
		}
		wrong += luo_session__finish(from) != 0;
	}
	check_eq(wrong, 0, "queues in every order: not as they were");
}

static int as_nobody(void *token)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		return 1;
	return -luo_session__retrieve_fd(session, (long)token);
}

static void check_refused(void)
{
	int fd;

	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, FILTERED_LATER), -EOPNOTSUPP,
		 "a device that got a filter after preserve");
	check(handler_logged("the previous kernel's log says why"),
	      "the report says why");
	fd = open_tun("luo-alone", IFF_TUN);
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, ALONE), -EINVAL, "another type of that name");
	check(handler_logged("can't be made or attached to"), "the report says why");
	close(fd);
	fd = open_tun("luo-alone", IFF_TAP | IFF_NO_PI);
	check_eq(luo_session__retrieve_fd(session, ALONE), -EBUSY, "one that is in use");
	must(ioctl(fd, TUNSETPERSIST, 1) ? -errno : 0, "TUNSETPERSIST");
	must(ioctl(fd, TUNSETOWNER, 5) ? -errno : 0, "TUNSETOWNER");
	close(fd);
	handler_log_mark();
	check_eq(luo_session__retrieve_fd(session, ALONE), -EBUSY, "one that is somebody's");
	check(handler_logged("of that name is not as it was"), "the report says why");
	fd = open_tun("luo-alone", IFF_TAP | IFF_NO_PI);
	must(ioctl(fd, TUNSETPERSIST, 0) ? -errno : 0, "TUNSETPERSIST");
	close(fd);
	check_eq(vm_in_child(as_nobody, (void *)ALONE), EPERM, "without CAP_NET_ADMIN");
	fd = retrieve(ALONE, "luo-alone");
	check_device(fd, "luo-alone", IFF_TAP | IFF_NO_PI);
}

static void after(void)
{
	device = device_open();
	session = session_retrieve(device, "tun");
	handler_attach("tun");
	must(chmod("/dev/net/tun", 0666) ? -errno : 0, "chmod");
	check_tap();
	check_persist();
	check_others();
	check_queues();
	check_refused();
	check_eq(luo_session__finish(session), 0, "finish");
	check_eq(attribute("luo-persist", "owner"), 1000, "a device that persists stays");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
