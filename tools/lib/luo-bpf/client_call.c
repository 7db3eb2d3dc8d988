// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/* A request to luod, and its answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

/* Numbered, as a line that luod will take: it ends the connection over anything else. */
static char *request_line(struct luo_client *client, struct json_object *request, int *err)
{
	struct json_object *seq = json_object_new_int64(++client->seq), *again;
	const char *text = NULL;
	char *line = NULL;
	size_t len = 0;

	*err = -ENOMEM;
	if (!seq || json_object_object_add(request, "seq", seq))
		return NULL;
	text = json_object_to_json_string_length(request, JSON_C_TO_STRING_PLAIN, &len);
	if (!text)
		return NULL;
	again = luo_json_parse(text, len);
	json_object_put(again);
	if (!again || len >= LUO_REQUEST_MAX) {
		*err = again ? -EMSGSIZE : -EILSEQ;
		return NULL;
	}
	line = malloc(len + 2);
	if (line) {
		memcpy(line, text, len);
		strcpy(line + len, "\n");
		*err = 0;
	}
	return line;
}

static int send_request(struct luo_client *client, struct json_object *request,
			const struct luo_call *call, long long deadline)
{
	char *line;
	int err;

	if (client->error)
		return client->error;
	line = request_line(client, request, &err);
	if (!line)
		return err;
	err = luo_client_send(client, line, strlen(line), call->fds, call->nr_fds, deadline);
	free(line);
	return err;
}

/* Takes @message. */
static int take_event(struct luo_client *client, struct luo_message *message,
		      const struct luo_call *call)
{
	struct luo_queued *queued;
	int err;

	queued = luo_event_new(client, message, &err);
	luo_message_free(message);
	if (!queued)
		return err;
	if (!call->event)
		return luo_event_queue(client, queued);
	queued->event.sz = sizeof(queued->event);
	err = call->event(&queued->event, call->ctx);
	queued->event.session = NULL;
	luo_event_free(queued);
	return err;
}

enum kind { IS_EVENT, IS_ANSWER, IS_LATE, IS_LAST_WORD, IS_NONSENSE };

static enum kind kind_of(const struct luo_client *client, struct json_object *json)
{
	struct json_object *seq;

	if (json_object_object_get_ex(json, "event", NULL))
		return IS_EVENT;
	if (!json_object_object_get_ex(json, "cmd", NULL))
		return json_object_object_get_ex(json, "error", NULL) ? IS_LAST_WORD :
		       IS_NONSENSE;
	if (!json_object_object_get_ex(json, "seq", &seq) ||
	    !json_object_is_type(seq, json_type_int) ||
	    json_object_get_int64(seq) > client->seq)
		return IS_NONSENSE;
	return json_object_get_int64(seq) == client->seq ? IS_ANSWER : IS_LATE;
}

static int receive_answer(struct luo_client *client, struct luo_call *call, long long deadline)
{
	struct luo_message *answer = &call->answer;
	int err;

	for (;;) {
		err = luo_client_receive(client, answer, deadline);
		if (err)
			return err;
		switch (kind_of(client, answer->json)) {
		case IS_EVENT:
			err = take_event(client, answer, call);
			if (err)
				return err;
			break;
		case IS_ANSWER:
		case IS_LAST_WORD:
			return 0;
		case IS_LATE:
			luo_message_free(answer);
			break;
		case IS_NONSENSE:
			luo_message_free(answer);
			return luo_client_break(client, -EPROTO, "an answer to no request");
		}
	}
}

/* The errno of an answer, or that of one that makes no sense. */
static int judge_answer(struct luo_client *client, const char *cmd, struct luo_call *call)
{
	const char *answered, *status, *error, *message;
	struct json_object *json = call->answer.json;
	int err = 0;

	if (!luo_json_string(json, "cmd", &answered) ||
	    !luo_json_string(json, "status", &status) ||
	    !luo_json_string(json, "error", &error) ||
	    !luo_json_string(json, "message", &message) ||
	    !status || (answered && strcmp(answered, cmd)))
		return luo_client_break(client, -EPROTO, "an answer that makes no sense");
	if (!strcmp(status, "error") && error) {
		err = luo_errno_of(error);
		warn("luod: %s: %s\n", cmd, message ?: strerror(-err));
		if (!answered)
			luo_client_break(client, -ECONNRESET, "it ends the connection");
		return call->answer.nr_fds ? luo_client_break(client, -EPROTO,
			"an answer with the wrong descriptors") : err;
	}
	if (strcmp(status, "ok") || !answered)
		return luo_client_break(client, -EPROTO, "an answer that makes no sense");
	if (call->answer.nr_fds < call->min_fds || call->answer.nr_fds > call->max_fds)
		return luo_client_break(client, -EPROTO, "an answer with the wrong descriptors");
	return 0;
}

int luo_client_call(struct luo_client *client, struct json_object *request,
		    struct luo_call *call)
{
	long long deadline = luo_deadline(call->timeout ?: client->timeout);
	const char *cmd;
	int err;

	if (!request)
		return -ENOMEM;
	if (!luo_json_string(request, "cmd", &cmd) || !cmd || call->nr_fds > LUO_FDS_MAX) {
		json_object_put(request);
		return -EINVAL;
	}
	err = send_request(client, request, call, deadline);
	if (!err)
		err = receive_answer(client, call, deadline);
	if (!err)
		err = judge_answer(client, cmd, call);
	if (err == -ETIME)
		warn("luod: %s: no answer in time\n", cmd);
	if (err) {
		/* The words of an error are the caller's, descriptors nobody's. */
		struct json_object *json = json_object_get(call->answer.json);

		luo_message_free(&call->answer);
		call->answer.json = json;
	}
	json_object_put(request);
	return err;
}

/* Descriptors of the answer become the caller's. */
static void hand_over(struct luo_call *call, const struct luo_request_opts *opts)
{
	size_t space = opts_get(opts, nr_answer_fds, 0);

	for (size_t i = 0; i < space; i++)
		opts->answer_fds[i] = i < call->answer.nr_fds ? call->answer.fds[i] : -1;
	call->answer.nr_fds = 0;
}

int luo_client__request(struct luo_client *client, const char *request, char **answer,
			const struct luo_request_opts *opts)
{
	struct luo_call call = {};
	struct json_object *json;
	int err;

	if (answer)
		*answer = NULL;
	if (!opts_valid(opts, luo_request_opts))
		return -EINVAL;
	call.fds = opts_get(opts, fds, NULL);
	call.nr_fds = opts_get(opts, nr_fds, 0);
	call.max_fds = opts_get(opts, nr_answer_fds, 0);
	call.timeout = opts_get(opts, timeout, 0);
	call.event = opts_get(opts, event, NULL);
	call.ctx = opts_get(opts, ctx, NULL);
	json = luo_json_parse(request, strlen(request));
	if (!json)
		return -EINVAL;

	err = luo_client_call(client, json, &call);
	hand_over(&call, opts);
	if (answer && call.answer.json) {
		*answer = strdup(json_object_to_json_string_ext(call.answer.json,
								JSON_C_TO_STRING_PLAIN));
		if (!*answer && !err)
			err = -ENOMEM;
	}
	luo_message_free(&call.answer);
	return err;
}
