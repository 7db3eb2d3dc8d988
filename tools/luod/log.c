// SPDX-License-Identifier: GPL-2.0
/* Messages: to whoever reads them, and the last of them to the command LOG. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

#define LINES		1000
#define LINE_MAX_BYTES	1024
#define CHUNK		65536
#define ALIVE_MS	10000

static char *ring[LINES];
static size_t ring_next;
static enum log_target log_to;
static int log_level = LOG_INFO;
static int log_fd = STDERR_FILENO;
static char said[ERROR_MAX];
/* In a child: what the library says is for the parent to log. */
static int parent_fd = -1;

static void remember(const char *line)
{
	char *copy = strdup(line);

	if (!copy)
		return;
	text_mend(copy);
	free(ring[ring_next % LINES]);
	ring[ring_next++ % LINES] = copy;
}

/* One write(2) for each: for /dev/kmsg that is a record, and dprintf(3) fails there. */
static void write_line(int level, const char *line)
{
	char text[LINE_MAX_BYTES + 32];
	int n;

	remember(line);
	if (level > log_level)
		return;
	if (log_to == LOG_TO_STDERR)
		n = snprintf(text, sizeof(text), "luod: %s\n", line);
	else if (log_to == LOG_TO_JOURNAL)
		n = snprintf(text, sizeof(text), "<%d>%s\n", level, line);
	else
		n = snprintf(text, sizeof(text), "<%d>luod: %s\n", LOG_DAEMON | level, line);
	if (n >= (int)sizeof(text)) {
		n = sizeof(text) - 1;
		text[n - 1] = '\n';
	}
	/* LOG has it if nobody else takes it. */
	if (write(log_fd, text, n) < 0)
		return;
}

/* A newline in it, as in a verifier's log, makes two lines of it. */
static void write_text(int level, char *text)
{
	char *rest = text, *line;
	int err = errno;

	while ((line = strsep(&rest, "\n"))) {
		if (*line)
			write_line(level, line);
	}
	errno = err;
}

void log_text(int level, const char *format, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	write_text(level, text);
}

const char *log_said(void)
{
	return said;
}

void log_said_forget(void)
{
	said[0] = '\0';
}

/* The last sentence is the library's own, which sums up what libbpf said before. */
static void keep_said(const char *text)
{
	snprintf(said, sizeof(said), "%s", text);
	said[strcspn(said, "\n")] = '\0';
}

static void take_from_library(enum libbpf_print_level level, char *text)
{
	if (level == LIBBPF_WARN)
		keep_said(text);
	write_text(level == LIBBPF_WARN ? LOG_NOTICE : LOG_INFO, text);
}

/* A byte for the level, the text, a NUL */
static void tell_parent(enum libbpf_print_level level, const char *text)
{
	size_t len = strlen(text) + 1;
	char byte = '0' + level;
	ssize_t n = write(parent_fd, &byte, 1);

	for (; n > 0 && len; text += n, len -= n)
		n = write(parent_fd, text, len);
}

void log_to_parent(int fd)
{
	parent_fd = fd;
}

/* All of it, until the child ends: meanwhile luod is alive, whatever systemd would think. */
static char *read_to_end(int fd, size_t *len)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char *text = NULL, *more;
	ssize_t n;

	for (*len = 0;; *len += n) {
		while (!poll(&p, 1, ALIVE_MS))
			sd_notify(0, "WATCHDOG=1");
		more = realloc(text, *len + CHUNK);
		if (!more)
			return text;
		text = more;
		n = read(fd, text + *len, CHUNK);
		if (n <= 0)
			return text;
	}
}

void log_of_child(int fd)
{
	size_t len;
	char *text = read_to_end(fd, &len), *end;

	close(fd);
	for (char *at = text; len && (end = memchr(at, '\0', len)); at = end + 1) {
		take_from_library(*at - '0', at + 1);
		len -= end + 1 - at;
	}
	free(text);
}

static int from_library(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text;

	if (level == LIBBPF_DEBUG || vasprintf(&text, format, args) < 0)
		return 0;
	if (parent_fd >= 0)
		tell_parent(level, text);
	else
		take_from_library(level, text);
	free(text);
	return 0;
}

void log_open(enum log_target target, int level)
{
	log_to = target;
	log_level = level;
	if (target == LOG_TO_KMSG) {
		log_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
		if (log_fd < 0)
			log_fd = STDERR_FILENO;
	}
	luo_set_print(from_library);
}

struct json_object *log_lines(size_t count)
{
	struct json_object *lines = json_object_new_array();
	size_t have = ring_next < LINES ? ring_next : LINES;

	if (count > have)
		count = have;
	for (size_t i = ring_next - count; lines && i < ring_next; i++)
		json_object_array_add(lines, json_object_new_string(ring[i % LINES]));
	return lines;
}
