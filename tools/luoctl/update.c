// SPDX-License-Identifier: GPL-2.0
/* luoctl load, update, cancel */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "luoctl.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static bool add_file(struct request *request, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		complain("%s: %s", path, strerror(errno));
		return false;
	}
	request->fds[request->nr_fds++] = fd;
	return true;
}

int verb_load(const struct args *args)
{
	struct request request = request_new("LOAD");
	int code = CODE_FAILED;

	if (args->cmdline)
		put_string(request.json, "cmdline", args->cmdline);
	if (args->reuse_cmdline)
		put_bool(request.json, "reuse_cmdline", true);
	if (add_file(&request, args->words[0]) &&
	    (!args->initrd || add_file(&request, args->initrd)))
		code = daemon_request(args, &request);
	for (size_t i = 0; i < request.nr_fds; i++)
		close(request.fds[i]);
	json_object_put(request.json);
	request_free(&request);
	return code;
}

struct progress {
	bool json;
	bool kexec;			/* the last step has begun */
	struct timespec start;
};

/* Who is waited for: their number, or their names. */
static void print_waiting(struct json_object *waiting)
{
	if (json_object_is_type(waiting, json_type_int)) {
		if (json_object_get_int64(waiting))
			printf(" (waiting for %lld)", (long long)json_object_get_int64(waiting));
		return;
	}
	if (!json_object_is_type(waiting, json_type_array) || !json_object_array_length(waiting))
		return;
	fputs(" (waiting for", stdout);
	for (size_t i = 0; i < json_object_array_length(waiting); i++) {
		putchar(i ? ',' : ' ');
		print_text(json_object_get_string(json_object_array_get_idx(waiting, i)) ?: "");
	}
	putchar(')');
}

static void print_step(struct progress *progress, const struct luo_event *event)
{
	struct json_object *json = json_tokener_parse(event->json);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%7.1f s  %-9s", now.tv_sec - progress->start.tv_sec +
	       (now.tv_nsec - progress->start.tv_nsec) / 1e9, event->step ?: "");
	print_text(event->message ?: "");
	print_waiting(json_object_object_get(json, "waiting"));
	putchar('\n');
	json_object_put(json);
}

static int on_event(const struct luo_event *event, void *ctx)
{
	struct progress *progress = ctx;

	/* A session would be for a subscriber, which this is not. */
	luo_session__close(event->session);
	if (event->type == LUO_EVENT_KEXEC ||
	    (event->type == LUO_EVENT_PROGRESS && event->step && !strcmp(event->step, "kexec")))
		progress->kexec = true;
	/* That luod goes away then is no news. */
	if (progress->kexec)
		luo_set_print(NULL);
	if (event->type != LUO_EVENT_PROGRESS)
		return 0;
	if (progress->json)
		puts(event->json);
	else
		print_step(progress, event);
	/* It may be the last that anybody sees. */
	fflush(stdout);
	return 0;
}

static struct request update_request(const struct args *args)
{
	struct request request = request_new("UPDATE");

	if (args->timeout >= 0)
		put_number(request.json, "timeout", args->timeout);
	if (args->policy)
		put_string(request.json, "policy", args->policy);
	if (args->force)
		put_bool(request.json, "force", true);
	if (args->dry_run)
		put_bool(request.json, "dry_run", true);
	return request;
}

/*
 * What luod says of an update that it was only asked about; false if it does not. No @lost: it
 * does not know.
 */
static bool take_losses(struct json_object *answer, struct json_object **lost,
			const char **refused)
{
	*refused = get_string(answer, "refused");
	return json_object_object_get_ex(answer, "lost", lost) &&
	       (!*lost || json_object_is_type(*lost, json_type_array));
}

static void print_losses(struct json_object *answer, struct json_object *lost,
			 const char *refused)
{
	static const struct column columns[] = {
		{ "SESSION", "id", false }, { "LOST BECAUSE", "why", false },
	};
	struct json_object *subscribers = json_object_object_get(answer, "subscribers");

	if (!lost)
		puts("What would be lost is not known: luod can't list the kernel's sessions, "
		     "its log says why.");
	else if (json_object_array_length(lost))
		print_table(columns, NR(columns), lost);
	else
		puts("Nothing would be lost.");
	if (json_object_is_type(subscribers, json_type_array))
		printf("%zu subscribers would be asked.\n", json_object_array_length(subscribers));
	if (refused) {
		fputs("It would not begin: ", stdout);
		print_text(get_string(answer, "why") ?: refused);
		putchar('\n');
	}
}

static int after_dry_run(const struct args *args, struct json_object *answer)
{
	struct json_object *lost;
	const char *refused;

	if (!take_losses(answer, &lost, &refused)) {
		complain("luod's answer does not say what would be lost: is it of this version?");
		return CODE_NO_LUOD;
	}
	if (!args->json)
		print_losses(answer, lost, refused);
	if (refused || !lost)
		return CODE_FAILED;
	return json_object_array_length(lost) ? CODE_LOSS : CODE_OK;
}

static void print_line(struct json_object *json)
{
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
}

static int after_update(const struct args *args, const struct progress *progress,
			struct request *request, int code)
{
	if (request->answer && args->json)
		print_line(request->answer);
	/* The kexec takes luod with it, or has it end: there is no answer any more. */
	if (progress->kexec && !request->answer)
		return CODE_OK;
	if (progress->kexec && code)
		complain("luod: UPDATE: %s", get_string(request->answer, "message") ?:
			 strerror(-request->error));
	return code || !args->dry_run ? code : after_dry_run(args, request->answer);
}

int verb_update(const struct args *args)
{
	struct progress progress = { .json = args->json };
	struct request request = update_request(args);
	struct luo_client *client;
	int code;

	clock_gettime(CLOCK_MONOTONIC, &progress.start);
	request.event = on_event;
	request.ctx = &progress;
	/* luod has the limits; this waits for as long as it has something to do. */
	request.timeout = -1;
	client = daemon_connect(args, false, &code);
	if (client) {
		code = daemon_call(client, &request);
		code = after_update(args, &progress, &request, code);
	}
	luo_client__close(client);
	json_object_put(request.json);
	request_free(&request);
	return code;
}

int verb_cancel(const struct args *args)
{
	struct request request = request_new("CANCEL");
	int code;

	if (args->reason)
		put_string(request.json, "reason", args->reason);
	code = daemon_request(args, &request);
	request_free(&request);
	return code;
}
