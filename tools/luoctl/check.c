// SPDX-License-Identifier: GPL-2.0
/* luoctl handlers check: would this kernel take it? It is loaded, and not attached. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../luod/common.h"
#include "luoctl.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define BEGIN "-- BEGIN PROG LOAD LOG --"
#define END "-- END PROG LOAD LOG --"
#define EXPLAINED "Verification failed: "
#define SHOWN 12
/* What takes longer does not end. */
#define CHECK_S 300

static const struct column of_need[] = {
	{ "NEEDS", "kind", false }, { "NAME", "name", false }, { "HERE", "here", false },
	{ "WEAK", "weak", false },
};

/* What the library and the verifier say, in lines. */
static struct json_object *said;

static int collect(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text = NULL, *rest, *line;

	if (level != LIBBPF_WARN || vasprintf(&text, format, args) < 0)
		return 0;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (*line)
			append(said, json_object_new_string(line));
	}
	free(text);
	return 0;
}

static const char *line_of(size_t i)
{
	return json_object_get_string(json_object_array_get_idx(said, i));
}

static bool begins(const char *line, const char *with)
{
	return line && !strncmp(line, with, strlen(with));
}

/* An instruction, or the source it is of */
static bool is_trace(const char *line)
{
	return !line || *line == ';' || (*line >= '0' && *line <= '9');
}

/*
 * In a verifier's log what it stumbled over stands last, before the count of what it did;
 * newer kernels explain that, with the source, under a heading.
 */
static const char *verifier_reason(void)
{
	const char *reason = NULL;
	bool inside = false;

	for (size_t i = 0; i < json_object_array_length(said); i++) {
		const char *line = line_of(i);

		if (strstr(line, BEGIN) || strstr(line, END))
			inside = strstr(line, BEGIN);
		else if (inside && begins(line, EXPLAINED))
			return is_trace(reason) ? line : reason;
		else if (inside && !begins(line, "processed "))
			reason = line;
	}
	return reason;
}

/* What is not here; of weak ones the verifier has to say whether it matters. */
static const char *missing(struct json_object *needs, bool weak)
{
	for (size_t i = 0; i < json_object_array_length(needs); i++) {
		struct json_object *row = json_object_array_get_idx(needs, i);
		struct json_object *here = json_object_object_get(row, "here");

		if (here && !json_object_get_boolean(here) &&
		    (weak || !json_object_get_boolean(json_object_object_get(row, "weak"))))
			return get_string(row, "name");
	}
	return NULL;
}

/* Who may not load programs gets one of these. */
static bool is_no_right(int err)
{
	return geteuid() && (err == -EPERM || err == -EACCES || err == -EOPNOTSUPP) &&
	       !verifier_reason();
}

static void put_reason(struct json_object *json, int err, struct json_object *needs)
{
	const char *reason = verifier_reason(), *name = missing(needs, true);
	char text[256];

	if (is_no_right(err))
		reason = "root is needed to load it";
	if (!reason && name) {
		snprintf(text, sizeof(text), "this kernel has no %s", name);
		reason = text;
	}
	if (!reason && json_object_array_length(said))
		reason = line_of(0);
	put_string(json, "reason", reason ?: strerror(-err));
}

static int find_attached(const struct luo_handler_info *info, void *ctx)
{
	struct json_object *json = ctx;

	if (!strcmp(info->compatible, get_string(json, "compatible")))
		put_number(json, "attached_version", info->version);
	return 0;
}

static struct json_object *describe(struct luo_handler *handler, const char *path)
{
	const struct luo_handler_info *info = luo_handler__info(handler);
	struct json_object *json = new_object();
	struct utsname uts;

	uname(&uts);
	put_string(json, "file", path);
	put_string(json, "compatible", luo_handler__compatible(handler));
	put_string(json, "fops", info->fops);
	put_number(json, "version", info->version);
	put_number(json, "min_version", info->min_version);
	put_number(json, "max_bytes", info->max_bytes);
	put_string(json, "kernel", uts.release);
	put(json, "attached_version", NULL);
	return json;
}

static void judge(struct json_object *json, struct luo_handler *handler,
		  struct json_object *needs)
{
	int err = luo_handler__load(handler);

	/* It is verified, and would still not be attached. */
	if (!err && missing(needs, false))
		err = -ENOENT;
	put_bool(json, "accepted", !err);
	put_string(json, "error", !err ? NULL : is_no_right(err) ? "EPERM" : strerrorname_np(-err));
	if (err)
		put_reason(json, err, needs);
	else
		put(json, "reason", NULL);
	put(json, "needs", json_object_get(needs));
	put(json, "log", json_object_get(said));
	luo_set_print(NULL);
	luo_handler__list(find_attached, json);
}

static void print_log(void)
{
	size_t nr = json_object_array_length(said), first = nr > SHOWN ? nr - SHOWN : 0;

	if (first)
		printf("  ... %zu lines before these, with --json all\n", first);
	for (size_t i = first; i < nr; i++) {
		fputs("  ", stdout);
		print_text(line_of(i));
		putchar('\n');
	}
}

static void print_check(struct json_object *json)
{
	bool accepted = json_object_get_boolean(json_object_object_get(json, "accepted"));
	static const char *const shown[] = {
		"file", "compatible", "fops", "version", "min_version", "max_bytes",
		"attached_version",
	};
	struct json_object *some = new_object();

	for (size_t i = 0; i < NR(shown); i++)
		put(some, shown[i], json_object_get(json_object_object_get(json, shown[i])));
	print_fields(some);
	json_object_put(some);
	putchar('\n');
	print_table(of_need, NR(of_need), json_object_object_get(json, "needs"));
	printf("\nLinux %s %s", get_string(json, "kernel"), accepted ? "takes it" : "refuses it: ");
	if (!accepted)
		print_text(get_string(json, "reason"));
	putchar('\n');
	if (!accepted)
		print_log();
}

static int check(const struct args *args, struct luo_handler *handler)
{
	struct json_object *json, *needs = object_needs(handler, args->words[0]);
	const char *error;
	int code = CODE_OK;

	if (!needs) {
		complain("%s: %s", args->words[0], strerror(errno));
		return CODE_FAILED;
	}
	json = describe(handler, args->words[0]);
	judge(json, handler, needs);
	error = get_string(json, "error");
	if (error)
		code = strcmp(error, "EPERM") ? CODE_FAILED : CODE_NO_RIGHT;
	if (args->json)
		print_json(json);
	else
		print_check(json);
	json_object_put(needs);
	json_object_put(json);
	return code;
}

static int check_file(void *arg)
{
	const struct args *args = arg;
	struct luo_handler *handler;
	int code = CODE_FAILED;

	said = new_array();
	luo_set_print(collect);
	handler = luo_handler__open(args->words[0], NULL);
	if (handler) {
		code = check(args, handler);
		luo_handler__close(handler);
	} else {
		complain("%s: %s", args->words[0], json_object_array_length(said) ?
			 line_of(0) : strerror(errno));
	}
	json_object_put(said);
	if (fflush(stdout))
		return CODE_FAILED;
	return code;
}

/* In a child, for it may be so damaged that libbpf does not survive it */
int verb_handlers_check(const struct args *args)
{
	int signal, code = child_run(check_file, (void *)args, CHECK_S, &signal);

	if (code >= 0)
		return code;
	complain("%s: %s", args->words[0], signal ? child_death(signal) : strerror(-code));
	return CODE_FAILED;
}
