/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kfuncs of file handlers. vmlinux.h has these prototypes too, if the kernel's BTF
 * marks kfuncs: that of Linux 7.3 does, that of 7.2 only if pahole 1.26 or later wrote
 * it. Where both are there, the compiler compares them.
 *
 * What each does, and in which callbacks it may be called, is told where it is defined:
 * kernel/bpf/luo_kfuncs*.c.
 */
#ifndef LUO_KFUNCS_BPF_H
#define LUO_KFUNCS_BPF_H

#define LUO_KFUNC __weak __ksym

/* A file's memory, and the memory that the files of a handler share */
extern u8 *bpf_luo_state(struct luo_bpf_ctx *ctx, const u32 rdwr_buf_size) LUO_KFUNC;
extern u8 *bpf_luo_shared(struct luo_bpf_ctx *ctx, const u32 rdwr_buf_size) LUO_KFUNC;
extern int bpf_luo_blob_resize(struct luo_bpf_ctx *ctx, u64 size) LUO_KFUNC;
extern u64 bpf_luo_blob_size(struct luo_bpf_ctx *ctx) LUO_KFUNC;
extern int bpf_luo_blob_write(struct luo_bpf_ctx *ctx, u64 offset, const void *mem,
			      u32 mem__sz) LUO_KFUNC;
extern int bpf_luo_blob_read(struct luo_bpf_ctx *ctx, u64 offset, void *mem,
			     u32 mem__sz) LUO_KFUNC;

/* Other files of the session */
extern int bpf_luo_token_of(struct luo_bpf_ctx *ctx, const void *file__ign, u64 *token) LUO_KFUNC;
extern struct file *bpf_luo_file_by_token(struct luo_bpf_ctx *ctx, u64 token) LUO_KFUNC;

/* Files that are parts of one object */
extern int bpf_luo_object_join(struct luo_bpf_ctx *ctx, const void *id__ign, u32 part) LUO_KFUNC;
extern int bpf_luo_object_claim(struct luo_bpf_ctx *ctx, const void *id__ign) LUO_KFUNC;
extern int bpf_luo_object_first(struct luo_bpf_ctx *ctx, u64 *token) LUO_KFUNC;
extern u32 bpf_luo_object_parts(struct luo_bpf_ctx *ctx) LUO_KFUNC;
extern struct file *bpf_luo_object_part(struct luo_bpf_ctx *ctx, u64 token, u32 part) LUO_KFUNC;

/* What goes on through a kexec */
extern s64 bpf_luo_realtime(struct luo_bpf_ctx *ctx) LUO_KFUNC;

/* What fails */
extern int bpf_luo_error(struct luo_bpf_ctx *ctx) LUO_KFUNC;
extern int bpf_luo_report(struct luo_bpf_ctx *ctx, const char *msg, u32 msg__sz) LUO_KFUNC;
extern int bpf_luo_notice(struct luo_bpf_ctx *ctx, const char *msg, u32 msg__sz) LUO_KFUNC;

/* Files: made, used, and handed over */
extern struct file *bpf_luo_open(struct luo_bpf_ctx *ctx, const char *path, u32 path__sz,
				 u32 flags) LUO_KFUNC;
extern int bpf_luo_path(struct luo_bpf_ctx *ctx, struct file *file, void *mem,
			u32 mem__sz) LUO_KFUNC;
extern int bpf_luo_sync(struct luo_bpf_ctx *ctx, struct file *file) LUO_KFUNC;
extern int bpf_luo_locks(struct luo_bpf_ctx *ctx, struct file *file, void *mem,
			 u32 mem__sz) LUO_KFUNC;
extern int bpf_luo_relock(struct file *file, struct luo_bpf_ctx *ctx, const void *mem,
			  u32 mem__sz) LUO_KFUNC;
extern struct file *bpf_luo_open_same(struct luo_bpf_ctx *ctx, const void *mem, u32 mem__sz,
				      u32 flags) LUO_KFUNC;
extern int bpf_luo_ioctl(struct file *file, struct luo_bpf_ctx *ctx, u32 cmd,
			 void *arg__nullable, u32 arg__sz) LUO_KFUNC;
extern int bpf_luo_ioctl_value(struct file *file, struct luo_bpf_ctx *ctx, u32 cmd,
			       u32 value) LUO_KFUNC;
extern void bpf_luo_put_file(struct file *file, struct luo_bpf_ctx *ctx) LUO_KFUNC;
extern int bpf_luo_set_file(struct file *file, struct luo_bpf_ctx *ctx) LUO_KFUNC;

/* Types of files that only the kernel can make */
extern struct file *bpf_luo_eventfd(struct luo_bpf_ctx *ctx, u64 count, u32 flags) LUO_KFUNC;
extern struct file *bpf_luo_epoll(struct luo_bpf_ctx *ctx) LUO_KFUNC;
extern int bpf_luo_epoll_next(struct luo_bpf_ctx *ctx, struct file *file, void *item,
			      u32 item__sz) LUO_KFUNC;
extern int bpf_luo_epoll_watch(struct file *file, struct file *target, const void *item,
			       u32 item__sz) LUO_KFUNC;
extern struct file *bpf_luo_inotify(struct luo_bpf_ctx *ctx, s32 next_wd) LUO_KFUNC;
extern int bpf_luo_inotify_next(struct luo_bpf_ctx *ctx, struct file *file, void *watch,
				u32 watch__sz) LUO_KFUNC;
extern int bpf_luo_inotify_watch(struct file *file, struct luo_bpf_ctx *ctx, const void *watch,
				 u32 watch__sz) LUO_KFUNC;
extern int bpf_luo_inotify_event(struct file *file, s32 wd, u32 mask) LUO_KFUNC;
extern int bpf_luo_pipe_reserve(struct luo_bpf_ctx *ctx, struct file *file) LUO_KFUNC;
extern int bpf_luo_pipe_save(struct luo_bpf_ctx *ctx, struct file *file) LUO_KFUNC;
extern int bpf_luo_pipe(struct luo_bpf_ctx *ctx, u32 slots, u32 ends) LUO_KFUNC;
extern int bpf_luo_pipe_fill(struct file *file, struct luo_bpf_ctx *ctx, u32 slots) LUO_KFUNC;
extern struct file *bpf_luo_signalfd(struct luo_bpf_ctx *ctx, u64 mask) LUO_KFUNC;
extern struct file *bpf_luo_timerfd(struct luo_bpf_ctx *ctx, const void *state,
				    u32 state__sz) LUO_KFUNC;
extern int bpf_luo_timerfd_save(struct luo_bpf_ctx *ctx, struct file *file, void *state,
				u32 state__sz) LUO_KFUNC;
extern int bpf_luo_unix_save(struct luo_bpf_ctx *ctx, struct file *file, u32 end) LUO_KFUNC;
extern int bpf_luo_unix_pair(struct luo_bpf_ctx *ctx, u32 type, u32 shutdown0,
			     u32 shutdown1) LUO_KFUNC;
extern int bpf_luo_unix_peercred(struct luo_bpf_ctx *ctx, struct file *file, u32 uid,
				 u32 gid) LUO_KFUNC;
extern int bpf_luo_sock_getopt(struct file *file, u32 optname, void *val, u32 val__sz) LUO_KFUNC;
extern int bpf_luo_sock_setopt(struct file *file, u32 optname, const void *val,
			       u32 val__sz) LUO_KFUNC;

#endif /* LUO_KFUNCS_BPF_H */
