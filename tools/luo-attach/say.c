// SPDX-License-Identifier: GPL-2.0
/* Lines for the console, or for who ran luo-attach by hand. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "luo-attach.h"

#define LINE_MAX_BYTES 512

static bool to_kmsg;
static int log_level = LOG_NOTICE;
static char said[LINE_MAX_BYTES];

/*
 * One write(2) each: for /dev/kmsg that is a record. It takes ten of them in five seconds from
 * one opener, and drops the rest: so each has one of its own.
 */
static void write_line(const char *line, size_t len)
{
	int kmsg = to_kmsg ? open("/dev/kmsg", O_WRONLY | O_CLOEXEC) : -1;
	ssize_t n = write(kmsg < 0 ? STDERR_FILENO : kmsg, line, len);

	/* If nobody takes it, there is nobody to say that to. */
	(void)n;
	if (kmsg >= 0)
		close(kmsg);
}

void say(int level, const char *format, ...)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 32];
	va_list args;

	if (level > log_level)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (to_kmsg)
		snprintf(line, sizeof(line), "<%d>luo-attach: %s\n", LOG_DAEMON | level, text);
	else
		snprintf(line, sizeof(line), "luo-attach: %s\n", text);
	write_line(line, strlen(line));
}

const char *library_said(void)
{
	return said;
}

void library_said_forget(void)
{
	said[0] = '\0';
}

/* The last sentence is the library's own, which sums up what libbpf said before. */
static int from_library(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN) {
		vsnprintf(said, sizeof(said), format, args);
		said[strcspn(said, "\n")] = '\0';
	}
	if (level != LIBBPF_DEBUG && log_level >= LOG_DEBUG && !to_kmsg)
		vdprintf(STDERR_FILENO, format, args);
	return 0;
}

void say_open(bool kmsg, int level)
{
	to_kmsg = kmsg && !access("/dev/kmsg", W_OK);
	log_level = level;
	luo_set_print(from_library);
}
