/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Live Update Orchestrator: the user-space interface of /dev/liveupdate and of
 * session file descriptors.
 *
 * The numbers, structures and errnos are those of the mainline interface; see
 * Documentation/userspace-api/liveupdate.rst for the protocol as a whole.
 */
#ifndef _UAPI_LIVEUPDATE_H
#define _UAPI_LIVEUPDATE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: How every call is made
 *
 * Each ioctl takes a pointer to its structure, whose first member is the size
 * in bytes that the caller was compiled with. A structure smaller than the
 * first version of a call is EINVAL. A larger one is accepted as long as what
 * this kernel does not know is zero, so that a program built against a newer
 * header runs on an older kernel until it uses what is new.
 *
 * Errnos that mean the same in all calls:
 *
 * ==========  ===============================================================
 * ENOTTY      no such call on this kind of file descriptor
 * EINVAL      the structure is too small, or a member has an impossible value
 * E2BIG       a part that this kernel does not know is not zero
 * EOPNOTSUPP  a member asks for something that this kernel can't do
 * EFAULT      the structure is not accessible
 * EBUSY       the kernel is on its way into a kexec, or as the call says
 * ENOMEM      out of memory; nothing was changed, try again
 * ==========  ===============================================================
 */

#define LIVEUPDATE_IOCTL_TYPE		0xBA

/* Size of a session's name, its terminating NUL included. */
#define LIVEUPDATE_SESSION_NAME_LENGTH	64

/* Calls on /dev/liveupdate */
enum {
	LIVEUPDATE_CMD_BASE		= 0x00,
	LIVEUPDATE_CMD_CREATE_SESSION	= LIVEUPDATE_CMD_BASE,
	LIVEUPDATE_CMD_RETRIEVE_SESSION	= 0x01,
};

/* Calls on a session */
enum {
	LIVEUPDATE_CMD_SESSION_BASE		= 0x40,
	LIVEUPDATE_CMD_SESSION_PRESERVE_FD	= LIVEUPDATE_CMD_SESSION_BASE,
	LIVEUPDATE_CMD_SESSION_RETRIEVE_FD	= 0x41,
	LIVEUPDATE_CMD_SESSION_FINISH		= 0x42,
	LIVEUPDATE_CMD_SESSION_GET_NAME		= 0x43,
	/* What mainline does not have */
	LIVEUPDATE_CMD_SESSION_GET_REPORT	= 0x60,
};

/**
 * struct liveupdate_ioctl_create_session - make an empty session
 * @size: in: sizeof(struct liveupdate_ioctl_create_session)
 * @fd:   out: the session, close-on-exec set
 * @name: in: its name, 1 to 63 bytes and a NUL, unique among outgoing sessions
 *
 * On /dev/liveupdate. The session lives as long as its open file description:
 * the last close before a kexec undoes all that was preserved in it.
 *
 * Errors: EINVAL for an empty or unterminated name, EEXIST for a name in use,
 * ENOSPC if there are as many sessions as can be handed over.
 */
struct liveupdate_ioctl_create_session {
	__u32		size;
	__s32		fd;
	__u8		name[LIVEUPDATE_SESSION_NAME_LENGTH];
};

#define LIVEUPDATE_IOCTL_CREATE_SESSION					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_CREATE_SESSION)

/**
 * struct liveupdate_ioctl_retrieve_session - open a session of the last kernel
 * @size: in: sizeof(struct liveupdate_ioctl_retrieve_session)
 * @fd:   out: the session, close-on-exec set
 * @name: in: the name that it was created with
 *
 * On /dev/liveupdate. Closing the descriptor gives the session back: it can be
 * retrieved again, with the files that were retrieved from it still open as
 * they are. Only %LIVEUPDATE_SESSION_FINISH ends it.
 *
 * Errors: ENOENT for a name that the last kernel did not hand over, EBUSY while
 * the session is open, EUCLEAN if what was handed over is damaged.
 */
struct liveupdate_ioctl_retrieve_session {
	__u32		size;
	__s32		fd;
	__u8		name[LIVEUPDATE_SESSION_NAME_LENGTH];
};

#define LIVEUPDATE_IOCTL_RETRIEVE_SESSION				\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_RETRIEVE_SESSION)

/**
 * struct liveupdate_session_preserve_fd - put a file into a session
 * @size:  in: sizeof(struct liveupdate_session_preserve_fd)
 * @fd:    in: the file
 * @token: in: what it will be retrieved by; any value, unique in the session
 *
 * On a session from %LIVEUPDATE_IOCTL_CREATE_SESSION. The file stays usable; a
 * file type may restrict it until the session is closed (a memfd, for example,
 * can't be resized). What was written until the kexec is carried over.
 *
 * Errors: EBADF, ENOENT if no handler takes files of this type, EEXIST if the
 * token is taken, EBUSY if the file is preserved already, in this session or in
 * another, ENOSPC if the session has as many files as can be handed over, EINVAL
 * on a retrieved session, EOPNOTSUPP if the kernel writes for mainline's and that
 * could not read the file; else what the file's handler says.
 */
struct liveupdate_session_preserve_fd {
	__u32		size;
	__s32		fd;
	__aligned_u64	token;
};

#define LIVEUPDATE_SESSION_PRESERVE_FD					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_SESSION_PRESERVE_FD)

/**
 * struct liveupdate_session_retrieve_fd - get a file of the last kernel back
 * @size:  in: sizeof(struct liveupdate_session_retrieve_fd)
 * @fd:    out: the file, close-on-exec set
 * @token: in: the token that it was preserved with
 *
 * On a session from %LIVEUPDATE_IOCTL_RETRIEVE_SESSION; files come in any
 * order. The same token again gives the same open file under a new descriptor.
 * A call that failed may be repeated once its cause is gone, unless the file's
 * handler does not support that; then it goes on failing with the same errno.
 *
 * Errors: ENOENT if there is no such token, EUNATCH if no handler for this type
 * of file is registered (yet), EUCLEAN if the file's record is damaged, EINVAL
 * on a session that was not retrieved, EACCES or EPERM if a security module does
 * not let the caller have the file; else what the file's handler says.
 */
struct liveupdate_session_retrieve_fd {
	__u32		size;
	__s32		fd;
	__aligned_u64	token;
};

#define LIVEUPDATE_SESSION_RETRIEVE_FD					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_SESSION_RETRIEVE_FD)

/**
 * struct liveupdate_session_finish - end a retrieved session
 * @size:     in: sizeof(struct liveupdate_session_finish)
 * @reserved: in: zero
 *
 * On a session from %LIVEUPDATE_IOCTL_RETRIEVE_SESSION. Files that were
 * retrieved live on by their descriptors, the others are dropped and their
 * memory is freed. A file that needs a handler to be dropped and has none stays
 * reserved until the next kexec, and the kernel log names it.
 *
 * Errors: EBUSY if a handler says that a file can't be finished yet (nothing
 * was changed, try again), EINVAL on a session that was not retrieved or if
 * @reserved is not zero. After ENOMEM some files may be finished: the next call
 * goes on with the others.
 */
struct liveupdate_session_finish {
	__u32		size;
	__u32		reserved;
};

#define LIVEUPDATE_SESSION_FINISH					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_SESSION_FINISH)

/**
 * struct liveupdate_session_get_name - ask a session for its name
 * @size:     in: sizeof(struct liveupdate_session_get_name)
 * @reserved: in: zero
 * @name:     out: the name, NUL-terminated
 *
 * On any session. (The name in /proc/PID/fd has no escaping of its own.)
 *
 * Errors: EINVAL if @reserved is not zero.
 */
struct liveupdate_session_get_name {
	__u32		size;
	__u32		reserved;
	__u8		name[LIVEUPDATE_SESSION_NAME_LENGTH];
};

#define LIVEUPDATE_SESSION_GET_NAME					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_SESSION_GET_NAME)

#define LIVEUPDATE_REPORT_HANDLER_LENGTH	48
#define LIVEUPDATE_REPORT_CALLBACK_LENGTH	16
#define LIVEUPDATE_REPORT_MESSAGE_LENGTH	176

/**
 * struct liveupdate_session_get_report - ask why a file failed
 * @size:     in: sizeof(struct liveupdate_session_get_report)
 * @error:    in: zero; out: the errno, positive
 * @token:    in: zero; out: the file
 * @handler:  in: zero; out: its handler, or what it shares, as the records name it
 * @callback: in: zero; out: what the handler was asked to do
 * @message:  in: zero; out: what the handler said about it, may be empty
 *
 * On any session. Tells of the last failure of a file's handler in this
 * session: in preserve, freeze, retrieve or can_finish. It stays until the next
 * failure. The strings are NUL-terminated.
 *
 * Errors: ENODATA if no handler has failed, EINVAL if @error is not zero.
 */
struct liveupdate_session_get_report {
	__u32		size;
	__s32		error;
	__aligned_u64	token;
	__u8		handler[LIVEUPDATE_REPORT_HANDLER_LENGTH];
	__u8		callback[LIVEUPDATE_REPORT_CALLBACK_LENGTH];
	__u8		message[LIVEUPDATE_REPORT_MESSAGE_LENGTH];
};

#define LIVEUPDATE_SESSION_GET_REPORT					\
	_IO(LIVEUPDATE_IOCTL_TYPE, LIVEUPDATE_CMD_SESSION_GET_REPORT)

#endif /* _UAPI_LIVEUPDATE_H */
