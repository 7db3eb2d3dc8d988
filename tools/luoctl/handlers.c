// SPDX-License-Identifier: GPL-2.0
/* luoctl handlers list, load, upgrade, unload */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "luoctl.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define SUFFIX ".bpf.o"

static const struct column of_luod[] = {
	{ "NAME", "name", false }, { "HANDLER", "compatible", false },
	{ "VERSION", "version", true }, { "FILE", "file", false }, { "ERROR", "error", false },
};

static const struct column of_kernel[] = {
	{ "HANDLER", "handler", false }, { "STATE", "state", false }, { "FILES", "files", true },
	{ "VERSION", "version", true }, { "READS", "min_version", true },
	{ "MAX-BYTES", "max_bytes", true }, { "LINK", "link", true }, { "FOPS", "fops", false },
};

static int list_of_kernel(const struct args *args)
{
	struct json_object *rows, *json;
	int code;

	rows = kernel_handlers(&code);
	if (!rows)
		return code;
	json = new_object();
	put(json, "handlers", rows);
	if (args->json)
		print_json(json);
	else
		print_table(of_kernel, NR(of_kernel), rows);
	json_object_put(json);
	return CODE_OK;
}

int verb_handlers_list(const struct args *args)
{
	struct json_object *answer, *rows;
	int code = daemon_ask(args, "HANDLERS", "handlers", &answer);

	if (code == CODE_NO_LUOD && !answer && geteuid() == 0)
		code = list_of_kernel(args);
	else if (answer && args->json)
		print_json(answer);
	else if (code == CODE_OK && json_object_object_get_ex(answer, "handlers", &rows))
		print_table(of_luod, NR(of_luod), rows);
	json_object_put(answer);
	return code;
}

/* What luod is to know it by: its file without the directory and .bpf.o. */
static char *name_of(const struct args *args)
{
	const char *path = args->words[0], *slash = strrchr(path, '/');
	char *name = strdup(args->name ?: (slash ? slash + 1 : path));
	size_t len = name ? strlen(name) : 0;

	if (!args->name && len > strlen(SUFFIX) &&
	    !strcmp(name + len - strlen(SUFFIX), SUFFIX))
		name[len - strlen(SUFFIX)] = '\0';
	return name;
}

static int send_object(const struct args *args, const char *cmd)
{
	struct request request = request_new(cmd);
	char *name = name_of(args);
	int code;

	put_string(request.json, "name", name);
	free(name);
	/* luod says it if it is no plain file. */
	request.fds[0] = open(args->words[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (request.fds[0] < 0) {
		complain("%s: %s", args->words[0], strerror(errno));
		json_object_put(request.json);
		return CODE_FAILED;
	}
	request.nr_fds = 1;
	code = daemon_request(args, &request);
	request_free(&request);
	return code;
}

int verb_handlers_load(const struct args *args)
{
	return send_object(args, "HANDLER_LOAD");
}

int verb_handlers_upgrade(const struct args *args)
{
	return send_object(args, "HANDLER_UPGRADE");
}

int verb_handlers_unload(const struct args *args)
{
	struct request request = request_new("HANDLER_UNLOAD");
	int code;

	put_string(request.json, "name", args->words[0]);
	code = daemon_request(args, &request);
	request_free(&request);
	return code;
}
