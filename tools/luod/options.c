// SPDX-License-Identifier: GPL-2.0
/* Options, and the help on them, of programs that take no other words */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "options.h"

#define OPTIONS_MAX	16
#define COLUMN		16

static const struct option_line everywhere[] = {
	{ 'V', "version", NULL, "print the version" },
	{ 'h', "help", NULL, "print this" },
};

static void print_option(FILE *f, const struct option_line *option)
{
	int n = fprintf(f, "  -%c, --%s%s%s", option->letter, option->name,
			option->value ? " " : "", option->value ?: "");

	fprintf(f, "%*s%s\n", COLUMN + 7 - n, "", option->help);
}

static void print_usage(FILE *f, const struct program *program)
{
	fprintf(f, "usage: %s [OPTION]...\n%s\n\n", program->name, program->about);
	for (int i = 0; i < program->nr_options; i++)
		print_option(f, &program->options[i]);
	print_option(f, &everywhere[0]);
	print_option(f, &everywhere[1]);
}

static void add(struct option *longs, char **shorts, const struct option_line *option)
{
	*longs = (struct option) { option->name, !!option->value, NULL, option->letter };
	*(*shorts)++ = option->letter;
	if (option->value)
		*(*shorts)++ = ':';
}

void options_parse(const struct program *program, int argc, char **argv,
		   void (*take)(char letter, const char *value))
{
	char letters[2 * OPTIONS_MAX + 1] = "", *end = letters;
	struct option longs[OPTIONS_MAX + 1] = {};
	int n = program->nr_options, c;

	for (int i = 0; i < n; i++)
		add(&longs[i], &end, &program->options[i]);
	add(&longs[n], &end, &everywhere[0]);
	add(&longs[n + 1], &end, &everywhere[1]);
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (c == 'V') {
			puts(program->version);
			exit(0);
		}
		if (c == 'h') {
			print_usage(stdout, program);
			exit(0);
		}
		if (c == '?')
			break;
		take(c, optarg);
	}
	if (c == -1 && optind == argc)
		return;
	print_usage(stderr, program);
	exit(EXIT_USAGE);
}
