// SPDX-License-Identifier: GPL-2.0
/* Where descriptors are that outlive luod: with systemd, with the keeper, or nowhere. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

/* For what comes of itself: a session for each connection, luod.state, handlers */
#define RESERVE	1280

#define BARRIER_US	(5 * 1000 * 1000)

static enum { NOWHERE, SYSTEMD, KEEPER } where;
/* How many are stored at most */
static size_t limit;
/* What systemd or a keeper has, or the next one is to have; they belong to luod's other parts. */
static struct names stored;

/* Systemd says it, and closes what is more; a keeper has as many descriptors as luod. */
static void find_limit(void)
{
	const char *text = getenv("FDSTORE");
	struct rlimit files;

	if (where == SYSTEMD && text)
		limit = strtoul(text, NULL, 10);
	else
		limit = getrlimit(RLIMIT_NOFILE, &files) ? SIZE_MAX : files.rlim_cur;
}

bool store_has_room(void)
{
	size_t reserve = limit / 2;

	if (reserve > RESERVE)
		reserve = RESERVE;
	return where == NOWHERE || stored.count < limit - reserve;
}

static int open_store(bool use_keeper)
{
	int err;

	if (use_keeper && keeper_fd() >= 0) {
		where = KEEPER;
		return 0;
	}
	if (getenv("NOTIFY_SOCKET"))
		where = SYSTEMD;
	else
		log_text(LOG_NOTICE, "nobody keeps sessions if luod dies: start it with its keeper, or by systemd");
	err = where == SYSTEMD ? sd_notify(0, "STATUS=Starting") : 0;
	return err < 0 ? err : 0;
}

int store_open(bool use_keeper)
{
	int err = open_store(use_keeper);

	find_limit();
	return err;
}

bool store_is_systemd(void)
{
	return where == SYSTEMD;
}

/* A name as systemd takes it: no colon, ASCII. */
static void encode(const char *name, char out[STORE_NAME_MAX])
{
	size_t n = 0;

	for (; *name && n < STORE_NAME_MAX - 4; name++) {
		unsigned char c = *name;

		if (c <= ' ' || c >= 127 || c == ':' || c == '%')
			n += sprintf(out + n, "%%%02x", c);
		else
			out[n++] = c;
	}
	out[n] = '\0';
}

static void decode(const char *name, char out[STORE_NAME_MAX])
{
	unsigned int c;
	size_t n = 0;

	for (; *name && n < STORE_NAME_MAX - 1; name++) {
		if (*name == '%' && isxdigit(name[1]) && sscanf(name + 1, "%2x", &c) == 1) {
			out[n++] = c;
			name += 2;
		} else {
			out[n++] = *name;
		}
	}
	out[n] = '\0';
}

/* PID 1 reads who sent it only as long as that one lives, so this waits. */
static int notify(const char *what, const char *name, int fd)
{
	char text[STORE_NAME_MAX + 64], encoded[STORE_NAME_MAX];
	int err;

	encode(name, encoded);
	/* A session says nothing to poll(2), and is not to be taken out for that. */
	snprintf(text, sizeof(text), "%s=1\nFDNAME=%s%s", what, encoded,
		 fd >= 0 ? "\nFDPOLL=0" : "");
	err = sd_pid_notify_with_fds(0, 0, text, &fd, fd >= 0);
	if (err >= 0)
		err = sd_notify_barrier(0, BARRIER_US);
	return err < 0 ? err : 0;
}

int store_add(const char *name, int fd)
{
	int err = 0;

	if (where == SYSTEMD) {
		notify("FDSTOREREMOVE", name, -1);
		err = names_put(&stored, name, fd) ?: notify("FDSTORE", name, fd);
	} else if (where == KEEPER) {
		err = names_put(&stored, name, fd) ?: keeper_tell(KEEPER_ADD, name, fd);
	}
	if (err)
		log_text(LOG_ERR, "%s can't be stored, and is lost if luod dies: %s", name,
			 strerror(-err));
	return err;
}

void store_remove(const char *name)
{
	int err = 0;

	if (where == SYSTEMD) {
		names_take(&stored, name);
		err = notify("FDSTOREREMOVE", name, -1);
	} else if (where == KEEPER) {
		names_take(&stored, name);
		err = keeper_tell(KEEPER_REMOVE, name, -1);
	}
	if (err)
		log_text(LOG_ERR, "%s can't be taken out of the store: %s", name, strerror(-err));
}

static int restore_from_systemd(void (*fn)(const char *name, int fd))
{
	char **names = NULL, name[STORE_NAME_MAX];
	int count = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < count; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		fcntl(fd, F_SETFD, FD_CLOEXEC);
		decode(names[i], name);
		if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0) {
			fn(STORE_SOCKET, fd);
		} else {
			names_put(&stored, name, fd);
			fn(name, fd);
		}
		free(names[i]);
	}
	free(names);
	return count < 0 ? count : 0;
}

/* One that died while it gave things back has given what it has given. */
static int restore_from_keeper(void (*fn)(const char *name, int fd))
{
	int keeper = keeper_fd(), fd, op;
	char name[STORE_NAME_MAX];

	keeper_meet(keeper);
	while ((op = keeper_receive(keeper, name, &fd)) == KEEPER_ADD) {
		if (fd < 0)
			continue;
		if (names_put(&stored, name, fd))
			log_text(LOG_ERR, "no memory: %s is lost if the keeper dies", name);
		fn(name, fd);
	}
	if (op != KEEPER_END)
		log_text(LOG_ERR, "the keeper died: what it had not given back yet is lost");
	return keeper_watch();
}

int store_restore(void (*fn)(const char *name, int fd))
{
	int err = 0;

	if (where == KEEPER)
		err = restore_from_keeper(fn);
	else if (where == SYSTEMD)
		err = restore_from_systemd(fn);
	return err < 0 ? err : 0;
}

struct giving {
	int keeper, err;
};

static void give(const char *name, int fd, void *ctx)
{
	struct giving *giving = ctx;

	if (!giving->err)
		giving->err = keeper_send(giving->keeper, KEEPER_ADD, name, fd);
}

int store_give_all(int keeper)
{
	struct giving giving = { .keeper = keeper };

	names_for_each(&stored, give, &giving);
	return giving.err ?: keeper_send(keeper, KEEPER_READY, "", -1);
}

void store_ready(void)
{
	if (where == KEEPER)
		keeper_tell(KEEPER_READY, "", -1);
	else if (where == SYSTEMD)
		sd_notify(0, "READY=1\nSTATUS=Serving");
}

void store_end(void)
{
	if (where == KEEPER)
		keeper_tell(KEEPER_GOODBYE, "", -1);
}
