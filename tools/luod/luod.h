/* SPDX-License-Identifier: GPL-2.0 */
/* What luod's parts share. There is one luod to a process. */
#ifndef LUOD_H
#define LUOD_H

#include <libluo-bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "message.h"
#include "policy.h"

#define LUOD_VERSION	"luod " LUO_VERSION
#define LUOD_SOCKET	"/run/luod/liveupdate.sock"
#define LUOD_CONF	"/etc/luo/luod.conf"
#define ERROR_MAX	512

/* As sysexits(3) has it */
#define EXIT_CONFIG	78

struct luod {
	sd_event *event;
	char **argv;
	const char *conf_path;
	bool conf_needed;		/* it is not a default */
	struct conf conf;
};

extern struct luod luod;

/* log.c: levels are those of syslog(3) */
enum log_target { LOG_TO_STDERR, LOG_TO_JOURNAL, LOG_TO_KMSG };

void log_open(enum log_target target, int level);
void log_text(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The last @count lines, as an array of strings. */
struct json_object *log_lines(size_t count);
/* What libluo-bpf said to explain an error, since log_said_forget(). */
const char *log_said(void);
void log_said_forget(void);
/* What the library says from now on goes into this pipe; and what came through it is logged. */
void log_to_parent(int fd);
void log_of_child(int fd);

/* reload.c: read luod.conf; -errno. One that was asked for has to be there. */
int conf_find(struct conf *conf, char *message, size_t size);
/* Read luod.conf again; if it is wrong, what it said before holds */
int conf_reload(char message[ERROR_MAX]);
/* Subscriptions to names that it does not allow any more end, unless an update is under way. */
void conf_check_subscriptions(void);

/* store.c: descriptors that outlive luod */
#define STORE_READY	"luod.ready."
#define STORE_HANDLER	"luod.handler."
#define STORE_STATE	"luod.state"
#define STORE_SOCKET	"luod.socket"
#define STORE_NAME_MAX	256

int store_open(bool keeper);
bool store_is_systemd(void);
/* A copy of @fd under @name; one that has the name already goes. */
int store_add(const char *name, int fd);
void store_remove(const char *name);
/* For one more that somebody asks for; what luod needs for itself is left. */
bool store_has_room(void);
/* Gives each descriptor that is stored to @fn, which owns it from then on. */
int store_restore(void (*fn)(const char *name, int fd));
/* luod serves; whoever started it may go on. */
void store_ready(void);

/* Everything that is stored goes to this keeper; -errno */
int store_give_all(int keeper);
/* luod ends, as it was told to: nobody is to start it again. */
void store_end(void);

/* keeper.c: start luod by @argv in a child, and again if it dies; its exit status */
int keeper_run(char **argv, int ready_fd);

/* keeper_link.c: one message of the two is an operation, a name, maybe a descriptor. */
#define KEEPER_ENV	"LUOD_KEEPER_FD"

enum keeper_op {
	KEEPER_ADD = '+',
	KEEPER_REMOVE = '-',
	KEEPER_READY = '!',
	KEEPER_END = '.',
	KEEPER_GOODBYE = 'x',
	KEEPER_REMOVED = '=',		/* the answer to KEEPER_REMOVE */
};

int keeper_send(int socket, enum keeper_op op, const char *name, int fd);
/* The operation, or 0 at the end, or -errno. @name has STORE_NAME_MAX bytes. */
int keeper_receive(int socket, char *name, int *fd);
/* What a luod started by the keeper talks to; -1 without one. */
int keeper_fd(void);
/* Is this to be the keeper of a luod that runs? Then by which descriptors? */
bool keeper_is_wanted(void);
bool keeper_adopts(int *pidfd, int *socket);
/* Become luod, or its keeper, with one or two descriptors named in @env. */
void keeper_exec(char **argv, const char *env, int first, int second)
	__attribute__((noreturn));
/*
 * Talk to the one at @socket, which gives back what it has; and once it has, have another one
 * started if it dies.
 */
void keeper_meet(int socket);
int keeper_watch(void);
/* What is removed is closed when this returns, so that a session is gone. */
int keeper_tell(enum keeper_op op, const char *name, int fd);

/* names.c: descriptors by name */
struct names {
	void *root;
	size_t count;
};

/* In the place of one that has the name */
int names_put(struct names *names, const char *name, int fd);
/* Take it out: the descriptor, or -1 */
int names_take(struct names *names, const char *name);
void names_for_each(const struct names *names, void (*fn)(const char *name, int fd, void *ctx),
		    void *ctx);

/* server.c */
struct client;

int server_start(int listen_fd);
void server_stop(void);
/* The first client that @match says yes to. */
struct client *server_find(bool (*match)(struct client *client, const void *arg), const void *arg);
void server_for_each(void (*fn)(struct client *client));
/* A client is to be freed, as soon as nobody works on it. */
void server_reap_soon(void);
void server_client_gone(struct client *client);

/* client.c: one connection */
struct client {
	struct client *next;
	int fd;
	struct peer peer;
	sd_event_source *io;
	sd_event_source *timer;		/* while a message is begun and not ended */
	sd_event_source *wait;		/* while nothing is read, see closes_too_many() */
	unsigned int waits;		/* in a row */
	char *in;
	size_t in_len;
	int fds[MESSAGE_FDS];		/* that came with the message so far */
	int fd_count;
	bool fds_lost;			/* there were more */
	struct out *out;		/* what is not sent yet */
	size_t out_bytes;
	size_t out_fds;
	bool closing;			/* once that is sent */
	bool dead;
	char *subscription;		/* the id */
};

struct client *client_new(int fd);
void client_free(struct client *client);
/* Sends and puts @message, with a copy of @fd unless that is negative. */
void client_send(struct client *client, struct json_object *message, int fd);
/* Ends the connection once everything is sent. */
void client_end(struct client *client);
/* One line that says no, to a connection that is not served. */
void client_refuse(int fd, int err, const char *text);

/* closer.c: close @fd, that a client of @uid sent, without waiting for it */
void close_elsewhere(int fd, uid_t uid);
/* So many of this user are not closed yet that he is to send no more until they are. */
bool closes_too_many(uid_t uid);

/* commands.c */
struct call {
	struct client *client;
	struct request request;
	int fds[MESSAGE_FDS];		/* closed after the call, unless set to -1 */
	int fd_count;
	struct json_object *answer;
	int answer_fd;			/* sent along and closed, or -1 */
	bool later;			/* the answer is up to who took the call */
	char message[ERROR_MAX];	/* why it failed */
};

void command_run(struct client *client, const char *line, size_t len, int *fds, int fd_count,
		 bool fds_lost);
/* Remembers what went wrong and what to do; returns @err. */
int call_fail(struct call *call, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* device.c: the kernel's side of sessions. What returns an int returns -errno. */
int device_create(const char *name);
int device_retrieve(const char *name);
int device_finish(int session);
void device_close(void);
/* Is @fd a session, and of which name? */
int device_name(int fd, char name[NAME_MAX_BYTES + 1]);
bool device_is_incoming(int fd);

struct kernel_session {
	char name[NAME_MAX_BYTES + 1];
	char state[16];
	bool open;
	int64_t files;
	int64_t bytes;
};

/* Each session that the kernel has; -EOPNOTSUPP if it can't be asked, or not all were listed. */
int device_list(void (*fn)(const struct kernel_session *session, void *ctx), void *ctx);
/* The iterator comes from elsewhere from now on. */
void device_list_reset(void);
/* One that is open here. */
int device_describe(int fd, struct kernel_session *session);

/* sessions.c: the sessions that luod holds */
enum session_kind {
	SESSION_KEPT,			/* for a client */
	SESSION_READY,			/* of a subscriber that is ready */
};

struct session {
	struct session *next, *prev;
	enum session_kind kind;
	int fd;
	char name[NAME_MAX_BYTES + 1];
};

struct session *session_find(enum session_kind kind, const char *name);
/* Holds @fd, which is the session's from now on if this succeeds. */
int session_hold(enum session_kind kind, const char *name, int fd);
void session_drop(struct session *session);
void session_drop_all(enum session_kind kind);
void session_for_each(enum session_kind kind, void (*fn)(struct session *session));
void session_restore(const char *name, int fd);
/* Each, as far as its descriptor tells */
void session_describe_all(void (*fn)(const struct kernel_session *session, void *ctx), void *ctx);

/* list.c: pages of an answer that may be long */
struct page {
	struct json_object *array;
	struct json_object *next;	/* what the next one comes after, or NULL */
	const char *last;
	size_t limit, count, bytes;
};

/* @limit elements at most; 0 for as many as fit */
bool page_begin(struct page *page, size_t limit);
/* Takes @element; false if it does not fit any more. @name lives as long as the page. */
bool page_add(struct page *page, const char *name, struct json_object *element);

/* Elements of LIST, for whom @peer says; *next is set if there are more. To be put. */
struct json_object *session_list(const struct peer *peer, const char *after, size_t limit,
				 struct json_object **next);
/* Names of incoming sessions; NULL if the kernel can't be asked. */
struct json_object *session_incoming(void);

/* update.c */
int update_begin(struct call *call);
/* -EINVAL if there is none */
int update_cancel(int err, const char *reason);
/* -ENOENT if no update concerns this client */
int update_ready(struct client *client, char message[ERROR_MAX]);
int update_failed(struct client *client, const char *reason);
bool update_is_running(void);
/* Is the kexec all that is left, and the device somebody else's? */
bool update_is_leaving(void);
/* May it subscribe now? */
bool update_expects(const char *id);
/* CREATE */
void update_created(const char *name);
void update_subscribed(struct client *client);
void update_unsubscribed(struct client *client);
void update_client_gone(struct client *client);
const char *update_step(void);
struct json_object *update_status(void);

/* kexec.c */
int kexec_load(int kernel, int initrd, const char *cmdline, bool reuse, char message[ERROR_MAX]);
bool kexec_is_loaded(void);
/* Returns only if it is refused, with why; or 0 once systemd goes for it. */
int kexec_go(char message[ERROR_MAX]);
/* Has systemd still to go for it, or is not known not to? */
bool kexec_is_coming(void);

/* handlers.c */
struct handler {
	struct handler *next;
	char name[NAME_MAX_BYTES + 1];
	char *file;			/* where it came from */
	char *compatible;		/* NULL if it could not even be read */
	char *error;			/* why it is not attached, or NULL */
	uint32_t version;		/* of the state that it writes */
	uint64_t digest;
	int object;			/* a memfd with it; empty: not to be loaded from the disk */
	bool on_disk;
	bool attached;
};

extern struct handler *handlers;

/* What the luod before it had in this kernel, by its name in the store */
void handlers_restore(const char *name, int object);
/* What the luod of the kernel before had; taken if there is nothing newer on the disk */
void handlers_propose(const char *name, int object);
/* Attach the newest of what there is. */
void handlers_start(void);
int handlers_load(const char *name, int object, char message[ERROR_MAX]);
int handlers_upgrade(const char *name, int object, char message[ERROR_MAX]);
int handlers_unload(const char *name, char message[ERROR_MAX]);
struct json_object *handlers_list(const char *after, size_t limit, struct json_object **next);

/* object.c: a handler's object file, in memory */
/* To read it waits for the program that serves its file system (FUSE), as long as that likes. */
bool is_served_by_program(int fd);
#define IS_SERVED "it is on a file system that a program serves (FUSE): copy it to another one"
/* A memfd with what @fd has, or -errno */
int object_copy(int fd);
int object_empty(void);
off_t object_size(int object);

enum object_verb { OBJECT_READ, OBJECT_ATTACH, OBJECT_UPGRADE };

struct object_facts {
	uint32_t version;
	uint64_t digest;
	char compatible[64];
};

/*
 * Read it, and attach it or put it in the place of what is attached, pinned; in a child, for it
 * may be so damaged that libbpf does not survive it. 0, or -errno with why in *error, to be freed.
 */
int object_do(int object, enum object_verb verb, struct object_facts *facts, char **error);

/* state.c: what luod tells the luod of the next kernel, in the session luod.state */
/* @voided: names of sessions that must not be taken for whole there */
int state_save(struct json_object *voided, char message[ERROR_MAX]);
void state_drop(void);
/* In the next kernel: read it, and end the session once all is done that it says. */
void state_restore(void);
void state_done(void);

#endif
