// SPDX-License-Identifier: GPL-2.0
/*
 * What is left over: nothing after FINISH, in this kernel and in the next; and
 * each session that a kexec drops is named in the log, or counted if there are many.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define FILES 40
#define MANY 150	/* sessions, more than are named one by one */
/* Page tables of KHO's own tree and the like; a lost file is more. */
#define TOLERANCE KIB(256)

static int preserve_files(int luo, const char *name)
{
	int session = must(luo_create(luo, name), "create %s", name);

	for (int i = 0; i < FILES; i++) {
		int fd = mem_filled("leftover", 0, MIB(1), i);

		must(luo_preserve(session, fd, i), "preserve");
		close(fd);
	}
	return session;
}

static void nothing_before(void)
{
	/* A kernel that a kexec started lies elsewhere than a cold one. */
}

/* Kernels of two versions may take turns, and are not of one size. */
static const char *total_key(void)
{
	static char key[80];
	struct utsname name;

	uname(&name);
	snprintf(key, sizeof(key), "luo_total_%s", name.release);
	return key;
}

/*
 * All memory the kernel manages: what KHO carried over comes back to it page by
 * page as it is restored, so that it shows exactly what never was.
 */
static void note_total(void)
{
	vm_kexec_arg(total_key(), "%ld", vm_meminfo("MemTotal"));
}

static long missing(void)
{
	return must(vm_arg_num(total_key(), -ENOENT), "%s", total_key()) - vm_meminfo("MemTotal");
}

static void baseline(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	long kho = must(kho_preserved(), "count what KHO preserves");

	note_total();
	vm_kexec_arg("luo_kho", "%ld", kho);
	close(preserve_files(luo, "undone"));
	check_eq(kho_preserved() - kho, 0, "undone: bytes left preserved");
	preserve_files(luo, "retrieved");
	preserve_files(luo, "not retrieved");
	must(luo_create(luo, "empty"), "create");
	check(kho_preserved() - kho >= 2 * FILES * MIB(1), "preserved: %ld KiB",
	      (kho_preserved() - kho) / 1024);
}

static void check_memory(const char *when)
{
	long kho = kho_preserved(), kho_was = vm_arg_num("luo_kho", 0);

	check(labs(missing()) <= TOLERANCE, "%s: all memory is back: %ld KiB differ",
	      when, missing() / 1024);
	check(kho == kho_was, "%s: KHO preserves what it did: %ld KiB, %ld", when,
	      kho / 1024, kho_was / 1024);
}

static void finish_all(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_retrieve(luo, "retrieved"), "retrieve"), bad = 0;

	for (int i = 0; i < FILES; i++) {
		int fd = luo_retrieve_fd(session, i);

		bad += !mem_is(fd, 0, MIB(1), i);
		close(fd);
	}
	check_eq(bad, 0, "retrieved: files not right");
	check(missing() >= FILES * MIB(1),
	      "retrieved: memory that is not restored yet shows");
	check_eq(luo_finish(session), 0, "retrieved: finish");
	close(session);
	session = must(luo_retrieve(luo, "not retrieved"), "retrieve");
	check_eq(luo_finish(session), 0, "not retrieved: finish");
	close(session);
	session = must(luo_retrieve(luo, "empty"), "retrieve");
	check_eq(luo_finish(session), 0, "empty: finish");
	close(session);
	check_memory("finished");
}

static void nothing_left(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");

	check_eq(luo_retrieve(luo, "retrieved"), -ENOENT, "next: no session");
	check_eq(luo_retrieve(luo, "not retrieved"), -ENOENT, "next: no other");
	check_memory("next");
	preserve_files(luo, "dropped one");
	preserve_files(luo, "dropped two");
	must(luo_create(luo, "dropped empty"), "create");
	for (int i = 0; i < MANY; i++) {
		char name[32];

		snprintf(name, sizeof(name), "dropped %d", i);
		must(luo_create(luo, name), "create %s", name);
	}
}

static void drop(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_retrieve(luo, "dropped two"), "retrieve");

	/* Retrieved in part and not finished is dropped like one nobody asked for. */
	must(luo_retrieve_fd(session, 3), "retrieve");
	must(luo_create(luo, "kept"), "create");
}

static void after_drop(void)
{
	int luo = must(luo_open(), "/dev/liveupdate"), session;

	check_eq(luo_retrieve(luo, "dropped one"), -ENOENT, "dropped: one");
	check_eq(luo_retrieve(luo, "dropped two"), -ENOENT, "dropped: two");
	check_eq(luo_retrieve(luo, "dropped empty"), -ENOENT, "dropped: empty");
	session = luo_retrieve(luo, "kept");
	check(session >= 0 && !luo_finish(session), "kept: the new one");
	close(session);
	check_memory("dropped");
}

int main(void)
{
	static const vm_stage_fn stages[] = {
		nothing_before, note_total, baseline, finish_all, nothing_left, drop, after_drop,
	};

	vm_run_stages(stages, sizeof(stages) / sizeof(*stages));
}
