// SPDX-License-Identifier: GPL-2.0
/* luoctl sessions, files, status, log: what there is; and reload. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "luoctl.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static const struct column of_luod[] = {
	{ "SESSION", "id", false }, { "STATE", "state", false }, { "FILES", "files", true },
	{ "BYTES", "bytes", true }, { "KEPT", "kept", false },
	{ "SUBSCRIBED", "subscribed", false }, { "READY", "ready", false },
};

static const struct column of_kernel[] = {
	{ "SESSION", "id", false }, { "STATE", "state", false }, { "FILES", "files", true },
	{ "BYTES", "bytes", true }, { "OPEN", "open", false },
};

static const struct column of_file[] = {
	{ "SESSION", "session", false }, { "TOKEN", "token", false },
	{ "HANDLER", "handler", false }, { "STATE", "state", false }, { "BYTES", "bytes", true },
	{ "ERROR", "error", false },
};

/* Takes @rows: as a table, or as an object that has them under @key. */
static void show(const struct args *args, const char *key, struct json_object *rows,
		 const struct column *columns, size_t nr)
{
	struct json_object *json;

	if (!args->json) {
		print_table(columns, nr, rows);
		json_object_put(rows);
		return;
	}
	json = new_object();
	put(json, key, rows);
	print_json(json);
	json_object_put(json);
}

/* An array of the answer: luod that sends something else has not answered. */
static struct json_object *array_of(struct json_object *answer, const char *key, int *code)
{
	struct json_object *rows;

	if (json_object_object_get_ex(answer, key, &rows) &&
	    json_object_is_type(rows, json_type_array))
		return json_object_get(rows);
	complain("luod's answer has no %s: is it of this version?", key);
	*code = CODE_NO_LUOD;
	return NULL;
}

int verb_sessions(const struct args *args)
{
	struct json_object *answer, *rows;
	int code = daemon_ask(args, "LIST", "sessions", &answer);

	if (code == CODE_OK) {
		rows = array_of(answer, "sessions", &code);
		if (rows)
			show(args, "sessions", rows, of_luod, NR(of_luod));
	} else if (code == CODE_NO_LUOD && !answer && geteuid() == 0) {
		rows = kernel_sessions(&code);
		if (rows)
			show(args, "sessions", rows, of_kernel, NR(of_kernel));
	}
	json_object_put(answer);
	return code;
}

static bool has_session(const char *name, int *code)
{
	struct json_object *rows = kernel_sessions(code);
	bool found = false;

	for (size_t i = 0; rows && !found && i < json_object_array_length(rows); i++)
		found = !strcmp(get_string(json_object_array_get_idx(rows, i), "id"), name);
	json_object_put(rows);
	return found;
}

int verb_files(const struct args *args)
{
	const char *session = args->nr_words ? args->words[0] : NULL;
	struct json_object *rows;
	int code;

	rows = kernel_files(session, &code);
	if (!rows)
		return code;
	if (session && !json_object_array_length(rows) && !has_session(session, &code)) {
		json_object_put(rows);
		if (!code)
			complain("there is no session '%s': luoctl sessions lists them", session);
		return code ?: CODE_FAILED;
	}
	show(args, "files", rows, of_file, NR(of_file));
	return CODE_OK;
}

static long number_in(const char *path)
{
	FILE *f = fopen(path, "re");
	long value = -1;

	if (f && fscanf(f, "%ld", &value) != 1)
		value = -1;
	if (f)
		fclose(f);
	return value;
}

static void count_sessions(struct json_object *json, struct json_object *rows)
{
	long long incoming = 0, files = 0, bytes = 0;
	size_t nr = json_object_array_length(rows);

	for (size_t i = 0; i < nr; i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		incoming += !strcmp(get_string(row, "state"), "incoming");
		files += json_object_get_int64(json_object_object_get(row, "files"));
		bytes += json_object_get_int64(json_object_object_get(row, "bytes"));
	}
	put_number(json, "outgoing", nr - incoming);
	put_number(json, "incoming", incoming);
	put_number(json, "files", files);
	put_number(json, "bytes", bytes);
}

/* Without luod: what it would answer, as far as the kernel knows. */
static int kernel_status(const struct args *args)
{
	struct json_object *json, *kernel, *sessions, *rows;
	struct utsname uts;
	int code;

	rows = kernel_sessions(&code);
	if (!rows)
		return code;
	uname(&uts);
	json = new_object();
	put_string(json, "luod", args->kernel ? "not asked" : "does not run");
	kernel = new_object();
	put_string(kernel, "release", uts.release);
	put_bool(kernel, "liveupdate", !access("/dev/liveupdate", F_OK));
	put_bool(kernel, "loaded", number_in("/sys/kernel/kexec_loaded") == 1);
	put(json, "kernel", kernel);
	sessions = new_object();
	count_sessions(sessions, rows);
	put(json, "sessions", sessions);
	json_object_put(rows);

	rows = kernel_handlers(&code);
	if (rows)
		put_number(json, "handlers", json_object_array_length(rows));
	json_object_put(rows);
	if (args->json)
		print_json(json);
	else
		print_fields(json);
	json_object_put(json);
	return code;
}

int verb_status(const struct args *args)
{
	struct json_object *answer;
	int code = daemon_ask(args, "STATUS", NULL, &answer);

	if (code == CODE_NO_LUOD && geteuid() == 0)
		code = kernel_status(args);
	else if (answer && args->json)
		print_json(answer);
	else if (code == CODE_OK)
		print_fields(answer);
	json_object_put(answer);
	return code;
}

int verb_log(const struct args *args)
{
	struct request request = request_new("LOG");
	struct json_object *lines = NULL;
	int code;

	if (args->lines >= 0)
		put_number(request.json, "lines", args->lines);
	code = daemon_request(args, &request);
	if (code == CODE_OK && !args->json)
		lines = array_of(request.answer, "lines", &code);
	for (size_t i = 0; lines && i < json_object_array_length(lines); i++) {
		print_text(json_object_get_string(json_object_array_get_idx(lines, i)) ?: "");
		putchar('\n');
	}
	json_object_put(lines);
	request_free(&request);
	return code;
}

int verb_reload(const struct args *args)
{
	struct request request = request_new("RELOAD");
	int code = daemon_request(args, &request);

	request_free(&request);
	return code;
}
