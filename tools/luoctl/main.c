// SPDX-License-Identifier: GPL-2.0
/* The verbs of luoctl, and what each takes. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "luoctl.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

enum opt {
	OPT_JSON = 256, OPT_SOCKET, OPT_HELP, OPT_VERSION, OPT_KERNEL, OPT_INITRD, OPT_CMDLINE,
	OPT_REUSE, OPT_DRY_RUN, OPT_TIMEOUT, OPT_POLICY, OPT_FORCE, OPT_REASON, OPT_NAME, OPT_LINES,
};

#define BIT(opt) (1u << ((opt) - OPT_JSON))
#define EVERYWHERE (BIT(OPT_JSON) | BIT(OPT_SOCKET) | BIT(OPT_HELP) | BIT(OPT_VERSION))

static const struct option_help {
	const char *name;
	const char *value;		/* NULL: it takes none */
	enum opt opt;
	const char *help;
} options[] = {
	{ "json", NULL, OPT_JSON, "print JSON" },
	{ "socket", "PATH", OPT_SOCKET, "where luod listens, instead of " LUO_SOCKET },
	{ "help", NULL, OPT_HELP, "print this; or -h" },
	{ "version", NULL, OPT_VERSION, "print the version; or -V" },
	{ "kernel", NULL, OPT_KERNEL, "ask the kernel, though luod runs" },
	{ "initrd", "FILE", OPT_INITRD, "its initial ramdisk" },
	{ "cmdline", "WORDS", OPT_CMDLINE, "its command line" },
	{ "reuse-cmdline", NULL, OPT_REUSE, "the command line of the kernel that runs" },
	{ "dry-run", NULL, OPT_DRY_RUN, "say what would be lost, and why; change nothing" },
	{ "timeout", "SECONDS", OPT_TIMEOUT, "how long subscribers may take" },
	{ "policy", "abort|go", OPT_POLICY, "what if one is not ready by then" },
	{ "force", NULL, OPT_FORCE, "though an incoming session is unfinished: it is lost" },
	{ "reason", "TEXT", OPT_REASON, "what the subscribers are told" },
	{ "name", "NAME", OPT_NAME, "instead of the file's, without .bpf.o" },
	{ "lines", "N", OPT_LINES, "how many" },
};

static const struct verb {
	const char *name;
	const char *words;		/* that it takes; in brackets, may take */
	unsigned int options;
	int (*run)(const struct args *args);
	const char *help;
} verbs[] = {
	{ "status", "", BIT(OPT_KERNEL), verb_status, "what luod does, and what there is" },
	{ "sessions", "", BIT(OPT_KERNEL), verb_sessions, "the sessions" },
	{ "files", "[SESSION]", 0, verb_files, "the files in a session, or in all" },
	{ "handlers list", "", BIT(OPT_KERNEL), verb_handlers_list, "the handlers" },
	{ "handlers load", "FILE", BIT(OPT_NAME), verb_handlers_load, "attach a handler" },
	{ "handlers upgrade", "FILE", BIT(OPT_NAME), verb_handlers_upgrade,
	  "put a handler in the place of the one that is attached" },
	{ "handlers unload", "NAME", 0, verb_handlers_unload, "detach a handler" },
	{ "handlers check", "FILE", 0, verb_handlers_check,
	  "would this kernel take it? Nothing is attached" },
	{ "load", "KERNEL", BIT(OPT_INITRD) | BIT(OPT_CMDLINE) | BIT(OPT_REUSE), verb_load,
	  "load the next kernel" },
	{ "update", "", BIT(OPT_DRY_RUN) | BIT(OPT_TIMEOUT) | BIT(OPT_POLICY) | BIT(OPT_FORCE),
	  verb_update, "go to the next kernel" },
	{ "cancel", "", BIT(OPT_REASON), verb_cancel, "end the update that is under way" },
	{ "log", "", BIT(OPT_LINES), verb_log, "the last messages of luod" },
	{ "reload", "", 0, verb_reload, "have luod read luod.conf again" },
};

static void print_verb(const struct verb *verb)
{
	printf("luoctl %s%s%s", verb->name, *verb->words ? " " : "", verb->words);
	for (size_t i = 0; i < NR(options); i++) {
		if (verb->options & BIT(options[i].opt))
			printf(" [--%s%s%s]", options[i].name, options[i].value ? " " : "",
			       options[i].value ?: "");
	}
	printf("\n        %s\n", verb->help);
}

static void print_options(unsigned int which)
{
	for (size_t i = 0; i < NR(options); i++) {
		char name[64];

		if (!(which & BIT(options[i].opt)))
			continue;
		snprintf(name, sizeof(name), "--%s%s%s", options[i].name,
			 options[i].value ? " " : "", options[i].value ?: "");
		printf("  %-22s %s\n", name, options[i].help);
	}
}

/* All of it, or what begins with @about. */
static int help(const char *about)
{
	size_t len = strlen(about), shown = 0;
	unsigned int which = EVERYWHERE;

	for (size_t i = 0; i < NR(verbs); i++) {
		if (strncmp(verbs[i].name, about, len) ||
		    (len && verbs[i].name[len] && verbs[i].name[len] != ' '))
			continue;
		print_verb(&verbs[i]);
		which |= verbs[i].options;
		shown++;
	}
	if (!len)
		puts("luoctl help [VERB]\n        print this, or of one verb");
	if (!shown) {
		complain("there is no verb '%s': luoctl help lists them", about);
		return CODE_USAGE;
	}
	puts("\nOptions:");
	print_options(which);
	if (!len)
		puts("\nExit status: 0 done, 1 failed, 2 usage, 3 luod can't be reached, 4 no right,\n"
		     "5 the update was aborted, 6 (--dry-run) something would be lost.");
	return CODE_OK;
}

static int usage(const struct verb *verb, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	complain("%s: luoctl help%s%s says what there is", text, verb ? " " : "",
		 verb ? verb->name : "");
	return CODE_USAGE;
}

static bool number(const char *text, double max, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	return *text && *text != '-' && !*end && !errno && *value >= 0 && *value <= max;
}

/* CODE_OK, or what the usage message says. */
static int take_option(struct args *args, enum opt opt, const char *value)
{
	double n;

	switch (opt) {
	case OPT_JSON:
		args->json = true;
		break;
	case OPT_SOCKET:
		args->socket = value;
		break;
	case OPT_KERNEL:
		args->kernel = true;
		break;
	case OPT_INITRD:
		args->initrd = value;
		break;
	case OPT_CMDLINE:
		args->cmdline = value;
		break;
	case OPT_REUSE:
		args->reuse_cmdline = true;
		break;
	case OPT_DRY_RUN:
		args->dry_run = true;
		break;
	case OPT_FORCE:
		args->force = true;
		break;
	case OPT_REASON:
		args->reason = value;
		break;
	case OPT_NAME:
		args->name = value;
		break;
	case OPT_POLICY:
		if (strcmp(value, "abort") && strcmp(value, "go"))
			return usage(NULL, "--policy %s: it is abort or go", value);
		args->policy = value;
		break;
	case OPT_TIMEOUT:
		if (!number(value, 86400, &n))
			return usage(NULL, "--timeout %s: seconds, up to 86400", value);
		args->timeout = n * 1000;
		break;
	case OPT_LINES:
		if (!number(value, 10000, &n) || n != (long long)n || n < 1)
			return usage(NULL, "--lines %s: a number from 1 to 10000", value);
		args->lines = n;
		break;
	default:
		break;
	}
	return CODE_OK;
}

/* The verb that the words begin with, one word or two; NULL with what was said. */
static const struct verb *find_verb(char **words, int nr, int *used)
{
	char two[64];

	if (!nr) {
		usage(NULL, "what is to be done?");
		return NULL;
	}
	snprintf(two, sizeof(two), "%s %s", words[0], nr > 1 ? words[1] : "");
	for (size_t i = 0; i < NR(verbs); i++) {
		*used = strchr(verbs[i].name, ' ') ? 2 : 1;
		if (!strcmp(verbs[i].name, *used == 2 ? two : words[0]))
			return &verbs[i];
	}
	if (!strcmp(words[0], "handlers"))
		usage(NULL, nr > 1 ? "handlers %s: list, load, upgrade, unload or check" :
		      "handlers: list, load, upgrade, unload or check", nr > 1 ? words[1] : "");
	else
		usage(NULL, "there is no verb '%s'", words[0]);
	return NULL;
}

static int take_words(struct args *args, const struct verb *verb, char **words, int nr)
{
	int most = *verb->words ? 1 : 0, least = most && *verb->words != '[';

	if (nr < least)
		return usage(verb, "%s: %s is missing", verb->name, verb->words);
	if (nr > most)
		return usage(verb, "%s: '%s' is one word too many", verb->name, words[most]);
	args->nr_words = nr;
	for (int i = 0; i < nr; i++)
		args->words[i] = words[i];
	return CODE_OK;
}

static int print_message(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN)
		return 0;
	fputs("luoctl: ", stderr);
	return vfprintf(stderr, format, args);
}

/* Options into @args and @given, the rest to the end of @argv; below 0 go on. */
static int take_options(struct args *args, unsigned int *given, int argc, char **argv)
{
	struct option longs[NR(options) + 1] = {};
	int opt, code;

	for (size_t i = 0; i < NR(options); i++)
		longs[i] = (struct option) { options[i].name, !!options[i].value, NULL,
					     options[i].opt };
	while ((opt = getopt_long(argc, argv, "hV", longs, NULL)) != -1) {
		if (opt == 'h')
			opt = OPT_HELP;
		if (opt == 'V')
			opt = OPT_VERSION;
		if (opt == '?')
			return usage(NULL, "an option is wrong");
		*given |= BIT(opt);
		code = take_option(args, opt, optarg);
		if (code)
			return code;
	}
	return -1;
}

static int run(const struct verb *verb, struct args *args, unsigned int given)
{
	if (!verb)
		return CODE_USAGE;
	for (size_t i = 0; i < NR(options); i++) {
		if (given & BIT(options[i].opt) & ~(verb->options | EVERYWHERE))
			return usage(verb, "%s: it has no --%s", verb->name, options[i].name);
	}
	if (args->cmdline && args->reuse_cmdline)
		return usage(verb, "load: --cmdline or --reuse-cmdline, not both");
	return verb->run(args);
}

int main(int argc, char **argv)
{
	struct args args = { .timeout = -1, .lines = -1 };
	const struct verb *verb;
	unsigned int given = 0;
	int code, used;

	luo_set_print(print_message);
	code = take_options(&args, &given, argc, argv);
	if (code >= 0)
		return code;
	argv += optind;
	argc -= optind;
	if (given & BIT(OPT_VERSION)) {
		puts("luoctl " LUO_VERSION);
		return CODE_OK;
	}
	if (given & BIT(OPT_HELP) || (argc && !strcmp(argv[0], "help"))) {
		char about[64] = "";

		if (argc && !strcmp(argv[0], "help"))
			argv++, argc--;
		if (argc)
			snprintf(about, sizeof(about), "%s%s%s", argv[0], argc > 1 ? " " : "",
				 argc > 1 ? argv[1] : "");
		return help(about);
	}
	verb = find_verb(argv, argc, &used);
	code = verb ? take_words(&args, verb, argv + used, argc - used) : CODE_USAGE;
	if (!code)
		code = run(verb, &args, given);
	if (fflush(stdout) || ferror(stdout)) {
		complain("standard output: %s", strerror(errno));
		return code ?: CODE_FAILED;
	}
	return code;
}
