// SPDX-License-Identifier: GPL-2.0
/*
 * Every field of an FLB's record damaged in every way. It costs that FLB at most, and
 * where the list itself is damaged all of them; never a session or its files. What
 * is not lost is finished once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "testflb.h"
#include "vm.h"

#define DAMAGE "/sys/kernel/debug/liveupdate/damage"
#define MAX 64

static struct line {
	char field[32];
	char how[16];
} lines[MAX];

static int nr_lines, nr_records;

/* Those of records come first, one for each FLB; then those of the list. */
static void read_lines(const char *prefix)
{
	char field[32], how[16];
	FILE *f = fopen(DAMAGE, "re");

	if (!f)
		tap_bail(DAMAGE ": %m");
	while (fscanf(f, "%31s %15s", field, how) == 2) {
		if (strncmp(field, prefix, strlen(prefix)) || nr_lines == MAX)
			continue;
		strcpy(lines[nr_lines].field, field);
		strcpy(lines[nr_lines++].how, how);
	}
	fclose(f);
}

static void load(void)
{
	char params[32];

	/* The first is healthy, the others suffer. */
	snprintf(params, sizeof(params), "flbs=%d a=%d", nr_records + 1, nr_records + 1);
	testflb_load(params);
}

static void damage(int flb, const struct line *line)
{
	must(write_file(DAMAGE, "luo-testflb-%d %s %s", flb, line->field, line->how),
	     "damage %s %s", line->field, line->how);
}

/* Round 0: all fields of records; after that one field of the list each. */
static void prepare(int round)
{
	int session = must(luo_create(must(luo_open(), "/dev/liveupdate"), "files"), "create");

	for (int i = 0; i < 3; i++)
		must(testflb_preserve(session, "a", i), "preserve");
	must(luo_preserve(session, mem_filled("flb", 0, MIB(1), 7), 100), "preserve");
	for (int i = 0; i < nr_records && !round; i++)
		damage(i + 1, &lines[i]);
	if (round)
		damage(1, &lines[nr_records + round - 1]);
}

static bool is_clear(int err)
{
	return err == -EUCLEAN || err == -ENOENT || err == -ENODATA;
}

static int check_flb(int flb, const char *field, const char *how)
{
	int ret = testflb_do("a", "get_incoming", flb);

	if (!ret)
		testflb_do("a", "put_incoming", flb);
	if (ret && !is_clear(ret))
		check(false, "%s %s: %s", field, how, strerrorname_np(-ret));
	/* A count is only bounded, so it costs nothing. */
	if (!strcmp(field, "flb.count"))
		check_eq(ret, 0, "%s %s: it is there", field, how);
	return ret;
}

static void check_finished(const int *got)
{
	int wrong = 0;

	for (int i = 0; i <= nr_records; i++) {
		char call[32];

		snprintf(call, sizeof(call), "finish %d", i);
		if (testflb_calls(call) != !got[i]) {
			tap_note("FLB %d: got %d, finished %d times", i, got[i],
				 testflb_calls(call));
			wrong++;
		}
	}
	check_eq(wrong, 0, "FLBs that are not finished once if they were there");
}

static void verify(int round)
{
	int luo = must(luo_open(), "/dev/liveupdate"), session, fd, got[MAX + 1];
	const struct line *list = round ? &lines[nr_records + round - 1] : NULL;

	load();
	if (list)
		tap_note("%s %s", list->field, list->how);
	for (int i = 0; i <= nr_records; i++)
		got[i] = check_flb(i, list || !i ? "" : lines[i - 1].field,
				   list || !i ? "" : lines[i - 1].how);
	/* "other" makes a second one of the healthy. */
	if (!list)
		check_eq(got[0], -EUCLEAN, "the one whose name stands twice is lost");

	session = must(luo_retrieve(luo, "files"), "retrieve");
	fd = luo_retrieve_fd(session, 100);
	check(fd >= 0 && mem_is(fd, 0, MIB(1), 7), "the memfd is whole");
	check(luo_retrieve_fd(session, 1) >= 0, "so is a file with FLBs");
	check_eq(luo_finish(session), 0, "finish");
	close(session);
	check_finished(got);
	closefrom(3);
	check_eq(vm_rmmod("luo_testflb"), 0, "the module can go");
}

/* A list that is shorter is a list too, and the value of another list is its own. */
static bool shows(const struct line *line)
{
	if (!strcmp(line->field, "flb_header.count"))
		return strcmp(line->how, "zero") && strcmp(line->how, "dec") &&
		       strcmp(line->how, "other");
	return strcmp(line->how, "other");
}

static void check_log(int round)
{
	int lost = vm_log_count("^luo: list of FLBs is damaged");
	int one = vm_log_count("^luo: .*FLB.*(damaged name|twice|wrong number|is lost|not registered)");

	if (round)
		check(lost + one >= 1 || !shows(&lines[nr_records + round - 1]),
		      "the log says so");
	else
		/* A count that is off by one is possible, or one taken from another. */
		check(one >= nr_records - 3, "the log has %d lines for %d kinds of damage", one,
		      nr_records);
}

int main(void)
{
	int stage = vm_stage(), rounds;

	tap_start(!stage, vm_arg_num("luo_results", 0));
	read_lines("flb.");
	nr_records = nr_lines;
	read_lines("flb_header.");
	rounds = 1 + nr_lines - nr_records;
	if (!stage)
		check(nr_records > 12 && rounds > 8, "%d kinds of damage to a record, %d to the list",
		      nr_records, rounds - 1);
	else
		verify(stage - 1);
	if (stage)
		check_log(stage - 1);
	if (stage == rounds)
		tap_finish();
	load();
	prepare(stage);
	tap_bail_at(vm_kexec(), "flb_damage", "kexec");
}
