// SPDX-License-Identifier: GPL-2.0
/*
 * Damage gives sessions the name of another one, and nothing tells which is the one of
 * that name, for none has a file: nobody gets any of them, however many there are.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define DAMAGE "/sys/kernel/debug/liveupdate/damage"
#define TWINS 4	/* with the one that has the name by right */

/* Not by luck of which comes last: the first kexec hands over two, the next three. */
static void prepare(int twins)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int whole = must(luo_create(luo, "whole"), "create");
	char name[16];

	must(luo_preserve(whole, mem_filled("whole", 0, MIB(1), twins), 1), "preserve");
	must(luo_create(luo, "healthy"), "create");
	for (int i = 1; i < twins; i++) {
		snprintf(name, sizeof(name), "twin-%d", i);
		must(luo_create(luo, name), "create");
		must(write_file(DAMAGE, "%s session.name other", name), "damage %s", name);
	}
}

static void verify(int twins)
{
	int luo = must(luo_open(), "/dev/liveupdate"), session, fd;
	char name[16];

	check_eq(luo_retrieve(luo, "healthy"), -EUCLEAN, "of %d with one name none is to be had",
		 twins);
	check_eq(luo_retrieve(luo, "healthy"), -EUCLEAN, "nor later");
	for (int i = 1; i < twins; i++) {
		snprintf(name, sizeof(name), "twin-%d", i);
		check_eq(luo_retrieve(luo, name), -ENOENT, "%s: there is none", name);
	}
	session = must(luo_retrieve(luo, "whole"), "retrieve");
	fd = luo_retrieve_fd(session, 1);
	check(fd >= 0 && mem_is(fd, 0, MIB(1), twins), "the session beside them is whole");
	check_eq(luo_finish(session), 0, "finish");
	close(luo);
}

int main(void)
{
	int stage = vm_stage();

	tap_start(!stage, vm_arg_num("luo_results", 0));
	if (stage)
		verify(stage + 1);
	if (stage + 1 == TWINS)
		tap_finish();
	prepare(stage + 2);
	tap_bail_at(vm_kexec(), "session_twins", "kexec");
}
