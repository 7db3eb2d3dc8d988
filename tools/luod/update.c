// SPDX-License-Identifier: GPL-2.0
/*
 * The update: one at a time, through its steps, and back from each of them. Who takes
 * part is in participants.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "luod.h"
#include "participants.h"

#define NAMES_SHOWN	3
/* How often systemd is asked whether kexec.target is still to come */
#define LOOK_US		(2 * 1000 * 1000)

static struct {
	enum { IDLE, CHECK, PRESERVE, HANDLERS, KEXEC } step;
	struct client *requester;	/* NULL once it is gone */
	struct json_object *request;
	bool go;
	bool force;
	int timeout;
	sd_event_source *deadline;
	sd_event_source *advance;	/* everybody is ready */
} update;

static const char *const step_names[] = { "idle", "check", "preserve", "handlers", "kexec" };

bool update_is_running(void)
{
	return update.step != IDLE;
}

bool update_is_preserving(void)
{
	return update.step == PRESERVE;
}

bool update_is_leaving(void)
{
	return update.step == KEXEC;
}

const char *update_step(void)
{
	return step_names[update.step];
}

/* What the requester gets */

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
	struct json_object *event;
	char text[ERROR_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_text(LOG_INFO, "update: %s: %s", update_step(), text);
	if (!update.requester)
		return;
	event = event_new("PROGRESS");
	message_add_string(event, "step", update_step());
	message_add_string(event, "message", text);
	json_object_object_add(event, "waiting", participants_waiting());
	client_send(update.requester, event, -1);
}

static void answer_requester(int err, const char *message)
{
	struct request request = { .object = update.request };

	if (update.requester)
		client_send(update.requester, answer_new(&request, -err, message), -1);
}

static void update_end(void)
{
	sd_event_source_disable_unref(update.deadline);
	sd_event_source_disable_unref(update.advance);
	json_object_put(update.request);
	memset(&update, 0, sizeof(update));
	conf_check_subscriptions();
}

/*
 * Nothing is left of it, and everybody knows: who asked for it all, and participants @told,
 * for @message may have names that are not theirs.
 */
static void update_fail(int err, const char *message, const char *told)
{
	log_text(LOG_WARNING, "update: %s: failed: %s (%s)", update_step(), message,
		 errno_name(-err));
	state_drop();
	participants_cancel(err, told);
	answer_requester(err, message);
	update_end();
}

/* The steps */

static void look_later(void)
{
	sd_event_source_set_time_relative(update.deadline, LOOK_US);
	sd_event_source_set_enabled(update.deadline, SD_EVENT_ONESHOT);
}

/* Services may take long to stop. But if systemd has no such job any more, all goes on here. */
static void look_for_kexec(void)
{
	if (kexec_is_coming())
		look_later();
	else
		update_fail(-ECANCELED, "systemd has given up kexec.target: see its log",
			    "systemd has given up the kexec");
}

static void kexec(void)
{
	char message[ERROR_MAX];
	int err;

	update.step = KEXEC;
	tell(store_is_systemd() ? "systemd is asked for kexec.target" : "into the next kernel");
	participants_kexec();
	err = kexec_go(message);
	if (err)
		update_fail(err, message, "the kexec is refused");
	else
		look_later();
}

static int on_everybody_ready(sd_event_source *source, void *ctx)
{
	char message[ERROR_MAX] = "";
	struct json_object *voided;
	int err;

	(void)source;
	(void)ctx;
	if (!participants_are_ready())
		return 0;
	sd_event_source_set_enabled(update.deadline, SD_EVENT_OFF);
	update.step = HANDLERS;
	tell("everybody is ready");
	voided = participants_voided();
	err = state_save(voided, message);
	json_object_put(voided);
	if (err && !update.force) {
		update_fail(err, message, "luod can't tell the next kernel's luod");
		return 0;
	}
	if (err)
		tell("the next kernel's luod will not know of handlers: %s", message);
	kexec();
	return 0;
}

void update_advance(void)
{
	if (update.step == PRESERVE && participants_are_ready())
		sd_event_source_set_enabled(update.advance, SD_EVENT_ONESHOT);
}

void update_participant_ready(const char *name)
{
	tell("'%s' is ready", name);
	update_advance();
}

/* One that can't: does it go without? True if it does. */
bool update_participant_failed(int err, const char *name, const char *why)
{
	char text[ERROR_MAX];

	snprintf(text, sizeof(text), "'%s': %s", name, why);
	if (!update.go) {
		update_fail(err, text, "another client can't take part");
		return false;
	}
	tell("%s: it goes without", text);
	return true;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source;
	(void)usec;
	(void)ctx;
	if (update.step == KEXEC) {
		look_for_kexec();
		return 0;
	}
	participants_too_late();
	update_advance();
	return 0;
}

static int start_timers(void)
{
	int err;

	err = sd_event_add_time_relative(luod.event, &update.deadline, CLOCK_MONOTONIC,
					 update.timeout * UINT64_C(1000), 1000, on_deadline, NULL);
	if (err >= 0)
		err = sd_event_add_defer(luod.event, &update.advance, on_everybody_ready, NULL);
	if (err >= 0)
		err = sd_event_source_set_enabled(update.advance, SD_EVENT_OFF);
	return err < 0 ? err : 0;
}

/* Checks */

/* "a, b, c and 4 more" */
static void join_names(struct json_object *names, char *text, size_t size)
{
	size_t count = json_object_array_length(names), n = 0;

	for (size_t i = 0; i < count && i < NAMES_SHOWN && n < size; i++)
		n += snprintf(text + n, size - n, "%s%s", i ? ", " : "",
			      json_object_get_string(json_object_array_get_idx(names, i)));
	if (count > NAMES_SHOWN && n < size)
		snprintf(text + n, size - n, " and %zu more", count - NAMES_SHOWN);
}

static int check_incoming(struct call *call, struct json_object *incoming)
{
	char names[300];

	if (request_bool(&call->request, "force"))
		return 0;
	if (!incoming)
		return call_fail(call, -EOPNOTSUPP, "the kernel's sessions can't be listed, the log says why: some of the last update may be unfinished");
	if (!json_object_array_length(incoming))
		return 0;
	join_names(incoming, names, sizeof(names));
	return call_fail(call, -EBUSY, "of the last update, not finished yet: %s", names);
}

static int check(struct call *call, struct json_object *incoming)
{
	if (update_is_running())
		return call_fail(call, -EALREADY, "an update is under way, at step %s",
				 update_step());
	if (!kexec_is_loaded())
		return call_fail(call, -ENOEXEC, "no kernel is loaded: load one (luoctl load)");
	return check_incoming(call, incoming);
}

static void add_lost(struct json_object *lost, const char *id, const char *why)
{
	struct json_object *object = json_object_new_object();

	message_add_string(object, "id", id);
	message_add_string(object, "why", why);
	json_object_array_add(lost, object);
}

static void add_if_lost(const struct kernel_session *session, void *ctx)
{
	if (!strcmp(session->state, "incoming"))
		add_lost(ctx, session->name, "it came with the last update, and is not finished");
	else if (store_is_systemd() && !strcmp(session->state, "outgoing") &&
		 !session_find(SESSION_KEPT, session->name) &&
		 !session_find(SESSION_READY, session->name))
		add_lost(ctx, session->name, "luod does not keep it: it ends when systemd stops who has it");
}

/* What would be lost and why, and whether it would begin at all. */
static int dry_run(struct call *call, int err)
{
	struct json_object *lost = json_object_new_array();

	if (device_list(add_if_lost, lost)) {
		json_object_put(lost);
		lost = NULL;
	}
	json_object_object_add(call->answer, "lost", lost);
	json_object_object_add(call->answer, "subscribers", participants_would());
	message_add_string(call->answer, "refused", err ? errno_name(-err) : NULL);
	message_add_string(call->answer, "why", err ? call->message : NULL);
	return 0;
}

static int begin(struct call *call)
{
	const char *policy = request_string(&call->request, "policy");
	int err;

	update.step = CHECK;
	update.requester = call->client;
	update.request = json_object_get(call->request.object);
	update.go = policy ? !strcmp(policy, "go") : luod.conf.go;
	update.force = request_bool(&call->request, "force");
	update.timeout = request_int(&call->request, "timeout", luod.conf.timeout);
	err = start_timers();
	if (err) {
		update_end();
		return err;
	}
	tell("a kernel is loaded");
	call->later = true;
	update.step = PRESERVE;
	participants_start(update.timeout);
	tell("subscribers preserve");
	update_advance();
	return 0;
}

int update_begin(struct call *call)
{
	struct json_object *incoming = session_incoming();
	int err = check(call, incoming);

	json_object_put(incoming);
	if (request_bool(&call->request, "dry_run"))
		return dry_run(call, err);
	return err ?: begin(call);
}

int update_cancel(int err, const char *reason)
{
	if (update.step != PRESERVE)
		return -EINVAL;
	update_fail(err, reason, reason);
	return 0;
}

void update_client_gone(struct client *client)
{
	static const char why[] = "who asked for the update is gone";
	bool preserving = update.step == PRESERVE;

	if (update.requester == client) {
		update.requester = NULL;
		if (preserving)
			update_fail(-ECANCELED, why, why);
	}
	participants_client_gone(client);
}

struct json_object *update_status(void)
{
	struct json_object *status;

	if (!update_is_running())
		return NULL;
	status = json_object_new_object();
	message_add_string(status, "policy", update.go ? "go" : "abort");
	message_add_int(status, "timeout", update.timeout);
	json_object_object_add(status, "waiting", participants_waiting());
	return status;
}
