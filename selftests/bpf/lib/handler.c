// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"

/* The verifier's log can be long; what matters is at its end. */
static char said[1 << 18];
static size_t said_len;

static int collect(enum libbpf_print_level level, const char *format, va_list args)
{
	int n;

	if (level == LIBBPF_DEBUG)
		return 0;
	if (said_len > sizeof(said) - (1 << 16)) {
		memmove(said, said + said_len / 2, said_len - said_len / 2);
		said_len -= said_len / 2;
	}
	n = vsnprintf(said + said_len, sizeof(said) - said_len, format, args);
	if (n > 0)
		said_len = strnlen(said, sizeof(said) - 1);
	return n;
}

void handler_log_mark(void)
{
	luo_set_print(collect);
	said[0] = '\0';
	said_len = 0;
}

static void show_said(void)
{
	char copy[4096], *rest = copy, *line;
	size_t skip = said_len > sizeof(copy) - 1 ? said_len - (sizeof(copy) - 1) : 0;

	snprintf(copy, sizeof(copy), "%s", said + skip);
	while ((line = strsep(&rest, "\n"))) {
		if (*line)
			tap_note("  said: %s", line);
	}
}

bool handler_logged(const char *regex)
{
	regex_t re;
	bool found;

	if (regcomp(&re, regex, REG_EXTENDED | REG_NOSUB | REG_NEWLINE))
		tap_bail("bad expression %s", regex);
	found = !regexec(&re, said, 0, NULL, 0);
	regfree(&re);
	if (!found)
		show_said();
	return found;
}

struct luo_handler *handler_open(const char *name)
{
	struct luo_handler *handler;
	char path[128];

	if (!said_len)
		handler_log_mark();
	snprintf(path, sizeof(path), "/handlers/%s.bpf.o", name);
	if (access(path, R_OK))
		snprintf(path, sizeof(path), "/selftests/progs/%s.bpf.o", name);
	handler = luo_handler__open(path, NULL);
	if (!handler) {
		show_said();
		tap_bail_at(-errno, TAP_HERE, "open %s", path);
	}
	return handler;
}

static void must_do(int err, const char *what, const char *name)
{
	if (!err)
		return;
	show_said();
	tap_bail_at(err, TAP_HERE, "%s %s", what, name);
}

void handler_attach(const char *name)
{
	struct luo_handler *handler = handler_open(name);

	must_do(luo_handler__attach(handler), "attach", name);
	must_do(luo_handler__pin(handler, NULL), "pin", name);
	luo_handler__close(handler);
}

int handler_try(const char *name)
{
	struct luo_handler *handler = handler_open(name);
	int err = luo_handler__attach(handler);

	luo_handler__close(handler);
	return err;
}

int handler_upgrade(const char *name)
{
	struct luo_handler *handler = handler_open(name);
	int err = luo_handler__upgrade(handler, NULL);

	luo_handler__close(handler);
	return err;
}

int handler_detach(const char *compatible)
{
	struct luo_handler *handler = luo_handler__open_attached(compatible);
	int err = handler ? luo_handler__detach(handler) : -errno;

	luo_handler__close(handler);
	return err;
}

struct luo_device *device_open(void)
{
	struct luo_device *device = luo_device__open(NULL);

	must(device ? 0 : -errno, "/dev/liveupdate");
	return device;
}

struct luo_session *session_create(struct luo_device *device, const char *name)
{
	struct luo_session *session = luo_session__create(device, name);

	must(session ? 0 : -errno, "create session %s", name);
	return session;
}

struct luo_session *session_retrieve(struct luo_device *device, const char *name)
{
	struct luo_session *session = luo_session__retrieve(device, name);

	must(session ? 0 : -errno, "retrieve session %s", name);
	return session;
}
