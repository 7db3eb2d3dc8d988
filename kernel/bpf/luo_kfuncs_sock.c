// SPDX-License-Identifier: GPL-2.0
/*
 * What handlers of the Live Update Orchestrator in BPF can call for sockets of any
 * kind.
 */
#include <linux/btf.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <linux/sockptr.h>
#include <net/sock.h>

#include "luo_kfuncs.h"

/*
 * Options whose value is just that. Others install a descriptor or take one, have the
 * kernel run a program, or belong to one kind of socket.
 */
static bool luo_sock_option_ok(u32 optname)
{
	switch (optname) {
	case SO_BROADCAST:
	case SO_BUSY_POLL:
	case SO_DONTROUTE:
	case SO_INCOMING_CPU:
	case SO_INQ:
	case SO_KEEPALIVE:
	case SO_LINGER:
	case SO_MARK:
	case SO_MAX_PACING_RATE:
	case SO_NOFCS:
	case SO_NO_CHECK:
	case SO_OOBINLINE:
	case SO_PASSCRED:
	case SO_PASSPIDFD:
	case SO_PASSRIGHTS:
	case SO_PASSSEC:
	case SO_PEEK_OFF:
	case SO_PRIORITY:
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
	case SO_RCVLOWAT:
	case SO_RCVMARK:
	case SO_RCVPRIORITY:
	case SO_RCVTIMEO_NEW:
	case SO_RCVTIMEO_OLD:
	case SO_REUSEADDR:
	case SO_REUSEPORT:
	case SO_RXQ_OVFL:
	case SO_SELECT_ERR_QUEUE:
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
	case SO_SNDTIMEO_NEW:
	case SO_SNDTIMEO_OLD:
	case SO_TIMESTAMPING_NEW:
	case SO_TIMESTAMPING_OLD:
	case SO_TIMESTAMPNS_NEW:
	case SO_TIMESTAMPNS_OLD:
	case SO_TIMESTAMP_NEW:
	case SO_TIMESTAMP_OLD:
	case SO_TXREHASH:
	case SO_TXTIME:
	case SO_WIFI_STATUS:
	case SO_ZEROCOPY:
		return true;
	}
	return false;
}

__bpf_kfunc_start_defs();

/**
 * bpf_luo_sock_getopt - what an option of a socket is
 * @file:    the socket
 * @optname: of level SOL_SOCKET, one whose value is a number or a structure of numbers
 * @val:     out
 * @val__sz: its size, which must be that of the option
 *
 * Context: preserve, freeze, retrieve.
 * Return: 0, -ENOTSOCK for another file, -EOPNOTSUPP for another option, -EINVAL for
 * another size, or as getsockopt(2).
 */
__bpf_kfunc int bpf_luo_sock_getopt(struct file *file, u32 optname, void *val,
				    u32 val__sz)
{
	struct socket *sock = sock_from_file(file);
	int len = val__sz, err;

	guard(luo_no_run_ctx)();

	if (!sock)
		return -ENOTSOCK;
	if (!luo_sock_option_ok(optname))
		return -EOPNOTSUPP;
	err = do_sock_getsockopt(sock, false, SOL_SOCKET, optname,
				 KERNEL_SOCKPTR(val), KERNEL_SOCKPTR(&len));
	return err ?: len == val__sz ? 0 : -EINVAL;
}

/**
 * bpf_luo_sock_setopt - set an option of a socket
 * @file:    the socket, which the program has made
 * @optname: of level SOL_SOCKET, one whose value is a number or a structure of numbers
 * @val:     its value
 * @val__sz: size of that
 *
 * In the name of the task that retrieves the file.
 *
 * Context: retrieve.
 * Return: 0, -ENOTSOCK for another file, -EOPNOTSUPP for another option, or as
 * setsockopt(2).
 */
__bpf_kfunc int bpf_luo_sock_setopt(struct file *file, u32 optname,
				    const void *val, u32 val__sz)
{
	struct socket *sock = sock_from_file(file);

	guard(luo_no_run_ctx)();

	if (!sock)
		return -ENOTSOCK;
	if (!luo_sock_option_ok(optname))
		return -EOPNOTSUPP;
	return do_sock_setsockopt(sock, false, SOL_SOCKET, optname,
				  KERNEL_SOCKPTR((void *)val), val__sz);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(luo_sock_kfunc_ids)
BTF_ID_FLAGS(func, bpf_luo_sock_getopt, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_sock_setopt, KF_SLEEPABLE)
BTF_KFUNCS_END(luo_sock_kfunc_ids)

BTF_SET_START(luo_sock_save_ids)
BTF_ID(func, bpf_luo_sock_getopt)
BTF_SET_END(luo_sock_save_ids)

BTF_SET_START(luo_sock_retrieve_ids)
BTF_ID(func, bpf_luo_sock_getopt)
BTF_ID(func, bpf_luo_sock_setopt)
BTF_SET_END(luo_sock_retrieve_ids)

static int luo_sock_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	static const struct luo_kfunc_sets sets = {
		.all = &luo_sock_kfunc_ids,
		.preserve = &luo_sock_save_ids,
		.freeze = &luo_sock_save_ids,
		.retrieve = &luo_sock_retrieve_ids,
	};

	return luo_kfunc_check(&sets, prog, kfunc_id);
}

static const struct btf_kfunc_id_set luo_sock_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &luo_sock_kfunc_ids,
	.filter = luo_sock_filter,
};

static int __init luo_sock_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &luo_sock_kfunc_set);
}
late_initcall(luo_sock_kfuncs_init);
