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

int daemon_ask(const struct args *args, const char *cmd, struct json_object **answer)
{
	struct request request = request_new(cmd);
	struct luo_client *client = NULL;
	int code = CODE_NO_LUOD;

	*answer = NULL;
	if (!args->kernel)
		client = daemon_connect(args, geteuid() == 0, &code);
	if (client) {
		code = daemon_call(client, &request);
		luo_client__close(client);
	}
	json_object_put(request.json);
	*answer = request.answer;
	return code;
}
