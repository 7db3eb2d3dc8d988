/* SPDX-License-Identifier: GPL-2.0 */
/* What luod and luo-attach are told when they are started */
#ifndef LUOD_OPTIONS_H
#define LUOD_OPTIONS_H

/* As sysexits(3) has it */
#define EXIT_USAGE	64

struct option_line {
	char letter;
	const char *name;
	const char *value;		/* NULL: it takes none */
	const char *help;
};

struct program {
	const char *name;
	const char *version;
	const char *about;		/* a line */
	const struct option_line *options;
	int nr_options;
};

/*
 * Calls @take for each; --version and --help need not be among them, and end the program, as
 * does whatever is wrong.
 */
void options_parse(const struct program *program, int argc, char **argv,
		   void (*take)(char letter, const char *value));

#endif
