// SPDX-License-Identifier: GPL-2.0
/*
 * socketpair(2) of AF_UNIX: SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET.
 *
 * Survives:	both ends as one pair, whichever is preserved or retrieved first; what was sent
 *		and not read when the first end is frozen, message by message, with time, user
 *		and group of the sender, the urgent byte as such; what was shut down; the
 *		options of `options` below, timeouts, the sizes of buffers, SO_INQ; user and
 *		group of SO_PEERCRED; and, as for every file, O_NONBLOCK.
 * Does not:	processes: SO_PEERCRED and SCM_CREDENTIALS say 0 for those of the old kernel,
 *		SO_PEERPIDFD that there is none, SO_PEERGROUPS that it has none. An
 *		address that the kernel gave it (SO_PASSCRED), or one that looks like it,
 *		"\0" and five hexadecimal digits: it gets another one. What is sent or read on
 *		other CPUs between the freeze and the kexec. The network namespace is that of
 *		who retrieves it.
 * Refused:	at preserve, a socket that is not connected, or whose other end is closed:
 *		ENOTCONN; one of which either end has a name, a filter, or is in a sockmap,
 *		or that connect(2) has made a pair of: EOPNOTSUPP; the other end in another
 *		session: EXDEV; file descriptors in a message that nobody has read: EBUSY; more
 *		than 64 MiB that nobody has read: ENOSPC. At retrieve, larger buffers than who
 *		retrieves it may set: EPERM.
 * Lost:	at the freeze, for the same reasons, or because the other end was not
 *		preserved or was closed (ENOTCONN), or there is no memory (ENOMEM): the kexec
 *		goes on, the log has a line, and retrieve returns that errno.
 *
 * State:	struct unix_state below; version 1. Blob, of the end that was preserved first:
 *		<linux/kho/abi/luo_unix.h>.
 */
#include "luo_handler.bpf.h"

#define ENOTCONN	107
#define AF_UNIX		1
#define BOTH		3	/* a mask of ends */

#define SO_SNDBUF	7
#define SO_RCVBUF	8
#define SO_SNDBUFFORCE	32
#define SO_RCVBUFFORCE	33
#define SO_RCVTIMEO	66
#define SO_SNDTIMEO	67
#define SO_INQ		84

/* The number of an option, as other architectures have it, too, and what it is called */
static const __u32 options[] = {
	10,	/* SO_OOBINLINE */
	12,	/* SO_PRIORITY */
	16,	/* SO_PASSCRED */
	18,	/* SO_RCVLOWAT */
	29,	/* SO_TIMESTAMP_OLD */
	35,	/* SO_TIMESTAMPNS_OLD */
	63,	/* SO_TIMESTAMP_NEW */
	64,	/* SO_TIMESTAMPNS_NEW */
	76,	/* SO_PASSPIDFD */
	83,	/* SO_PASSRIGHTS */
	42,	/* SO_PEEK_OFF */
};

#define OPTIONS (sizeof(options) / sizeof(*options))

struct unix_state {
	__u64 first;		/* token of the end that was preserved first */
	__u32 end;		/* which one this is: 0 or 1 */
	__u32 ends;		/* mask of those that are preserved */
	__u32 type;
	__u32 shutdown[2];	/* of each end */
	__u32 peer_uid;
	__u32 peer_gid;
	__s32 sndbuf;
	__s32 rcvbuf;
	__s32 inq;
	__s64 sndtimeo[2];
	__s64 rcvtimeo[2];
	__s32 option[16];
	__s32 lost;		/* why it can't come back, found out by freeze; or 0 */
	__u32 reserved;
};

static struct unix_sock *unix_of(struct file *file)
{
	struct socket *socket = bpf_core_cast(file->private_data, struct socket);

	return bpf_core_cast(socket->sk, struct unix_sock);
}

bool LUO_PROG(can_preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	return unix_of(file)->sk.__sk_common.skc_family == AF_UNIX;
}

/*
 * "\0" and five hexadecimal digits: what the kernel makes up. One that somebody has chosen so
 * can't be told from it.
 */
static bool is_autobound(struct unix_address *address)
{
	if (address->len != 8 || address->name[0].sun_path[0])
		return false;
	for (int i = 1; i <= 5; i++) {
		char c = address->name[0].sun_path[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

static int check(struct luo_bpf_ctx *luo, struct unix_sock *sock)
{
	struct unix_address *address = sock->addr;
	struct unix_sock *peer = bpf_core_cast(sock->peer, struct unix_sock);

	if (!sock->peer || sock->sk.__sk_common.skc_state != BPF_TCP_ESTABLISHED) {
		luo_report(luo, "it is not connected");
		return -ENOTCONN;
	}
	if (!peer->peer) {
		luo_report(luo, "its other end is closed");
		return -ENOTCONN;
	}
	if (peer->peer != &sock->sk || (address && !is_autobound(address)) || sock->path.dentry ||
	    (peer->addr && !is_autobound(peer->addr))) {
		luo_report(luo, "it is not one of a pair without names");
		return -EOPNOTSUPP;
	}
	/* What connect(2) has made a pair of has no peer's credentials, and must not get some. */
	if (!sock->sk.sk_peer_cred || !peer->sk.sk_peer_cred) {
		luo_report(luo, "it is not of a pair that was made as such");
		return -EOPNOTSUPP;
	}
	if (sock->sk.sk_filter || sock->sk.sk_user_data || peer->sk.sk_filter ||
	    peer->sk.sk_user_data) {
		luo_report(luo, "one end has a filter, or is in a sockmap");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int save_options(struct file *file, struct unix_sock *sock, struct unix_state *state)
{
	__s64 timeout[2];
	int err = 0, val;

	for (int i = 0; i < (int)OPTIONS && !err; i++) {
		err = bpf_luo_sock_getopt(file, options[i], &val, sizeof(val));
		state->option[i] = val;
	}
	if (!err)
		err = bpf_luo_sock_getopt(file, SO_RCVTIMEO, timeout, sizeof(timeout));
	if (err)
		return err;
	state->rcvtimeo[0] = timeout[0];
	state->rcvtimeo[1] = timeout[1];
	err = bpf_luo_sock_getopt(file, SO_SNDTIMEO, timeout, sizeof(timeout));
	state->sndtimeo[0] = timeout[0];
	state->sndtimeo[1] = timeout[1];
	state->sndbuf = sock->sk.sk_sndbuf;
	state->rcvbuf = sock->sk.sk_rcvbuf;
	state->inq = sock->recvmsg_inq;
	return err;
}

static int save(struct luo_bpf_ctx *luo, struct file *file, struct unix_state *state)
{
	struct unix_sock *sock = unix_of(file);
	struct unix_sock *peer = bpf_core_cast(sock->peer, struct unix_sock);
	u64 first;
	int err;

	err = bpf_luo_object_first(luo, &first);
	if (!err)
		err = save_options(file, sock, state);
	if (err)
		return err;
	state->first = first;
	state->type = sock->sk.sk_type;
	state->shutdown[state->end & 1] = sock->sk.sk_shutdown;
	state->shutdown[!(state->end & 1)] = peer->sk.sk_shutdown;
	state->peer_uid = sock->sk.sk_peer_cred->euid.val;
	state->peer_gid = sock->sk.sk_peer_cred->egid.val;
	return first == luo->token ? bpf_luo_unix_save(luo, file, state->end) : 0;
}

int LUO_PROG(preserve, struct luo_bpf_ctx *luo, struct file *file)
{
	struct unix_state *state = luo_state(luo, struct unix_state);
	struct unix_sock *sock = unix_of(file);
	u64 own, other;
	int err;

	if (!state)
		return bpf_luo_error(luo);
	err = check(luo, sock);
	if (err)
		return err;

	own = (u64)(void *)sock;
	other = (u64)(void *)sock->peer;
	state->end = own > other;
	err = bpf_luo_object_join(luo, (void *)(own < other ? own : other), state->end);
	if (err == -EXDEV)
		luo_report(luo, "the other end is in another session");
	return err ?: save(luo, file, state);
}

/* Both ends are known, if they are preserved; what they are at may have changed. */
int LUO_PROG(freeze, struct luo_bpf_ctx *luo, struct file *file)
{
	struct unix_state *state = luo_state(luo, struct unix_state);
	int err = 0;

	if (!state)
		return bpf_luo_error(luo);
	state->lost = 0;
	state->ends = bpf_luo_object_parts(luo);
	if (state->ends != BOTH) {
		luo_report(luo, "the other end is not preserved");
		err = -ENOTCONN;
	}
	if (!err)
		err = check(luo, unix_of(file));
	if (!err)
		err = save(luo, file, state);
	return luo_lost(luo, &state->lost, err);
}

/* What it has already needs no right to be set. */
static int set_option(struct file *file, __u32 option, int want)
{
	int val, err;

	err = bpf_luo_sock_getopt(file, option, &val, sizeof(val));
	if (err || val == want)
		return err;
	return bpf_luo_sock_setopt(file, option, &want, sizeof(want));
}

/* The kernel doubles what it is asked for. */
static int set_buffer(struct file *file, __u32 option, __u32 force, int want)
{
	int half = (__u32)want / 2, val, err;

	err = bpf_luo_sock_getopt(file, option, &val, sizeof(val));
	if (err || val == want)
		return err;
	if (bpf_luo_sock_setopt(file, force, &half, sizeof(half)))
		bpf_luo_sock_setopt(file, option, &half, sizeof(half));
	err = bpf_luo_sock_getopt(file, option, &val, sizeof(val));
	if (err || val == want || val == want - 1)
		return err;
	return -EPERM;
}

static int set_timeout(struct file *file, __u32 option, const __s64 *want)
{
	__s64 timeout[2] = { want[0], want[1] };

	if (!timeout[0] && !timeout[1])
		return 0;
	return bpf_luo_sock_setopt(file, option, timeout, sizeof(timeout));
}

static int set_options(struct luo_bpf_ctx *luo, struct file *file, struct unix_state *state)
{
	int err, one = 1;

	err = set_buffer(file, SO_SNDBUF, SO_SNDBUFFORCE, state->sndbuf);
	if (!err)
		err = set_buffer(file, SO_RCVBUF, SO_RCVBUFFORCE, state->rcvbuf);
	if (err == -EPERM)
		luo_report(luo, "its buffers are larger than who retrieves it may set");
	if (!err)
		err = set_timeout(file, SO_RCVTIMEO, state->rcvtimeo);
	if (!err)
		err = set_timeout(file, SO_SNDTIMEO, state->sndtimeo);
	if (!err && state->inq)
		err = bpf_luo_sock_setopt(file, SO_INQ, &one, sizeof(one));
	for (int i = 0; i < (int)OPTIONS && !err; i++)
		err = set_option(file, options[i], state->option[i]);
	return err ?: bpf_luo_unix_peercred(luo, file, state->peer_uid, state->peer_gid);
}

int LUO_PROG(retrieve, struct luo_bpf_ctx *luo)
{
	struct unix_state *state = luo_state(luo, struct unix_state);
	struct file *file;
	int err = 0;

	if (!state)
		return bpf_luo_error(luo);
	if (state->ends != BOTH) {
		luo_report(luo, "the other end was not preserved");
		return -ENOTCONN;
	}
	if (state->lost)
		return luo_was_lost(luo, state->lost);
	if (state->first == luo->token)
		err = bpf_luo_unix_pair(luo, state->type, state->shutdown[0], state->shutdown[1]);
	if (err)
		return err;

	file = bpf_luo_object_part(luo, state->first, state->end);
	if (!file)
		return bpf_luo_error(luo);
	err = set_options(luo, file, state);
	if (err) {
		bpf_luo_put_file(file, luo);
		return err;
	}
	return bpf_luo_set_file(file, luo);
}

LUO_HANDLER socketpair = {
	.compatible = "socketpair-v1",
	.fops = "socket_file_ops",
	.version = 1,
	.min_version = 1,
	.max_bytes = 64 << 20,
	.can_preserve = (void *)luo_can_preserve,
	.preserve = (void *)luo_preserve,
	.freeze = (void *)luo_freeze,
	.retrieve = (void *)luo_retrieve,
};
