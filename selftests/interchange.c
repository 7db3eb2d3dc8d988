// SPDX-License-Identifier: GPL-2.0
/*
 * memfds from one kernel to the next where one of the two is that of the base:
 *
 *	interchange MIB IMAGE...
 *
 * Each kexec goes to the next IMAGE in /boot. Each kernel takes all files back and hands
 * them on; the last gets none, and so shows what memory the one before should have had.
 * MIB is the size of the largest memfd.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

#define FILES_MAX 100
#define UNASKED 10
/* Page tables of KHO's own tree and the like; a lost file is more. */
#define TOLERANCE KIB(256)

static off_t large;

static bool on_stock(void)
{
	return access("/sys/module/liveupdate/parameters/abi", F_OK);
}

/* Whether a kernel of the base has preserved the files: it fills holes. */
static bool filled(void)
{
	return vm_arg_num("luo_filled", 0);
}

static void small_make(int *fds)
{
	static const off_t sizes[] = { 0, 8, 5000, MIB(3) };

	for (int i = 0; i < 4; i++)
		fds[i] = mem_filled("small", 0, sizes[i], 1);
}

static void small_check(const int *fds)
{
	static const off_t sizes[] = { 0, 8, 5000, MIB(3) };

	for (int i = 0; i < 4; i++)
		check(mem_size(fds[i]) == sizes[i] && mem_is(fds[i], 0, sizes[i], 1),
		      "small: %ld bytes", sizes[i]);
}

static void many_make(int *fds)
{
	for (int i = 0; i < FILES_MAX; i++)
		fds[i] = mem_filled("many", 0, KIB(8), i);
}

static void many_check(const int *fds)
{
	int bad = 0;

	for (int i = 0; i < FILES_MAX; i++)
		bad += mem_size(fds[i]) != KIB(8) || !mem_is(fds[i], 0, KIB(8), i);
	check_eq(bad, 0, "many: files not as they were");
}

static void large_make(int *fds)
{
	fds[0] = mem_filled("large", 0, large, 1);
}

static void large_late(const int *fds)
{
	mem_fill(fds[0], KIB(64), KIB(64), 2);
}

static void large_check(const int *fds)
{
	check_eq(mem_size(fds[0]), large, "large: size");
	check(mem_is(fds[0], 0, KIB(64), 1) &&
	      mem_is(fds[0], KIB(128), large - KIB(128), 1), "large: contents");
	check(mem_is(fds[0], KIB(64), KIB(64), 2), "large: written after it was preserved");
	check_eq(mem_allocated(fds[0]), large, "large: allocated");
}

/* Pages by themselves, and runs; the last was a hole when the file was preserved. */
static void sparse_make(int *fds)
{
	fds[0] = mem_create("sparse", 0, MIB(64));
	for (int i = 0; i < 16; i++)
		mem_fill(fds[0], MIB(2) * i + KIB(4) * i, KIB(4) << (i % 4), i);
	fds[1] = mem_create("hole", 0, MIB(1));
	fds[2] = mem_create("fallocated", 0, MIB(4));
	must(fallocate(fds[2], 0, MIB(1), MIB(1)), "fallocate");
	mem_fill(fds[2], MIB(1), KIB(4), 1);
}

static void sparse_late(const int *fds)
{
	mem_fill(fds[0], MIB(50), KIB(64), 50);
	mem_fill(fds[0], MIB(64) - KIB(4), KIB(4), 63);
}

static void sparse_check(const int *fds)
{
	int bad = 0;

	check_eq(mem_size(fds[0]), MIB(64), "sparse: size");
	for (int i = 0; i < 16; i++) {
		off_t at = MIB(2) * i + KIB(4) * i, len = KIB(4) << (i % 4);

		bad += !mem_is(fds[0], at, len, i) ||
		       !mem_is_zero(fds[0], at + len, MIB(1));
	}
	check_eq(bad, 0, "sparse: data and holes not where they were");
	check(mem_is(fds[0], MIB(50), KIB(64), 50) &&
	      mem_is(fds[0], MIB(64) - KIB(4), KIB(4), 63), "sparse: written after that");
	check_eq(mem_allocated(fds[0]), filled() ? MIB(64) : 4 * KIB(60) + KIB(68),
		 "sparse: allocated");
	check(mem_size(fds[1]) == MIB(1) && mem_allocated(fds[1]) == (filled() ? MIB(1) : 0),
	      "sparse: nothing but a hole: %ld KiB allocated", mem_allocated(fds[1]) / 1024);
	check(mem_is_zero(fds[1], 0, MIB(1)), "sparse: which reads as zeroes");
	check(mem_is(fds[2], MIB(1), KIB(4), 1) && mem_is_zero(fds[2], 0, MIB(1)) &&
	      mem_is_zero(fds[2], MIB(1) + KIB(4), MIB(3) - KIB(4)), "sparse: fallocated");
}

static void huge_make(int *fds)
{
	mem_use_huge("always");
	fds[0] = mem_filled("huge", 0, MIB(16), 1);
	/* One between holes, and one that the size ends in. */
	fds[1] = mem_create("huge", 0, MIB(8));
	mem_fill(fds[1], MIB(4), MIB(4), 2);
	must(ftruncate(fds[1], MIB(7) + KIB(20)), "shrink");
	mem_use_huge("never");
	check_eq(mem_huge(fds[0], 0, MIB(16)), mem_huge_expected(MIB(16)),
		 "huge: made of huge pages");
}

static void huge_check(const int *fds)
{
	check(mem_is(fds[0], 0, MIB(16), 1), "huge: contents");
	/* The stock kernel does not show those that it was handed, by whichever kernel. */
	if (on_stock())
		tap_note("huge: %ld KiB shown", mem_huge(fds[0], 0, MIB(16)) / 1024);
	else
		check_eq(mem_huge(fds[0], 0, MIB(16)), mem_huge_expected(MIB(16)),
			 "huge: huge pages still");
	check(mem_is(fds[1], MIB(4), MIB(3) + KIB(20), 2) && mem_is_zero(fds[1], 0, MIB(4)),
	      "huge: between holes");
	check_eq(mem_size(fds[1]), MIB(7) + KIB(20), "huge: size");
}

static const unsigned int seals[] = {
	0, F_SEAL_SEAL, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_WRITE,
	F_SEAL_FUTURE_WRITE | F_SEAL_SEAL,
};

#define SEALS 5

static void seals_make(int *fds)
{
	for (int i = 0; i < SEALS; i++) {
		fds[i] = mem_filled("seals", MFD_ALLOW_SEALING, KIB(8), i);
		must(fcntl(fds[i], F_ADD_SEALS, seals[i]), "seal");
	}
}

static void seals_check(const int *fds)
{
	for (int i = 0; i < SEALS; i++) {
		check_eq(fcntl(fds[i], F_GET_SEALS), seals[i], "seals: %#x", seals[i]);
		check(mem_is(fds[i], 0, KIB(8), i), "seals: contents");
	}
	check(pwrite(fds[3], "x", 1, 0) < 0 && errno == EPERM, "seals: in force");
}

static void noexec_make(int *fds)
{
	fds[0] = mem_filled("noexec", MFD_NOEXEC_SEAL, KIB(8), 1);
}

/* The format has no mode: mainline makes it executable, and seals what that implies. */
static void noexec_check(const int *fds)
{
	struct stat st = { };

	check(mem_is(fds[0], 0, KIB(8), 1), "noexec: contents");
	check(fcntl(fds[0], F_GET_SEALS) & F_SEAL_EXEC, "noexec: sealed");
	fstat(fds[0], &st);
	tap_note("noexec: seals %#x, mode %o", fcntl(fds[0], F_GET_SEALS), st.st_mode);
	if (!on_stock() && vm_stage() == 1) {
		check_eq(fcntl(fds[0], F_GET_SEALS), F_SEAL_EXEC, "noexec: so and not more");
		check_eq(st.st_mode, S_IFREG | 0666, "noexec: not executable");
	}
}

static void position_make(int *fds)
{
	for (int i = 0; i < 3; i++)
		fds[i] = mem_filled("position", 0, KIB(64), 1);
	lseek(fds[0], 77, SEEK_SET);
	lseek(fds[2], GIB(5) + 1, SEEK_SET);
}

static void position_late(const int *fds)
{
	lseek(fds[1], 78, SEEK_SET);
}

static void position_check(const int *fds)
{
	check_eq(lseek(fds[0], 0, SEEK_CUR), 77, "position");
	check_eq(lseek(fds[1], 0, SEEK_CUR), 78, "position: moved after it was preserved");
	check_eq(lseek(fds[2], 0, SEEK_CUR), GIB(5) + 1, "position: behind the end");
}

/* What the format has not is as in a new memfd. */
static void plain_make(int *fds)
{
	fds[0] = mem_filled("plain", 0, KIB(8), 1);
	fcntl(fds[0], F_SETFL, O_APPEND);
}

static void plain_check(const int *fds)
{
	int fresh = mem_create("", 0, KIB(4));
	char link[64] = "", want[64] = "";

	fd_link(fds[0], link, sizeof(link));
	fd_link(fresh, want, sizeof(want));
	check_eq(fcntl(fds[0], F_GETFL), fcntl(fresh, F_GETFL), "plain: status flags");
	check(on_stock() || !strcmp(link, want), "plain: name '%s'", link);
	check(pwrite(fds[0], "x", 1, 0) == 1 && !ftruncate(fds[0], KIB(64)) &&
	      mem_size(fds[0]) == KIB(64), "plain: can be written and grow");
	must(ftruncate(fds[0], KIB(8)), "shrink");
	close(fresh);
}

static const struct kind {
	const char *name;
	int files;
	void (*make)(int *fds);
	void (*late)(const int *fds);	/* after PRESERVE_FD */
	void (*look)(const int *fds);
} kinds[] = {
	{ "small", 4, small_make, NULL, small_check },
	{ "many", FILES_MAX, many_make, NULL, many_check },
	{ "large", 1, large_make, large_late, large_check },
	{ "sparse", 3, sparse_make, sparse_late, sparse_check },
	{ "huge", 2, huge_make, NULL, huge_check },
	{ "seals", SEALS, seals_make, NULL, seals_check },
	{ "noexec", 1, noexec_make, NULL, noexec_check },
	{ "position", 3, position_make, position_late, position_check },
	{ "plain", 1, plain_make, NULL, plain_check },
};

#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

static int fds[KINDS][FILES_MAX];

static void preserve_unasked(int luo)
{
	int session = must(luo_create(luo, "unasked"), "create");

	for (int i = 0; i < UNASKED; i++) {
		int fd = mem_filled("unasked", 0, MIB(1), i);

		must(luo_preserve(session, fd, i), "unasked: preserve");
		close(fd);
	}
	must(luo_create(luo, "empty"), "create");
}

static void preserve_all(int luo)
{
	for (int k = 0; k < KINDS; k++) {
		const struct kind *kind = &kinds[k];
		int session = must(luo_create(luo, kind->name), "create");

		for (int i = 0; i < kind->files; i++)
			must(luo_preserve(session, fds[k][i], i), "%s: preserve %d", kind->name, i);
		if (kind->late)
			kind->late(fds[k]);
	}
	preserve_unasked(luo);
	vm_kexec_arg("luo_filled", "%d", filled() || on_stock());
}

static void take_kind(int luo, int k)
{
	const struct kind *kind = &kinds[k];
	int session = must(luo_retrieve(luo, kind->name), "retrieve %s", kind->name);

	for (int i = 0; i < kind->files; i++)
		fds[k][i] = must(luo_retrieve_fd(session, i), "%s: retrieve %d", kind->name, i);
	kind->look(fds[k]);
	check_eq(luo_retrieve_fd(session, kind->files), -ENOENT, "%s: no more", kind->name);
	check_eq(luo_finish(session), 0, "%s: finish", kind->name);
	close(session);
}

static void take_unasked(int luo)
{
	int session = must(luo_retrieve(luo, "unasked"), "retrieve unasked");
	long total = vm_meminfo("MemTotal"), back;

	check_eq(luo_finish(session), 0, "unasked: finish");
	close(session);
	back = vm_meminfo("MemTotal") - total;
	check(back >= UNASKED * MIB(1), "unasked: %ld KiB are back", back / 1024);

	session = luo_retrieve(luo, "empty");
	check(session >= 0 && !luo_finish(session), "empty: finish");
	close(session);
}

static void take_all(int luo)
{
	take_unasked(luo);
	for (int k = 0; k < KINDS; k++)
		take_kind(luo, k);
	vm_kexec_arg("luo_total", "%ld", vm_meminfo("MemTotal"));
}

/* Here, what the kernel before could not give back is back. */
static void check_total(void)
{
	long missing = vm_meminfo("MemTotal") - vm_arg_num("luo_total", 0);

	tap_note("%ld KiB were missing", missing / 1024);
	check(labs(missing) <= TOLERANCE, "the kernel before had all memory back");
}

int main(int argc, char **argv)
{
	int stage = vm_stage(), last = argc - 2, luo = must(luo_open(), "/dev/liveupdate");

	large = MIB(atoi(argv[1]));
	tap_start(!stage, vm_arg_num("luo_results", 0));
	if (stage == last) {
		check_total();
		tap_finish();
	}
	if (stage)
		take_all(luo);
	else
		for (int k = 0; k < KINDS; k++)
			kinds[k].make(fds[k]);
	if (stage < last - 1)
		preserve_all(luo);
	vm_kexec_image(strcmp(argv[stage + 2], "kernel") ? "/boot/kernel2" : "/boot/kernel");
	tap_bail_at(vm_kexec(), "interchange", "kexec %d", stage);
}
