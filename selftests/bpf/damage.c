// SPDX-License-Identifier: GPL-2.0
/*
 * Every field of a BPF handler's record damaged in every way, each in a session of its
 * own: that file is refused, or as it was if the damage changes nothing. The others are
 * whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "progs/zero.h"
#include "handler.h"
#include "kho.h"
#include "tap.h"
#include "vm.h"

#define DAMAGE "/sys/kernel/debug/liveupdate/damage"
#define BYTES 20000	/* more than one chunk */
#define MAX 256

static struct line {
	char field[32];
	char how[16];
} lines[MAX];

static int nr_lines;

static void read_lines(void)
{
	char field[32], how[16];
	FILE *f = fopen(DAMAGE, "re");

	if (!f)
		tap_bail(DAMAGE ": %m");
	while (fscanf(f, "%31s %15s", field, how) == 2) {
		if (strncmp(field, "bpf.", 4) || nr_lines == MAX)
			continue;
		strcpy(lines[nr_lines].field, field);
		strcpy(lines[nr_lines++].how, how);
	}
	fclose(f);
	check(nr_lines > 50 && nr_lines < MAX, "%d kinds of damage", nr_lines);
}

static const char *victim(int i)
{
	static char name[20];

	snprintf(name, sizeof(name), "victim-%d", i);
	return name;
}

static struct luo_handler *attach(void)
{
	struct luo_handler *handler = handler_open("zero");

	must(luo_handler__attach(handler), "attach zero");
	return handler;
}

static void preserve(struct luo_device *device, const char *name)
{
	struct luo_session *session = session_create(device, name);
	int fd = must(open("/dev/zero", O_RDWR), "/dev/zero");

	must(luo_session__preserve_fd(session, fd, 1), "preserve");
	close(fd);
}

static void before(void)
{
	struct luo_device *device = device_open();
	struct zero_control *zero = handler_variable(attach(), "zero");

	read_lines();
	zero->bytes = BYTES;
	preserve(device, "healthy");
	for (int i = 0; i < nr_lines; i++) {
		preserve(device, victim(i));
		must(write_file(DAMAGE, "%s %s %s", victim(i), lines[i].field, lines[i].how),
		     "damage %s %s", lines[i].field, lines[i].how);
	}
}

static void after(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session;
	int refused = 0;
	long kho;

	attach();
	read_lines();
	kho = must(kho_preserved(), "count what KHO preserves");
	for (int i = 0; i < nr_lines; i++) {
		int fd;

		session = session_retrieve(device, victim(i));
		fd = luo_session__retrieve_fd(session, 1);
		refused += fd < 0;
		if ((fd < 0 && fd != -EUCLEAN) || luo_session__finish(session))
			check(false, "%s %s: %d", lines[i].field, lines[i].how, fd);
		luo_session__close(session);
		close(fd);
	}
	check(refused > nr_lines * 3 / 4, "%d of %d are refused", refused, nr_lines);

	session = session_retrieve(device, "healthy");
	check(luo_session__retrieve_fd(session, 1) >= 0, "the one beside them is whole");
	check_eq(luo_session__finish(session), 0, "finish");
	check_eq(kho_preserved(), kho, "nothing more is preserved");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
