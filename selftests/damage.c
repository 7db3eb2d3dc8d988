// SPDX-License-Identifier: GPL-2.0
/*
 * Every field of every record damaged in every way, a chain of kexecs long.
 * Whatever it is must cost at most the session it is in: the session beside it
 * is whole, the next round starts clean.
 *
 *	damage [FIRST COUNT]	only these rounds, from 1 on; COUNT 0: to the last
 *	damage v2		memfds in mainline's format, and nothing else
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define DAMAGE "/sys/kernel/debug/liveupdate/damage"
#define VICTIMS 24	/* sessions damaged in one round */
#define SHARING 2	/* sessions that suffer from damage to what they share */
#define FILES 66	/* more than one block of records */
#define PAGES 400	/* more extents than header and one block hold */
#define FILLERS 50	/* put the victims into the second block of sessions */

static struct line {
	char session[16];
	char field[32];
	char how[16];
} lines[512], harmless[32];

static struct round {
	int first;
	int count;
	int victims;
} rounds[256];

static int nr_lines, nr_harmless, nr_rounds;
/* Those with damage to single sessions; they do what is harmless as well. */
static int nr_single;
static bool v2;

/* Fields that say what a file is: nothing tells that another value is wrong. */
static bool is_content(const char *field)
{
	static const char *const fields[] = {
		"memfd.size", "memfd.pos", "memfd.seals", "memfd.f_flags",
		"memfd.mode", "memfd.uid", "memfd.gid", "memfd.name",
		"memfd.extent.index", "memfd.extent.pfn",
		"extents.extent.index", "extents.extent.pfn",
		"v2.pos", "v2.size", "v2.seals", "v2.nr_folios", "v2.folio.flags",
		"v2.folio.index",
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (!strcmp(fields[i], field))
			return true;
	return false;
}

static bool is_root(const char *field)
{
	return !strncmp(field, "luo_ser.", 8);
}

/* Damage that no session suffers from, as far as it is in the last block of them. */
static bool is_harmless(const char *field)
{
	return !strcmp(field, "luo_ser.liveupdate_num") || !strcmp(field, "luo_ser.flbs_pa") ||
	       !strcmp(field, "session_block.next");
}

/* Damage that more than one session may suffer from. */
static bool is_shared(const char *field)
{
	return is_root(field) || !strncmp(field, "session_block.", 14);
}

static void set_line(struct line *line, const char *session, int nr, const char *field,
		     const char *how)
{
	snprintf(line->session, sizeof(line->session), "%s-%d", session, nr);
	snprintf(line->field, sizeof(line->field), "%s", field);
	snprintf(line->how, sizeof(line->how), "%s", how);
}

static void add_line(const char *session, const char *field, const char *how, bool alone)
{
	struct round *last = &rounds[nr_rounds - 1];

	if (alone || nr_rounds == 1 || last->count == VICTIMS)
		*(last = &rounds[nr_rounds++]) = (struct round){
			.first = nr_lines,
			.victims = alone ? SHARING : VICTIMS,
		};
	set_line(&lines[nr_lines++], session, last->count++, field, how);
}

/*
 * memfd-v2 has no sum: of the page beside one it can't be told that it is another file's,
 * if that comes later.
 */
static bool is_tested(const char *field, const char *how)
{
	bool beside = !strcmp(how, "inc") || !strcmp(how, "dec");

	if (v2)
		return !strncmp(field, "v2.", 3) && !(beside && !strcmp(field, "v2.folio.pfn"));
	return strncmp(field, "v2.", 3) && strncmp(field, "bpf.", 4) && strncmp(field, "flb", 3);
}

/* Round 0 is without damage: it tells what memory there should be. */
static void read_lines(bool shared)
{
	char field[32], how[16];
	FILE *f = fopen(DAMAGE, "re");

	if (!f)
		tap_bail(DAMAGE ": %m");
	while (fscanf(f, "%31s %15s", field, how) == 2) {
		if (is_shared(field) != shared || !is_tested(field, how))
			continue;
		if (is_harmless(field))
			set_line(&harmless[nr_harmless++], "victim", 0, field, how);
		else
			add_line("victim", field, how, shared);
		/* The first block of sessions too, where healthy is. */
		if (!strcmp(field, "session_block.next"))
			add_line("filler", field, how, true);
	}
	fclose(f);
}

/* One of each field: those that can be done to it stand in a row, and are no more. */
static bool is_with(const struct round *round, int nr)
{
	int single = round - rounds - 1;

	return single >= 0 && single < nr_single && nr % nr_single == single;
}

static void preserve_files(int session, unsigned int seed)
{
	int fd = mem_create("damage", 0, 2 * PAGES * KIB(4));

	for (int i = 0; i < PAGES; i++)
		mem_fill(fd, i * KIB(8), KIB(4), seed);
	must(luo_preserve(session, fd, 0), "preserve");
	close(fd);
	for (int i = 1; i < FILES; i++) {
		fd = mem_filled("damage", 0, KIB(4), seed + i);
		must(luo_preserve(session, fd, i), "preserve");
		close(fd);
	}
}

static bool file_is_whole(int fd, int token, unsigned int seed)
{
	if (token)
		return mem_size(fd) == KIB(4) && mem_is(fd, 0, KIB(4), seed + token);
	if (mem_size(fd) != 2 * PAGES * KIB(4) || mem_allocated(fd) != PAGES * KIB(4))
		return false;
	for (int i = 0; i < PAGES; i++)
		if (!mem_is(fd, i * KIB(8), KIB(4), seed))
			return false;
	return true;
}

static void damage(const struct line *line)
{
	must(write_file(DAMAGE, "%s %s %s", line->session, line->field, line->how),
	     "damage %s %s", line->field, line->how);
}

static void prepare(const struct round *round)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	char name[32];

	preserve_files(must(luo_create(luo, "healthy"), "create"), 1000);
	for (int i = 0; i < FILLERS; i++) {
		snprintf(name, sizeof(name), "filler-%d", i);
		must(luo_create(luo, name), "create");
	}
	for (int i = 0; i < round->victims; i++) {
		snprintf(name, sizeof(name), "victim-%d", i);
		preserve_files(must(luo_create(luo, name), "create"), 2000 + 100 * i);
	}
	for (int i = 0; i < round->count; i++)
		damage(&lines[round->first + i]);
	for (int i = 0; i < nr_harmless; i++)
		if (is_with(round, i))
			damage(&harmless[i]);
}

static bool is_clear(int err)
{
	return err == -EUCLEAN || err == -ENOENT || err == -EUNATCH;
}

/*
 * Number of files that are neither as they were nor refused with an errno that
 * says so. @field is what was damaged, for the file with token 0.
 */
static int check_files(int session, unsigned int seed, const char *field, int *whole)
{
	int bad = 0;

	for (int token = 0; token < FILES; token++) {
		int fd = luo_retrieve_fd(session, token);

		if (fd < 0) {
			if (!is_clear(fd)) {
				tap_note("token %d: %s", token, strerrorname_np(-fd));
				bad++;
			}
			continue;
		}
		if (file_is_whole(fd, token, seed)) {
			(*whole)++;
		} else if (token || !field || !is_content(field)) {
			tap_note("token %d: not as it was", token);
			bad++;
		}
		close(fd);
	}
	return bad;
}

static void check_session(int luo, const char *name, unsigned int seed, const struct line *line)
{
	int session = luo_retrieve(luo, name), whole = 0, bad;
	char what[80] = "not damaged";

	if (line)
		snprintf(what, sizeof(what), "%s %s", line->field, line->how);
	if (session < 0) {
		check(is_clear(session) && line, "%s: %s: the session is refused: %s", name, what,
		      strerrorname_np(-session));
		return;
	}
	bad = check_files(session, seed, line ? line->field : NULL, &whole);
	bad += !line && whole != FILES;
	bad += luo_finish(session) != 0;
	check_eq(bad, 0, "%s: %s: %d of %d files are whole", name, what, whole, FILES);
	close(session);
}

static void check_memory(int round)
{
	long kho = must(kho_preserved(), "count what KHO preserves"), total = vm_meminfo("MemTotal");
	long lost = vm_arg_num("luo_total", 0) - total;

	if (round == 0) {
		vm_kexec_arg("luo_kho", "%ld", kho);
		vm_kexec_arg("luo_total", "%ld", total);
		return;
	}
	check_eq(kho, vm_arg_num("luo_kho", 0), "round %d: bytes KHO goes on preserving", round);
	/* What can't be understood is kept aside: the victims, nothing else. */
	check(lost <= (VICTIMS + 1) * (PAGES + 4 * FILES) * KIB(4) && lost > -MIB(1),
	      "round %d: %ld KiB are kept aside", round, lost / 1024);
}

static void verify(int nr, const struct round *round)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	const struct line *line = round->count ? &lines[round->first] : NULL;
	bool shared = line && is_shared(line->field);
	char name[32];

	for (int i = 0; i < nr_harmless; i++)
		if (is_with(round, i))
			tap_note("damaged too: %s %s", harmless[i].field, harmless[i].how);
	check_session(luo, "healthy", 1000, line && is_root(line->field) ? line : NULL);
	for (int i = 0; i < round->victims; i++) {
		snprintf(name, sizeof(name), "victim-%d", i);
		check_session(luo, name, 2000 + 100 * i,
			      shared ? line : i < round->count ? line + i : NULL);
	}
	for (int i = 0; i < FILLERS; i++) {
		int session;

		snprintf(name, sizeof(name), "filler-%d", i);
		session = luo_retrieve(luo, name);
		if (session >= 0 ? luo_finish(session) : !shared)
			check(false, "%s: %d", name, session);
		close(session);
	}
	close(luo);
	check_memory(nr);
}

static int first = 1, count;

/* The round that this kernel prepares, and the next one looks at. */
static int round_of(int stage)
{
	return stage ? first + stage - 1 : 0;
}

int main(int argc, char **argv)
{
	int stage = vm_stage();

	if (argc == 3) {
		first = atoi(argv[1]);
		count = atoi(argv[2]);
	}
	v2 = argc == 2 && !strcmp(argv[1], "v2");
	tap_start(!stage, vm_arg_num("luo_results", 0));
	rounds[nr_rounds++].victims = SHARING;
	read_lines(false);
	nr_single = nr_rounds - 1;
	read_lines(true);
	if (!stage)
		tap_note("%d kinds of damage in %d rounds", nr_lines + nr_harmless,
			 nr_rounds - 1);
	else
		verify(round_of(stage - 1), &rounds[round_of(stage - 1)]);
	if ((count && stage == count + 1) || round_of(stage) >= nr_rounds)
		tap_finish();
	prepare(&rounds[round_of(stage)]);
	tap_bail_at(vm_kexec(), "damage", "kexec");
}
