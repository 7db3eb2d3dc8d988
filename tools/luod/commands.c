// SPDX-License-Identifier: GPL-2.0
/* What each command does; a message is checked before it gets here. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

#define LOG_LINES_DEFAULT	100
/* Leaves room in the queue of a client. */
#define LOG_LINES_MAX		500

#define SYSTEMD_SESSION		"systemd"

int call_fail(struct call *call, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->message, sizeof(call->message), format, args);
	va_end(args);
	return err;
}

static const char *call_id(const struct call *call)
{
	return request_string(&call->request, "id");
}

static int do_hello(struct call *call)
{
	if (request_int(&call->request, "version", 0) != PROTOCOL_VERSION)
		return call_fail(call, -EPROTONOSUPPORT, "luod speaks version %d only",
				 PROTOCOL_VERSION);
	message_add_int(call->answer, "version", PROTOCOL_VERSION);
	message_add_string(call->answer, "server", LUOD_VERSION);
	return 0;
}

/* PID 1's is made last, and all that it has stored is lost if there is one already. */
static int check_new(struct call *call)
{
	if (strcmp(call_id(call), SYSTEMD_SESSION))
		return 0;
	return call_fail(call, -EACCES, "'" SYSTEMD_SESSION "': systemd's own session has that name");
}

static bool has_subscribed(struct client *client, const void *id)
{
	return client->subscription && !strcmp(client->subscription, id);
}

static int do_subscribe(struct call *call)
{
	const char *id = call_id(call);

	if (call->client->subscription)
		return call_fail(call, -EISCONN, "this connection has subscribed as '%s': UNSUBSCRIBE first, or connect once more",
				 call->client->subscription);
	if (server_find(has_subscribed, id))
		return call_fail(call, -EEXIST, "another client has subscribed as '%s'", id);
	if (update_is_running() && !update_expects(id))
		return call_fail(call, -EBUSY, "an update is under way: try again after it");
	if (check_new(call))
		return -EACCES;
	call->client->subscription = strdup(id);
	if (!call->client->subscription)
		return -ENOMEM;
	update_subscribed(call->client);
	return 0;
}

static int do_unsubscribe(struct call *call)
{
	struct client *client = call->client;

	if (!client->subscription)
		return call_fail(call, -ENOTCONN, "this connection has not subscribed");
	update_unsubscribed(client);
	free(client->subscription);
	client->subscription = NULL;
	return 0;
}

static int do_ready(struct call *call)
{
	if (!call->client->subscription)
		return call_fail(call, -ENOTCONN, "SUBSCRIBE first");
	return update_ready(call->client, call->message);
}

static int do_failed(struct call *call)
{
	if (!call->client->subscription)
		return call_fail(call, -ENOTCONN, "SUBSCRIBE first");
	if (update_failed(call->client, request_string(&call->request, "message")))
		return call_fail(call, -EINVAL, "no update waits for this client");
	return 0;
}

static int do_create(struct call *call)
{
	const char *id = call_id(call);
	int err = check_new(call), fd;

	if (err)
		return err;
	fd = device_create(id);
	if (fd == -EEXIST)
		return call_fail(call, fd, "there is a session '%s'", id);
	if (fd < 0)
		return call_fail(call, fd, "session '%s': %s", id, log_said());
	call->answer_fd = fd;
	update_created(id);
	if (request_bool(&call->request, "keep")) {
		int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

		err = copy < 0 ? -errno : session_hold(SESSION_KEPT, id, copy);
		if (err && copy >= 0)
			close(copy);
	}
	if (err)
		return call_fail(call, err, "session '%s' can't be kept: %s", id, strerror(-err));
	log_text(LOG_INFO, "session '%s': created by user %u%s", id, call->client->peer.uid,
		 request_bool(&call->request, "keep") ? ", and kept" : "");
	return 0;
}

static int do_keep(struct call *call)
{
	char name[NAME_MAX_BYTES + 1];
	const char *id = call_id(call);
	struct kernel_session session;
	int err;

	if (device_name(call->fds[0], name) || strcmp(name, id))
		return call_fail(call, -EBADF, "the descriptor is not of a session '%s'", id);
	if (device_describe(call->fds[0], &session) || strcmp(session.state, "outgoing"))
		return call_fail(call, -EINVAL,
				 "'%s' is not an outgoing session: the kernel keeps those that come in",
				 id);
	err = session_hold(SESSION_KEPT, id, call->fds[0]);
	if (err)
		return call_fail(call, err, err == -EEXIST ? "session '%s' is kept already" :
				 err == -ENOSPC ? "session '%s' can't be kept: there are too many" :
				 "session '%s' can't be kept", id);
	call->fds[0] = -1;
	log_text(LOG_INFO, "session '%s': kept for user %u", id, call->client->peer.uid);
	return 0;
}

/* An incoming session ends without its client. */
static int finish_incoming(struct call *call, const char *id)
{
	int fd = device_retrieve(id), err;

	if (fd == -EBUSY)
		return call_fail(call, fd, "a client has session '%s' open", id);
	if (fd < 0)
		return call_fail(call, fd, "there is no incoming session '%s'", id);
	err = device_finish(fd);
	close(fd);
	if (err)
		return call_fail(call, err, "session '%s' can't be finished: %s", id, log_said());
	log_text(LOG_NOTICE, "session '%s': finished for user %u, without its client", id,
		 call->client->peer.uid);
	return 0;
}

static int do_release(struct call *call)
{
	const char *id = call_id(call);
	struct session *session = session_find(SESSION_KEPT, id);

	if (request_bool(&call->request, "finish"))
		return finish_incoming(call, id);
	if (!session && session_find(SESSION_READY, id))
		return call_fail(call, -EBUSY, "session '%s' is of an update: CANCEL that", id);
	if (!session)
		return call_fail(call, -ENOENT, "luod keeps no session '%s'", id);
	session_drop(session);
	log_text(LOG_INFO, "session '%s': not kept any more", id);
	return 0;
}

static int do_claim(struct call *call)
{
	const char *id = call_id(call);

	call->answer_fd = device_retrieve(id);
	if (call->answer_fd == -EBUSY)
		return call_fail(call, -EBUSY, "another client has session '%s' open still", id);
	if (call->answer_fd == -ENOENT)
		return call_fail(call, -ENOENT, "the kernel before has left no session '%s'", id);
	if (call->answer_fd < 0)
		return call_fail(call, call->answer_fd, "session '%s': %s", id,
				 *log_said() ? log_said() : "see the kernel log");
	log_text(LOG_INFO, "session '%s': claimed by process %d, user %u", id,
		 call->client->peer.pid, call->client->peer.uid);
	return 0;
}

static int do_list(struct call *call)
{
	struct json_object *next, *sessions;

	sessions = session_list(&call->client->peer, request_string(&call->request, "after"),
				request_int(&call->request, "limit", 0), &next);
	json_object_object_add(call->answer, "sessions", sessions);
	json_object_object_add(call->answer, "next", next);
	return sessions ? 0 : -ENOMEM;
}

struct counts {
	int outgoing, incoming;
};

static void count_session(const struct kernel_session *session, void *ctx)
{
	struct counts *counts = ctx;

	counts->incoming += !strcmp(session->state, "incoming");
	counts->outgoing += !strcmp(session->state, "outgoing");
}

static struct json_object *status_of_kernel(void)
{
	struct json_object *kernel = json_object_new_object();
	struct utsname name;

	uname(&name);
	message_add_string(kernel, "release", name.release);
	message_add_bool(kernel, "liveupdate", !access("/dev/liveupdate", F_OK));
	message_add_bool(kernel, "loaded", kexec_is_loaded());
	return kernel;
}

static struct json_object *status_of_sessions(void)
{
	struct counts counts = {};
	struct json_object *sessions = json_object_new_object();
	bool known = !device_list(count_session, &counts);

	json_object_object_add(sessions, "outgoing",
			       known ? json_object_new_int(counts.outgoing) : NULL);
	json_object_object_add(sessions, "incoming",
			       known ? json_object_new_int(counts.incoming) : NULL);
	return sessions;
}

static struct json_object *status_of_handlers(void)
{
	struct json_object *object = json_object_new_object();
	int attached = 0, failed = 0;

	for (struct handler *h = handlers; h; h = h->next) {
		attached += h->attached;
		failed += !h->attached && h->error;
	}
	message_add_int(object, "attached", attached);
	message_add_int(object, "failed", failed);
	return object;
}

static int do_status(struct call *call)
{
	message_add_string(call->answer, "state", update_step());
	json_object_object_add(call->answer, "kernel", status_of_kernel());
	json_object_object_add(call->answer, "update", update_status());
	json_object_object_add(call->answer, "sessions", status_of_sessions());
	json_object_object_add(call->answer, "handlers", status_of_handlers());
	return 0;
}

static int do_load(struct call *call)
{
	if (update_is_running())
		return call_fail(call, -EBUSY, "an update is under way: CANCEL it, or wait");
	return kexec_load(call->fds[0], call->fd_count > 1 ? call->fds[1] : -1,
			  request_string(&call->request, "cmdline"),
			  request_bool(&call->request, "reuse_cmdline"), call->message);
}

static int do_cancel(struct call *call)
{
	if (update_cancel(-ECANCELED, request_string(&call->request, "reason") ?: "cancelled"))
		return call_fail(call, -EINVAL, "there is no update that could be cancelled");
	return 0;
}

static int do_handlers(struct call *call)
{
	struct json_object *next, *list;

	list = handlers_list(request_string(&call->request, "after"),
			     request_int(&call->request, "limit", 0), &next);
	json_object_object_add(call->answer, "handlers", list);
	json_object_object_add(call->answer, "next", next);
	return list ? 0 : -ENOMEM;
}

static int do_handler_load(struct call *call)
{
	return handlers_load(request_string(&call->request, "name"), call->fds[0], call->message);
}

static int do_handler_upgrade(struct call *call)
{
	return handlers_upgrade(request_string(&call->request, "name"), call->fds[0],
				call->message);
}

static int do_handler_unload(struct call *call)
{
	return handlers_unload(request_string(&call->request, "name"), call->message);
}

static int do_log(struct call *call)
{
	int64_t lines = request_int(&call->request, "lines", LOG_LINES_DEFAULT);

	json_object_object_add(call->answer, "lines",
			       log_lines(lines < LOG_LINES_MAX ? lines : LOG_LINES_MAX));
	return 0;
}

static int do_reload(struct call *call)
{
	return conf_reload(call->message);
}

static int (*const functions[CMD_COUNT])(struct call *call) = {
	[CMD_HELLO] = do_hello,
	[CMD_SUBSCRIBE] = do_subscribe,
	[CMD_UNSUBSCRIBE] = do_unsubscribe,
	[CMD_READY] = do_ready,
	[CMD_FAILED] = do_failed,
	[CMD_CREATE] = do_create,
	[CMD_KEEP] = do_keep,
	[CMD_RELEASE] = do_release,
	[CMD_CLAIM] = do_claim,
	[CMD_LIST] = do_list,
	[CMD_STATUS] = do_status,
	[CMD_LOAD] = do_load,
	[CMD_UPDATE] = update_begin,
	[CMD_CANCEL] = do_cancel,
	[CMD_HANDLERS] = do_handlers,
	[CMD_HANDLER_LOAD] = do_handler_load,
	[CMD_HANDLER_UPGRADE] = do_handler_upgrade,
	[CMD_HANDLER_UNLOAD] = do_handler_unload,
	[CMD_LOG] = do_log,
	[CMD_RELOAD] = do_reload,
};

static int check_right(struct call *call)
{
	const struct command_type *type = call->request.type;
	const struct peer *peer = &call->client->peer;

	if (type->right == RIGHT_NAME) {
		if (policy_allows_name(&luod.conf.policy, peer, call_id(call)))
			return 0;
		return call_fail(call, -EACCES, name_is_reserved(call_id(call)) ?
				 "'%s': names that begin with luod. are luod's own" :
				 "no right to a session '%s': see names in luod.conf",
				 call_id(call));
	}
	if (!type->right || policy_allows(&luod.conf.policy, peer, type->right))
		return 0;
	return call_fail(call, -EACCES, type->right == RIGHT_ROOT ? "%s is for root" :
			 "no right to %s: see rights in luod.conf", type->name);
}

static void answer(struct call *call, int err)
{
	struct client *client = call->client;
	struct json_object *seq;

	if (err) {
		json_object_put(call->answer);
		call->answer = answer_new(&call->request, -err, call->message);
		client_send(client, call->answer, -1);
	} else if (call->request.type->silent &&
		   !json_object_object_get_ex(call->request.object, "seq", &seq)) {
		json_object_put(call->answer);
	} else {
		client_send(client, call->answer, call->answer_fd);
	}
}

static int run(struct call *call)
{
	int err;

	if (call->request.error) {
		memcpy(call->message, call->request.message, sizeof(call->request.message));
		return -call->request.error;
	}
	err = check_right(call);
	log_said_forget();
	return err ?: functions[call->request.command](call);
}

void command_run(struct client *client, const char *line, size_t len, int *fds, int fd_count,
		 bool fds_lost)
{
	struct call call = { .client = client, .fd_count = fd_count, .answer_fd = -1 };
	int err;

	memcpy(call.fds, fds, fd_count * sizeof(*fds));
	/* One more than any command takes, if it is not known how many there were. */
	request_parse(&call.request, line, len, fds_lost ? MESSAGE_FDS + 1 : fd_count);
	call.answer = answer_new(&call.request, 0, NULL);
	err = run(&call);
	if (call.later && !err)
		json_object_put(call.answer);
	else
		answer(&call, err);

	if (call.answer_fd >= 0)
		close(call.answer_fd);
	for (int i = 0; i < fd_count; i++) {
		if (call.fds[i] >= 0)
			close_elsewhere(call.fds[i], client->peer.uid);
	}
	if (!call.request.object)
		client_end(client);
	request_done(&call.request);
}
