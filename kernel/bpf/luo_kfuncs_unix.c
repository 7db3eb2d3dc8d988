// SPDX-License-Identifier: GPL-2.0
/*
 * What handlers of the Live Update Orchestrator in BPF can call for pairs of unix
 * sockets.
 *
 * What was sent and not read is preserved as a copy, of both sockets at once, so
 * that it is all there before anybody has one of them. What the copy looks like is
 * in <linux/kho/abi/luo_unix.h>.
 */
#include <linux/btf.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kho/abi/luo_unix.h>
#include <linux/net.h>
#include <linux/security.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <net/af_unix.h>
#include <net/sock.h>

/* Of net/unix */
#include "af_unix.h"

#include "luo_kfuncs.h"

/* Saving */

static struct sock *luo_unix_of(struct file *file)
{
	struct socket *sock = sock_from_file(file);

	return sock && sock->sk->sk_family == AF_UNIX ? sock->sk : NULL;
}

/* Who reads from a stream counts without the lock of the queue: to be asked once. */
static u32 luo_unix_left(struct sk_buff *skb)
{
	return skb->len - READ_ONCE(UNIXCB(skb).consumed);
}

/* What a stream has of a message that was read is no message. */
static bool luo_unix_is_read(struct sock *sk, u32 left)
{
	return sk->sk_type == SOCK_STREAM && !left;
}

static int luo_unix_size(struct sock *sk, u64 *size)
{
	struct sk_buff *skb;

	guard(spinlock)(&sk->sk_receive_queue.lock);

	*size = 0;
	skb_queue_walk(&sk->sk_receive_queue, skb) {
		u32 left = luo_unix_left(skb);

		if (READ_ONCE(UNIXCB(skb).fp))
			return -EBUSY;
		if (!luo_unix_is_read(sk, left))
			*size += sizeof(struct luo_unix_msg_ser) + left;
	}
	return 0;
}

/**
 * struct luo_unix_copy - where a copy is
 * @rec:    the record; there is room for it
 * @offset: in the blob
 * @limit:  end of the blob, or of what is there for one queue
 * @page:   contents go through it
 * @socks:  both ends
 */
struct luo_unix_copy {
	struct luo_bpf_record *rec;
	u64 offset;
	u64 limit;
	void *page;
	struct sock *socks[2];
};

static void luo_unix_describe(struct sock *sk, struct sk_buff *skb,
			      struct luo_unix_msg_ser *msg)
{
	msg->time = ktime_to_ns(skb->tstamp);
	/* Nobody's, if nobody asked for it; of a message that came so, the process is gone. */
	if (uid_valid(UNIXCB(skb).uid)) {
		msg->flags |= LUO_UNIX_CREDS;
		msg->uid = from_kuid(&init_user_ns, UNIXCB(skb).uid);
		msg->gid = from_kgid(&init_user_ns, UNIXCB(skb).gid);
	}
#if IS_ENABLED(CONFIG_AF_UNIX_OOB)
	if (unix_sk(sk)->oob_skb == skb)
		msg->flags |= LUO_UNIX_OOB;
#endif
}

static int luo_unix_save_msg(struct luo_unix_copy *copy, unsigned int end,
			     struct sk_buff *skb, u32 left)
{
	struct luo_unix_msg_ser msg = { .end = end, .len = left };
	u32 at = skb->len - left;
	int err;

	luo_unix_describe(copy->socks[end], skb, &msg);
	err = luo_bpf_record_copy_in(copy->rec, copy->offset, &msg, sizeof(msg));
	copy->offset += sizeof(msg);
	while (!err && at < skb->len) {
		u32 part = min_t(u32, skb->len - at, PAGE_SIZE);

		err = skb_copy_bits(skb, at, copy->page, part) ?:
		      luo_bpf_record_copy_in(copy->rec, copy->offset, copy->page,
					     part);
		copy->offset += part;
		at += part;
	}
	return err;
}

/* A message for which there is no room was sent after the freeze began. */
static int luo_unix_save_queue(struct luo_unix_copy *copy, unsigned int end)
{
	struct sock *sk = copy->socks[end];
	struct sk_buff *skb;
	int err = 0;

	guard(spinlock)(&sk->sk_receive_queue.lock);

	skb_queue_walk(&sk->sk_receive_queue, skb) {
		u32 left = luo_unix_left(skb);

		if (luo_unix_is_read(sk, left))
			continue;
		if (READ_ONCE(UNIXCB(skb).fp))
			return -EBUSY;
		if (sizeof(struct luo_unix_msg_ser) + left >
		    copy->limit - copy->offset)
			return 0;
		err = luo_unix_save_msg(copy, end, skb, left);
		if (err)
			return err;
	}
	return 0;
}

static int luo_unix_save(struct luo_bpf_file *bf, struct luo_unix_copy *copy)
{
	u64 size[2];
	int err = 0;

	for (int i = 0; !err && i < 2; i++)
		err = luo_unix_size(copy->socks[i], &size[i]);
	if (!err)
		err = bpf_luo_blob_resize(&bf->ctx, size[0] + size[1]);
	/* What comes meanwhile to one end has no share of the other's room. */
	for (int i = 0; !err && i < 2; i++) {
		copy->limit = copy->offset + size[i];
		err = luo_unix_save_queue(copy, i);
	}
	if (err == -EBUSY)
		luo_bpf_message(bf, "there are file descriptors in a message that nobody has read");
	return err ?: bpf_luo_blob_resize(&bf->ctx, copy->offset);
}

/* Restoring */

static bool luo_unix_msg_ok(const struct luo_unix_msg_ser *msg, int type)
{
	return msg->end <= 1 && msg->len <= INT_MAX &&
	       !(msg->flags & ~(LUO_UNIX_CREDS | LUO_UNIX_OOB)) &&
	       (type != SOCK_STREAM || msg->len) &&
	       (!(msg->flags & LUO_UNIX_OOB) ||
		(IS_ENABLED(CONFIG_AF_UNIX_OOB) && type == SOCK_STREAM &&
		 msg->len == 1));
}

static bool luo_unix_blob_ok(struct luo_bpf_record *rec, int type)
{
	u64 size = rec->ser->blob_size;
	struct luo_unix_msg_ser msg;

	for (u64 offset = 0; offset < size; offset += sizeof(msg) + msg.len) {
		if (luo_bpf_record_copy_out(rec, offset, &msg, sizeof(msg)) ||
		    !luo_unix_msg_ok(&msg, type) ||
		    msg.len > size - offset - sizeof(msg))
			return false;
	}
	return true;
}

/* As large a part in pages as a sender would have */
static struct sk_buff *luo_unix_alloc(u32 len)
{
	struct sk_buff *skb;
	u32 data_len = 0;
	int err;

	if (len > SKB_MAX_ALLOC)
		data_len = PAGE_ALIGN(min_t(u32, len - SKB_MAX_ALLOC,
					    MAX_SKB_FRAGS * PAGE_SIZE));
	data_len = min(data_len, len);
	skb = alloc_skb_with_frags(len - data_len, data_len,
				   PAGE_ALLOC_COSTLY_ORDER, &err,
				   GFP_KERNEL_ACCOUNT);
	if (!skb)
		return NULL;
	skb_put(skb, len - data_len);
	skb->data_len = data_len;
	skb->len = len;
	return skb;
}

static int luo_unix_fill(struct luo_unix_copy *copy, struct sk_buff *skb, u32 len)
{
	int err = 0;

	for (u32 at = 0; !err && at < len; at += PAGE_SIZE) {
		u32 part = min_t(u32, len - at, PAGE_SIZE);

		luo_bpf_record_copy_out(copy->rec, copy->offset, copy->page, part);
		err = skb_store_bits(skb, at, copy->page, part);
		copy->offset += part;
	}
	return err;
}

static void luo_unix_queue(struct luo_unix_copy *copy, struct sk_buff *skb,
			   const struct luo_unix_msg_ser *msg)
{
	struct unix_sock *u = unix_sk(copy->socks[msg->end]);

	memset(skb->cb, 0, sizeof(skb->cb));
	UNIXCB(skb).uid = INVALID_UID;
	UNIXCB(skb).gid = INVALID_GID;
	if (msg->flags & LUO_UNIX_CREDS) {
		UNIXCB(skb).uid = make_kuid(&init_user_ns, msg->uid);
		UNIXCB(skb).gid = make_kgid(&init_user_ns, msg->gid);
	}
	skb->tstamp = ns_to_ktime(msg->time);
	/* It counts as sent by the other end. */
	skb_set_owner_w(skb, copy->socks[!msg->end]);

	guard(spinlock)(&u->sk.sk_receive_queue.lock);

	if (u->sk.sk_type == SOCK_STREAM)
		u->inq_len += skb->len;
#if IS_ENABLED(CONFIG_AF_UNIX_OOB)
	if (msg->flags & LUO_UNIX_OOB)
		u->oob_skb = skb;
#endif
	__skb_queue_tail(&u->sk.sk_receive_queue, skb);
}

/* What is in the blob was checked. */
static int luo_unix_load(struct luo_unix_copy *copy)
{
	struct luo_unix_msg_ser msg;
	struct sk_buff *skb;
	int err;

	while (copy->offset < copy->limit) {
		luo_bpf_record_copy_out(copy->rec, copy->offset, &msg, sizeof(msg));
		copy->offset += sizeof(msg);
		skb = luo_unix_alloc(msg.len);
		if (!skb)
			return -ENOMEM;
		err = luo_unix_fill(copy, skb, msg.len);
		if (err) {
			kfree_skb(skb);
			return err;
		}
		luo_unix_queue(copy, skb, &msg);
	}
	return 0;
}

/* As socketpair(2) */
static int luo_unix_make(int type, struct socket *socks[2])
{
	int err;

	err = sock_create(AF_UNIX, type, 0, &socks[0]);
	if (err)
		return err;
	err = sock_create(AF_UNIX, type, 0, &socks[1]);
	if (err) {
		sock_release(socks[0]);
		return err;
	}
	err = security_socket_socketpair(socks[0], socks[1]);
	if (!err)
		err = READ_ONCE(socks[0]->ops)->socketpair(socks[0], socks[1]);
	if (err) {
		sock_release(socks[1]);
		sock_release(socks[0]);
	}
	return err;
}

static int luo_unix_files(int type, struct file *files[2])
{
	struct socket *socks[2];
	int err;

	err = luo_unix_make(type, socks);
	if (err)
		return err;
	files[0] = sock_alloc_file(socks[0], 0, NULL);
	if (IS_ERR(files[0])) {
		sock_release(socks[1]);
		return PTR_ERR(files[0]);
	}
	files[1] = sock_alloc_file(socks[1], 0, NULL);
	if (IS_ERR(files[1])) {
		fput(files[0]);
		return PTR_ERR(files[1]);
	}
	return 0;
}

__bpf_kfunc_start_defs();

/**
 * bpf_luo_unix_save - save what is in a pair of unix sockets
 * @ctx:  the file that is preserved
 * @file: it: one of them
 * @end:  which one, 0 or 1; the other is its peer
 *
 * The blob becomes a copy of what both have in their queues, and just as large.
 *
 * Context: preserve, freeze.
 * Return: 0, -EINVAL for another file or end, -ENOTCONN if it has no peer or that
 * has another one, -EBUSY for file descriptors in a message, -ENOMEM, or as bpf_luo_blob_resize().
 */
__bpf_kfunc int bpf_luo_unix_save(struct luo_bpf_ctx *ctx, struct file *file,
				  u32 end)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct luo_unix_copy copy = { .rec = &bf->record };
	struct sock *sk = luo_unix_of(file), *peer;
	int err = -ENOMEM;

	guard(luo_no_run_ctx)();

	if (!sk || file != bf->file || end > 1)
		return -EINVAL;
	peer = unix_peer_get(sk);
	if (!peer)
		return -ENOTCONN;
	/* A datagram socket that anybody may send to is nobody's peer. */
	if (READ_ONCE(unix_peer(peer)) != sk) {
		sock_put(peer);
		return -ENOTCONN;
	}

	copy.socks[end] = sk;
	copy.socks[!end] = peer;
	copy.page = (void *)__get_free_page(GFP_KERNEL);
	if (copy.page)
		err = luo_unix_save(bf, &copy);
	free_page((unsigned long)copy.page);
	sock_put(peer);
	return err;
}

/**
 * bpf_luo_unix_pair - make a pair of unix sockets
 * @ctx:       the file that is retrieved, one of them
 * @type:      SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
 * @shutdown0: of end 0, a mask: 1 for receiving, 2 for sending
 * @shutdown1: of end 1
 *
 * What is in their queues is in the blob. They are parts of an object, 0 and 1, see
 * bpf_luo_object_part().
 *
 * Context: retrieve.
 * Return: 0, -EUCLEAN if the blob or another argument can't be, -ENOMEM, or as
 * socketpair(2).
 */
__bpf_kfunc int bpf_luo_unix_pair(struct luo_bpf_ctx *ctx, u32 type,
				  u32 shutdown0, u32 shutdown1)
{
	struct luo_bpf_file *bf = luo_bpf_file_of(ctx);
	struct luo_unix_copy copy = {
		.rec = &bf->record,
		.limit = bf->record.ser->blob_size,
	};
	struct file *files[2];
	int err;

	guard(luo_no_run_ctx)();

	if ((type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET) ||
	    (shutdown0 | shutdown1) & ~SHUTDOWN_MASK ||
	    !luo_unix_blob_ok(copy.rec, type)) {
		luo_bpf_message(bf, "not the state of a pair of unix sockets");
		return -EUCLEAN;
	}
	copy.page = (void *)__get_free_page(GFP_KERNEL);
	if (!copy.page)
		return -ENOMEM;

	err = luo_unix_files(type, files);
	if (err)
		goto free;
	copy.socks[0] = sock_from_file(files[0])->sk;
	copy.socks[1] = sock_from_file(files[1])->sk;
	err = luo_unix_load(&copy);
	if (err) {
		fput(files[0]);
		fput(files[1]);
		goto free;
	}
	WRITE_ONCE(copy.socks[0]->sk_shutdown, shutdown0);
	WRITE_ONCE(copy.socks[1]->sk_shutdown, shutdown1);
	err = luo_bpf_object_set(bf, files, 2);
free:
	free_page((unsigned long)copy.page);
	return err;
}

/**
 * bpf_luo_unix_peercred - say who is at the other end of a unix socket
 * @ctx:  the file that is retrieved
 * @file: the socket, its part of a pair: see bpf_luo_object_part()
 * @uid:  what SO_PEERCRED is to say, in the initial user namespace
 * @gid:  likewise
 *
 * The process is of the previous kernel, and gone: SO_PEERCRED says 0 for it,
 * SO_PEERPIDFD that there is none, SO_PEERGROUPS that it had no groups.
 *
 * Context: retrieve.
 * Return: 0, -EINVAL for another file or an id that can't be, -ENOMEM.
 */
__bpf_kfunc int bpf_luo_unix_peercred(struct luo_bpf_ctx *ctx,
				      struct file *file, u32 uid, u32 gid)
{
	kuid_t kuid = make_kuid(&init_user_ns, uid);
	kgid_t kgid = make_kgid(&init_user_ns, gid);
	struct sock *sk = luo_unix_of(file);
	const struct cred *old;
	struct cred *cred;
	struct pid *pid;

	guard(luo_no_run_ctx)();

	/* Not of a socket that somebody has already */
	if (!sk || file != luo_bpf_file_of(ctx)->own ||
	    !uid_valid(kuid) || !gid_valid(kgid))
		return -EINVAL;
	cred = prepare_creds();
	if (!cred)
		return -ENOMEM;
#ifdef CONFIG_MULTIUSER
	/* Which groups it had is not known, and those of this task it had not. */
	set_groups(cred, kernel_cred()->group_info);
#endif
	cred->uid = kuid;
	cred->euid = kuid;
	cred->suid = kuid;
	cred->fsuid = kuid;
	cred->gid = kgid;
	cred->egid = kgid;
	cred->sgid = kgid;
	cred->fsgid = kgid;
	cap_clear(cred->cap_permitted);
	cap_clear(cred->cap_effective);
	cap_clear(cred->cap_inheritable);
	cap_clear(cred->cap_ambient);

	scoped_guard(spinlock, &sk->sk_peer_lock) {
		old = sk->sk_peer_cred;
		pid = sk->sk_peer_pid;
		sk->sk_peer_cred = cred;
		sk->sk_peer_pid = NULL;
	}
	put_cred(old);
	put_pid(pid);
	return 0;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(luo_unix_kfunc_ids)
BTF_ID_FLAGS(func, bpf_luo_unix_save, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_unix_pair, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_luo_unix_peercred, KF_SLEEPABLE)
BTF_KFUNCS_END(luo_unix_kfunc_ids)

BTF_SET_START(luo_unix_save_ids)
BTF_ID(func, bpf_luo_unix_save)
BTF_SET_END(luo_unix_save_ids)

BTF_SET_START(luo_unix_retrieve_ids)
BTF_ID(func, bpf_luo_unix_pair)
BTF_ID(func, bpf_luo_unix_peercred)
BTF_SET_END(luo_unix_retrieve_ids)

static int luo_unix_filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	static const struct luo_kfunc_sets sets = {
		.all = &luo_unix_kfunc_ids,
		.preserve = &luo_unix_save_ids,
		.freeze = &luo_unix_save_ids,
		.retrieve = &luo_unix_retrieve_ids,
	};

	return luo_kfunc_check(&sets, prog, kfunc_id);
}

static const struct btf_kfunc_id_set luo_unix_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &luo_unix_kfunc_ids,
	.filter = luo_unix_filter,
};

static int __init luo_unix_kfuncs_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &luo_unix_kfunc_set);
}
late_initcall(luo_unix_kfuncs_init);
