// SPDX-License-Identifier: GPL-2.0
/* Requests to luod. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "luoctl.h"

int code_of(int err)
{
	switch (err) {
	case 0:
		return CODE_OK;
	case -EACCES:
	case -EPERM:
		return CODE_NO_RIGHT;
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -EPROTO:
	case -ETIME:
	case -EMFILE:
		return CODE_NO_LUOD;
	case -ETIMEDOUT:
	case -ECANCELED:
		return CODE_ABORTED;
	default:
		return CODE_FAILED;
	}
}

struct request request_new(const char *cmd)
{
	struct request request = { .json = new_object() };

	put_string(request.json, "cmd", cmd);
	return request;
}

void request_free(struct request *request)
{
	json_object_put(request->answer);
	request->answer = NULL;
}

struct luo_client *daemon_connect(const struct args *args, bool quiet, int *code)
{
	LIBBPF_OPTS(luo_client_opts, opts, .path = args->socket);
	luo_print_fn print = quiet ? luo_set_print(NULL) : NULL;
	struct luo_client *client = luo_client__connect(&opts);
	int err = client ? 0 : -errno;

	if (quiet)
		luo_set_print(print);
	/* Whatever is wrong with the socket, luod can't be reached through it. */
	*code = !err ? CODE_OK : code_of(err) == CODE_NO_RIGHT ? CODE_NO_RIGHT : CODE_NO_LUOD;
	return client;
}

int daemon_call(struct luo_client *client, struct request *request)
{
	struct luo_request_opts opts = {
		.sz = sizeof(opts),
		.fds = request->fds,
		.nr_fds = request->nr_fds,
		.timeout = request->timeout,
		.event = request->event,
		.ctx = request->ctx,
	};
	char *answer = NULL;

	request->error = luo_client__request(client, json_object_to_json_string(request->json),
					     &answer, &opts);
	if (answer)
		request->answer = json_tokener_parse(answer);
	if (request->error == -EMSGSIZE || request->error == -EILSEQ)
		complain("what was given is too long, or is not UTF-8");
	free(answer);
	for (size_t i = 0; i < request->nr_fds; i++)
		close(request->fds[i]);
	request->nr_fds = 0;
	json_object_put(request->json);
	request->json = NULL;
	return code_of(request->error);
}

int daemon_request(const struct args *args, struct request *request)
{
	struct luo_client *client;
	int code;

	client = daemon_connect(args, false, &code);
	if (client)
		code = daemon_call(client, request);
	luo_client__close(client);
	for (size_t i = 0; i < request->nr_fds; i++)
		close(request->fds[i]);
	json_object_put(request->json);
	request->json = NULL;
	if (args->json && request->answer)
		print_json(request->answer);
	return code;
}

/* Elements of @page to those of @all; it is luod's, and may be anything. */
static void add_page(struct json_object *all, struct json_object *page, const char *key)
{
	struct json_object *to, *from;

	if (!json_object_object_get_ex(all, key, &to) ||
	    !json_object_object_get_ex(page, key, &from) ||
	    !json_object_is_type(to, json_type_array) ||
	    !json_object_is_type(from, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(from); i++)
		append(to, json_object_get(json_object_array_get_idx(from, i)));
}

/* The next page into @all; @after is what the last one says. */
static int ask_page(struct luo_client *client, const char *cmd, const char *after,
		    const char *key, struct json_object **all)
{
	struct request request = request_new(cmd);
	int code;

	if (after)
		put_string(request.json, "after", after);
	code = daemon_call(client, &request);
	if (!code && *all) {
		const char *next = get_string(request.answer, "next");

		if (next && strcmp(next, after) <= 0) {
			complain("luod's answer has no end: is it of this version?");
			code = CODE_NO_LUOD;
		}
		add_page(*all, request.answer, key);
		put_string(*all, "next", next);
		json_object_put(request.answer);
	} else {
		json_object_put(*all);
		*all = request.answer;
	}
	return code;
}

int daemon_ask(const struct args *args, const char *cmd, const char *key,
	       struct json_object **answer)
{
	struct luo_client *client = NULL;
	int code = CODE_NO_LUOD;
	char *after = NULL;

	*answer = NULL;
	if (!args->kernel)
		client = daemon_connect(args, geteuid() == 0, &code);
	while (client) {
		const char *next;

		code = ask_page(client, cmd, after, key, answer);
		free(after);
		next = key && !code ? get_string(*answer, "next") : NULL;
		after = next ? need(strdup(next)) : NULL;
		if (!next)
			break;
	}
	luo_client__close(client);
	/* All of it is here. */
	if (*answer && key)
		json_object_object_del(*answer, "next");
	return code;
}
