/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * libluo-bpf: the Live Update Orchestrator from C, on libbpf.
 *
 * A session carries open files over a kexec; a handler is a BPF object that knows
 * one file type. Conventions are libbpf's: object__verb(); what returns an int
 * returns a negative errno, what returns a pointer NULL with errno set; options
 * grow at their end and say their size (LIBBPF_OPTS() does).
 *
 * The library never prints and never exits: what it has to say, why the kernel
 * refused a handler for example, goes to the callback of luo_set_print().
 * Descriptors that it opens are close-on-exec. One object is used by one thread
 * at a time.
 */
#ifndef LIBLUO_BPF_H
#define LIBLUO_BPF_H

#include <bpf/libbpf.h>
#include <linux/types.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LUO_API __attribute__((visibility("default")))

/* Where an attached handler is pinned, under its compatible string. */
#define LUO_PIN_DIR "/sys/fs/bpf/luo"

/**
 * typedef luo_print_fn - takes what the library has to say
 * @level:  LIBBPF_WARN for what explains an error, LIBBPF_INFO, LIBBPF_DEBUG
 * @format: as for vprintf(); a whole line with its newline
 * @args:   as for vprintf()
 */
typedef int (*luo_print_fn)(enum libbpf_print_level level, const char *format, va_list args);

/**
 * luo_set_print() - set the callback for the library's messages
 * @fn: the callback; NULL, as it is at first, for none
 *
 * Messages of libbpf about a handler, the verifier's log among them, go there too:
 * while the library calls libbpf, the callback of libbpf_set_print() is set aside.
 *
 * Return: the callback before.
 */
LUO_API luo_print_fn luo_set_print(luo_print_fn fn);

/* The Orchestrator: /dev/liveupdate */

struct luo_device;

/**
 * struct luo_device_opts - options of luo_device__open()
 * @sz:   sizeof(struct luo_device_opts)
 * @path: instead of /dev/liveupdate
 */
struct luo_device_opts {
	size_t sz;
	const char *path;
};

#define luo_device_opts__last_field path

/**
 * luo_device__open() - open the Orchestrator; there is one opener at a time
 * @opts: options, may be NULL
 *
 * Return: the device; NULL with errno EBUSY if another has it open, ENOENT where the
 * kernel has none (was it booted with liveupdate=on?).
 */
LUO_API struct luo_device *luo_device__open(const struct luo_device_opts *opts);

/** luo_device__fd() - the device's descriptor, which stays the library's */
LUO_API int luo_device__fd(const struct luo_device *device);

/** luo_device__close() - close the device; sessions stay; NULL is allowed */
LUO_API void luo_device__close(struct luo_device *device);

/* Sessions */

struct luo_session;

/**
 * luo_session__create() - make an empty session, to be filled before the kexec
 * @device: the Orchestrator
 * @name:   1 to 63 bytes
 *
 * Return: the session; NULL with errno EEXIST if the name is taken.
 */
LUO_API struct luo_session *luo_session__create(struct luo_device *device, const char *name);

/**
 * luo_session__retrieve() - open a session of the kernel before
 * @device: the Orchestrator
 * @name:   what it was created with
 *
 * Return: the session; NULL with errno ENOENT if there is none of that name, EBUSY while
 * it is open, EUCLEAN if what was handed over is damaged.
 */
LUO_API struct luo_session *luo_session__retrieve(struct luo_device *device, const char *name);

/**
 * luo_session__from_fd() - a session that came as a descriptor, from an agent
 * @fd: an open session; the library's from now on, unless this fails
 *
 * Return: the session; NULL with errno EINVAL if @fd is something else.
 */
LUO_API struct luo_session *luo_session__from_fd(int fd);

/**
 * luo_session__preserve_fd() - put a file into a session
 * @session: from luo_session__create()
 * @fd:      the file
 * @token:   what it is retrieved by; any value that the session does not have yet
 *
 * Return: 0, or -ENOENT if no handler takes files of this type, -EEXIST if the token is
 * taken, -EBUSY if the file is preserved already; else what its handler says.
 */
LUO_API int luo_session__preserve_fd(struct luo_session *session, int fd, __u64 token);

/**
 * luo_session__retrieve_fd() - get a file back
 * @session: from luo_session__retrieve()
 * @token:   what it was preserved with
 *
 * Return: its descriptor, or -ENOENT if there is no such token, -EUNATCH if its handler
 * is not attached yet; else what its handler says.
 */
LUO_API int luo_session__retrieve_fd(struct luo_session *session, __u64 token);

/**
 * luo_session__finish() - end a retrieved session; what was not retrieved is dropped
 * @session: from luo_session__retrieve()
 *
 * Return: 0, or -EBUSY if a handler is not done with a file; try again.
 */
LUO_API int luo_session__finish(struct luo_session *session);

/**
 * luo_session__get_name() - ask for the name
 * @session: any
 * @name:    where it goes, with its NUL
 * @size:    space there; 64 bytes are always enough
 *
 * Return: 0, or -ENOSPC if it does not fit.
 */
LUO_API int luo_session__get_name(struct luo_session *session, char *name, size_t size);

/**
 * struct luo_report - why a file failed, as luo_session__report() fills it
 * @sz:       in: sizeof(struct luo_report)
 * @error:    what the handler's callback returned, a negative errno
 * @token:    the file
 * @handler:  the handler, as records name it: "bpf:" and its compatible string
 * @callback: what it was asked to do
 * @message:  what it said about it; may be empty
 */
struct luo_report {
	size_t sz;
	int error;
	__u64 token;
	char handler[48];
	char callback[16];
	char message[176];
};

/**
 * luo_session__report() - ask for the last failure of a handler in a session
 * @session: any
 * @report:  where it goes, with its size set
 *
 * When a call on a session fails because a handler does, the print callback has got
 * the same already.
 *
 * Return: 0, or -ENODATA if none has failed, -ENOTTY if the kernel has no reports.
 */
LUO_API int luo_session__report(struct luo_session *session, struct luo_report *report);

/** luo_session__fd() - the session's descriptor, which stays the library's */
LUO_API int luo_session__fd(const struct luo_session *session);

/**
 * luo_session__close() - close the session; NULL is allowed
 * @session: before the kexec the last close undoes all that was preserved in it;
 *	     a retrieved one can be retrieved again
 */
LUO_API void luo_session__close(struct luo_session *session);

/* Handlers */

struct luo_handler;

/**
 * struct luo_handler_opts - options of luo_handler__open() and luo_handler__open_mem()
 * @sz:       sizeof(struct luo_handler_opts)
 * @map_name: the struct_ops map to take, where the object has several
 */
struct luo_handler_opts {
	size_t sz;
	const char *map_name;
};

#define luo_handler_opts__last_field map_name

/**
 * struct luo_handler_file - an object file, as luo_handler__find() shows it
 * @name:  of the file, without .bpf.o; NULL if it is a directory that can't be read
 * @path:  where it is
 * @error: 0, or why it can't be used, a negative errno: -EINVAL for what is no plain file
 *
 * More may follow in later versions.
 */
struct luo_handler_file {
	const char *name;
	const char *path;
	int error;
};

/**
 * luo_handler__find() - look for object files, NAME.bpf.o
 * @dirs: directories; the last one is followed by NULL
 * @fn:   called for each file in the order of their names, of two of the same name for that in
 *	  the last directory; and before that for each file or directory that can't be used.
 *	  Stops at another value than 0
 * @ctx:  handed to it
 *
 * Return: 0, what @fn returned, or -ENOMEM.
 */
LUO_API int luo_handler__find(char *const *dirs,
			      int (*fn)(const struct luo_handler_file *file, void *ctx),
			      void *ctx);

/**
 * luo_handler__open() - read a handler's object file; nothing reaches the kernel
 * @path: the file, NAME.bpf.o
 * @opts: options, may be NULL
 *
 * What an object says of itself is checked before it is used. But it is libbpf that reads it, and
 * that may not survive a damaged one: who has to, opens it in a child first.
 *
 * Return: the handler; NULL with errno ENOENT if the object has none, EINVAL if it has
 * several and @opts does not choose, or if @path is no plain file.
 */
LUO_API struct luo_handler *luo_handler__open(const char *path,
					      const struct luo_handler_opts *opts);

/** luo_handler__open_mem() - the same with the object in memory */
LUO_API struct luo_handler *luo_handler__open_mem(const void *object, size_t size,
						  const struct luo_handler_opts *opts);

/**
 * luo_handler__open_attached() - a handler that is attached and pinned
 * @name: its compatible string, or with a slash in it the path of its pin
 *
 * Return: the handler, ready for luo_handler__detach(); NULL with errno.
 */
LUO_API struct luo_handler *luo_handler__open_attached(const char *name);

/**
 * luo_handler__open_link() - a handler that is attached, pinned or not
 * @link_id: of its link, as luo_handler__list() shows it
 *
 * Return: as luo_handler__open_attached(). It has no pin until luo_handler__pin().
 */
LUO_API struct luo_handler *luo_handler__open_link(__u32 link_id);

/**
 * luo_handler__load() - have the programs verified
 * @handler: an open one
 *
 * Return: 0, or what the kernel would say if it can't be a handler (the print callback gets the
 * reason), or as bpf_object__load(); the verifier's log goes to the print callback.
 */
LUO_API int luo_handler__load(struct luo_handler *handler);

/**
 * luo_handler__attach() - register with the Orchestrator; loads it first if need be
 * @handler: an open one
 *
 * It stays attached until luo_handler__detach(), or until the last descriptor is closed
 * and no pin is left.
 *
 * Return: 0, or -EEXIST if the compatible string is taken, or as the kernel says; the
 * print callback gets a sentence in any case.
 */
LUO_API int luo_handler__attach(struct luo_handler *handler);

/**
 * luo_handler__pin() - let an attached handler outlive this process
 * @handler: an attached one
 * @path:    in a BPF file system; NULL for LUO_PIN_DIR/COMPATIBLE
 *
 * Return: 0, or -EEXIST if the path is taken, by anything but a link that was detached.
 */
LUO_API int luo_handler__pin(struct luo_handler *handler, const char *path);

/**
 * luo_handler__upgrade() - put a handler in the place of the attached one
 * @handler: an open one; attached when this succeeds, pinned as the old one was
 * @old:     the path of the old one's pin; NULL for LUO_PIN_DIR/COMPATIBLE
 *
 * Files that are preserved stay so, and are served by the new programs from now on;
 * calls under way end in the old ones.
 *
 * Return: 0, or -EINVAL if the new one has another compatible string or can't read what
 * the old one wrote.
 */
LUO_API int luo_handler__upgrade(struct luo_handler *handler, const char *old);

/**
 * luo_handler__detach() - take an attached handler away, with its pin
 * @handler: an attached one
 *
 * It is gone for new files; those already preserved keep it until they are done.
 *
 * Return: 0 or a negative errno.
 */
LUO_API int luo_handler__detach(struct luo_handler *handler);

/** luo_handler__close() - free it; detaches it only if it is pinned nowhere */
LUO_API void luo_handler__close(struct luo_handler *handler);

/** luo_handler__compatible() - what files of it cross a kexec as, without "bpf:" */
LUO_API const char *luo_handler__compatible(const struct luo_handler *handler);

/**
 * luo_handler__object() - for maps of its own
 * @handler: any
 *
 * Return: NULL if it was not opened from an object, and where the library has a libbpf of its
 * own inside, because the system's is too old: that of the caller could not use it.
 */
LUO_API struct bpf_object *luo_handler__object(const struct luo_handler *handler);

/** luo_handler__link_fd() - the link of an attached one, or -EINVAL; stays the library's */
LUO_API int luo_handler__link_fd(const struct luo_handler *handler);

/**
 * struct luo_handler_info - a handler, as luo_handler__list() shows those that are attached
 * @compatible:  what files of it cross a kexec as, without "bpf:"
 * @fops:        names of the file operations it serves
 * @version:     of the state it writes
 * @min_version: the oldest it reads
 * @max_bytes:   most that it may keep for a file
 * @link_id:     for bpftool link show id
 * @map_id:      for bpftool struct_ops dump id
 *
 * More may follow in later versions.
 */
struct luo_handler_info {
	const char *compatible;
	const char *fops;
	__u32 version;
	__u32 min_version;
	__u64 max_bytes;
	__u32 link_id;
	__u32 map_id;
};

/**
 * luo_handler__info() - what a handler that was opened from an object says of itself
 * @handler: an open one
 *
 * Return: the same as luo_handler__list() shows, without ids, valid until
 * luo_handler__close(); NULL with errno EINVAL if it was opened from its pin.
 */
LUO_API const struct luo_handler_info *luo_handler__info(struct luo_handler *handler);

/**
 * luo_handler__list() - look at each attached handler, pinned or not
 * @fn:  called for each, with what lives only for the call; stops at another value than 0
 * @ctx: handed to it
 *
 * Return: 0, what @fn returned, or a negative errno.
 */
LUO_API int luo_handler__list(int (*fn)(const struct luo_handler_info *info, void *ctx),
			      void *ctx);

/* Clients of luod, the agent that owns /dev/liveupdate for everybody else */

/* Where luod listens. */
#define LUO_SOCKET "/run/luod/liveupdate.sock"

struct luo_client;

/**
 * struct luo_client_opts - options of luo_client__connect()
 * @sz:      sizeof(struct luo_client_opts)
 * @path:    instead of LUO_SOCKET
 * @timeout: how long to wait for luod's answer to a call, in ms; 0 for 30 seconds,
 *	     negative for as long as it takes
 */
struct luo_client_opts {
	size_t sz;
	const char *path;
	int timeout;
};

#define luo_client_opts__last_field timeout

/**
 * luo_client__connect() - connect to luod
 * @opts: options, may be NULL
 *
 * When luod starts again, clients connect and subscribe again. A call that fails with
 * ECONNRESET, or EPROTO for what luod would not say, means that this connection has ended,
 * as do all calls from then on.
 *
 * Return: the client; NULL with errno ENOENT or ECONNREFUSED if luod does not run, EMFILE
 * if it has too many clients, EPROTONOSUPPORT if it speaks another version.
 */
LUO_API struct luo_client *luo_client__connect(const struct luo_client_opts *opts);

/**
 * luo_client__fd() - the connection's descriptor, which stays the library's
 * @client: any
 *
 * For poll() and POLLIN: then luo_client__wait() with a timeout of 0 until that returns
 * -EAGAIN, for events that came with an answer are not on the descriptor any more.
 */
LUO_API int luo_client__fd(const struct luo_client *client);

/** luo_client__close() - disconnect; a subscription ends with it; NULL is allowed */
LUO_API void luo_client__close(struct luo_client *client);

/**
 * luo_client__subscribe() - take part in updates
 * @client: any
 * @id:     name of the session that this client will fill, 1 to 63 bytes
 *
 * Return: 0, or -EACCES without a right to the name, -EEXIST if another client has it,
 * -EISCONN if this one has one, -EBUSY while there is an update.
 */
LUO_API int luo_client__subscribe(struct luo_client *client, const char *id);

/** luo_client__unsubscribe() - take no part any more; 0, or -ENOTCONN if it does not */
LUO_API int luo_client__unsubscribe(struct luo_client *client);

/**
 * enum luo_event_type - what luod has to say unasked
 * @LUO_EVENT_START_PRESERVATION: fill the session, then luo_client__ready()
 * @LUO_EVENT_CANCELLED: the update does not take place, the session is void
 * @LUO_EVENT_KEXEC:     the next kernel is on its way
 * @LUO_EVENT_PROGRESS:  a step of the update that this client asked for
 */
enum luo_event_type {
	LUO_EVENT_START_PRESERVATION = 1,
	LUO_EVENT_CANCELLED,
	LUO_EVENT_KEXEC,
	LUO_EVENT_PROGRESS,
};

/**
 * struct luo_event - an event, as luo_client__wait() fills it
 * @sz:      in: sizeof(struct luo_event)
 * @type:    which
 * @error:   CANCELLED: why, a negative errno
 * @timeout: START_PRESERVATION: how long luod waits, in ms; 0 if it does not say
 * @session: START_PRESERVATION: to be filled; the caller's, who closes it
 * @id:      name of the session; NULL where there is none
 * @step:    PROGRESS: where the update is; else NULL
 * @message: in words; NULL if there are none
 * @json:    all of the event
 *
 * Strings live until the next call of luo_client__wait() on the client.
 */
struct luo_event {
	size_t sz;
	enum luo_event_type type;
	int error;
	__u64 timeout;
	struct luo_session *session;
	const char *id;
	const char *step;
	const char *message;
	const char *json;
};

/**
 * luo_client__wait() - wait for an event
 * @client:  any
 * @event:   where it goes, with its size set
 * @timeout: in ms; negative for as long as it takes
 *
 * Return: 0, or -EAGAIN if there was none in time.
 */
LUO_API int luo_client__wait(struct luo_client *client, struct luo_event *event, int timeout);

/** luo_client__ready() - all is in the session; 0, or -EINVAL if no update waits for it */
LUO_API int luo_client__ready(struct luo_client *client);

/**
 * luo_client__failed() - this client can't be preserved; luod's policy decides
 * @client:  one that got LUO_EVENT_START_PRESERVATION
 * @message: why, in words; may be NULL
 *
 * Return: as luo_client__ready().
 */
LUO_API int luo_client__failed(struct luo_client *client, const char *message);

/**
 * luo_client__create() - have a session made, outside of any update
 * @client: any
 * @id:     its name
 * @keep:   luod holds it too, so that the caller may exit
 *
 * Return: the session; NULL with errno EEXIST if the name is taken, EACCES.
 */
LUO_API struct luo_session *luo_client__create(struct luo_client *client, const char *id,
					       bool keep);

/** luo_client__keep() - have luod hold @session too; 0 or a negative errno */
LUO_API int luo_client__keep(struct luo_client *client, struct luo_session *session);

/**
 * luo_client__release() - have luod let go of a session that it keeps
 * @client: any
 * @id:     its name
 * @finish: end an incoming one: what was not retrieved is lost
 *
 * Return: 0, or -ENOENT if there is none, -EBUSY while another has it.
 */
LUO_API int luo_client__release(struct luo_client *client, const char *id, bool finish);

/**
 * luo_client__claim() - get a session of the kernel before
 * @client: any
 * @id:     its name
 *
 * Return: the session; NULL with errno ENOENT if there is none, EBUSY while another has it.
 */
LUO_API struct luo_session *luo_client__claim(struct luo_client *client, const char *id);

/**
 * struct luo_session_info - a session, as luo_client__list() shows it
 * @id:         its name
 * @state:      "outgoing" or "incoming"; NULL if a client has subscribed and has none yet
 * @files:      how many are in it; -1 where the kernel does not say, as for @bytes
 * @bytes:      what is preserved for them
 * @kept:       luod holds it for a client
 * @subscribed: a client takes part in updates under that name
 * @ready:      it has said that all is in the session
 *
 * More may follow in later versions.
 */
struct luo_session_info {
	const char *id;
	const char *state;
	__s64 files;
	__s64 bytes;
	bool kept;
	bool subscribed;
	bool ready;
};

/**
 * luo_client__list() - look at each session that this client has a right to
 * @client: any
 * @fn:     called for each in the order of their names, with what lives only for the call;
 *	    stops at another value than 0
 * @ctx:    handed to it
 *
 * What comes or goes meanwhile is shown or not; all else is, once. @fn must not use @client.
 *
 * Return: 0, what @fn returned, or a negative errno.
 */
LUO_API int luo_client__list(struct luo_client *client,
			     int (*fn)(const struct luo_session_info *info, void *ctx),
			     void *ctx);

/**
 * struct luo_request_opts - options of luo_client__request()
 * @sz:            sizeof(struct luo_request_opts)
 * @fds:           descriptors that go with the request; they stay the caller's
 * @nr_fds:        how many
 * @answer_fds:    where those of the answer go, the caller's then; -1 in the rest
 * @nr_answer_fds: for how many there is space
 * @timeout:       in ms, instead of the client's; 0 for that one
 * @event:         gets each event that comes before the answer, of which it owns the session;
 *		   another value than 0 ends the wait, and is returned. Without it, events
 *		   are kept for luo_client__wait()
 * @ctx:           handed to it
 */
struct luo_request_opts {
	size_t sz;
	const int *fds;
	size_t nr_fds;
	int *answer_fds;
	size_t nr_answer_fds;
	int timeout;
	int (*event)(const struct luo_event *event, void *ctx);
	void *ctx;
};

#define luo_request_opts__last_field ctx

/**
 * luo_client__request() - any command of Documentation/userspace-api/luod.rst
 * @client:  any
 * @request: a JSON object with a "cmd"; a "seq" is put in
 * @answer:  gets luod's, to be freed, or NULL if there is none; may be NULL
 * @opts:    options, may be NULL
 *
 * Return: 0, or the errno that luod answered, in which case @answer is set too; -EINVAL or
 * -EILSEQ for what is no such object, -EMSGSIZE for one that is too long, -ETIME without an
 * answer in time.
 */
LUO_API int luo_client__request(struct luo_client *client, const char *request, char **answer,
				const struct luo_request_opts *opts);

#ifdef __cplusplus
}
#endif

#endif /* LIBLUO_BPF_H */
