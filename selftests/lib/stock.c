// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "stock.h"

/*
 * Every difference between the stock kernel and ours that a program can see
 * before it retrieves a file; Documentation lists the same. A case that is not
 * here must behave alike on both.
 */
static const struct difference {
	const char *name;
	long stock;
	const char *why;
} differences[] = {
#define UNKNOWN "ENOTTY is what ioctl(2) says for a number that is not there"
	{ "device: number after the last", -EINVAL, UNKNOWN },
	{ "device: number 0x3f", -EINVAL, UNKNOWN },
	{ "device: number of a session", -EINVAL, UNKNOWN },
	{ "session: number after the last", -EINVAL, UNKNOWN },
	{ "session: number 0xff", -EINVAL, UNKNOWN },
	{ "session: number of the device", -EINVAL, UNKNOWN },
#define ORDER "of two errors the structure's own is reported, the session's state after it"
	{ "retrieve_fd: larger, rest not zero", -EINVAL, ORDER },
	{ "retrieve_fd: larger by one byte, not zero", -EINVAL, ORDER },
	{ "retrieve_fd: structure runs into a hole", -EINVAL, ORDER },
	{ "finish: larger, rest not zero", -EINVAL, ORDER },
	{ "finish: larger by one byte, not zero", -EINVAL, ORDER },
	{ "finish: structure runs into a hole", -EINVAL, ORDER },
#define FDINFO "new: what is preserved, and what it costs"
	{ "fdinfo: name", -ENOENT, FDINFO },
	{ "fdinfo: state", -ENOENT, FDINFO },
	{ "fdinfo: no file", -ENOENT, FDINFO },
	{ "fdinfo: no bytes", -ENOENT, FDINFO },
	{ "fdinfo: one file", -ENOENT, FDINFO },
	{ "fdinfo: a page", -ENOENT, FDINFO },
	{ "errnos: fdinfo", -ENOENT, FDINFO },
	{ "file: memfd of huge pages", -ENOENT,
	  "a memfd, but one that can't be preserved: told apart from files nobody knows" },
	{ "errnos: session retrieved twice", -EINVAL,
	  "EBUSY: it can be had again as soon as the other one closes it" },
	{ "gone: not there after finish", -EINVAL,
	  "FINISH ends the session at once, not when its descriptor is closed" },
};

#define COUNT ((int)(sizeof(differences) / sizeof(*differences)))

static bool on_stock;

void stock_args(int argc, char **argv)
{
	on_stock = argc > 1 && !strcmp(argv[1], "--stock");
}

bool stock_expect(long got, long ours, const char *where, const char *name)
{
	for (int i = 0; on_stock && i < COUNT; i++)
		if (!strcmp(differences[i].name, name))
			ours = differences[i].stock;
	return tap_check_eq(got, ours, where, "%s", name);
}
