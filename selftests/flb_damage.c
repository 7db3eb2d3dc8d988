// SPDX-License-Identifier: GPL-2.0
/*
 * Every field of an FLB's record damaged in every way. It costs that FLB at most, and
 * where the list itself is damaged all of them; never a session or its files, but where
 * the root record is. What is lost is not taken for what never was there; what is not
 * lost is finished once.
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

static void add_line(const char *field, const char *how)
{
	strcpy(lines[nr_lines].field, field);
	strcpy(lines[nr_lines++].how, how);
}

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
		add_line(field, how);
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

static bool is(const struct line *line, const char *field, const char *how)
{
	return line && !strcmp(line->field, field) && (!how || !strcmp(line->how, how));
}

/* A list that is shorter is a list too: then there was nothing, or not this one. */
static int lost(const struct line *line)
{
	if (is(line, "flb_header.count", "zero"))
		return -ENODATA;
	return is(line, "flb_header.count", "dec") ? -ENOENT : -EUCLEAN;
}

static int check_flb(int flb, const struct line *line)
{
	int ret = testflb_do("a", "get_incoming", flb);

	if (!ret)
		testflb_do("a", "put_incoming", flb);
	else if (ret != lost(line))
		check_eq(ret, lost(line), "%s %s: FLB %d", line ? line->field : "healthy",
			 line ? line->how : "", flb);
	/* A count is only bounded, so it costs nothing. */
	if (is(line, "flb.count", NULL))
		check_eq(ret, 0, "%s %s: it is there", line->field, line->how);
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
		got[i] = check_flb(i, list || !i ? list : &lines[i - 1]);
	/* "other" makes a second one of the healthy. */
	if (!list)
		check_eq(got[0], -EUCLEAN, "the one whose name stands twice is lost");

	if (is(list, "luo_ser.compatible", NULL)) {
		check_eq(luo_retrieve(luo, "files"), -EUCLEAN, "so is the session");
		check_eq(got[0], -EUCLEAN, "as is every FLB");
		return;
	}
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
	int list = vm_log_count("^luo: (list of FLBs is damaged|previous kernel handed over)");
	int one = vm_log_count("^luo: .*FLB.*(damaged name|twice|wrong number|is lost|not registered)");

	if (round)
		check(list + one >= 1 || !shows(&lines[nr_records + round - 1]),
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
	add_line("luo_ser.flbs_pa", "loose");
	add_line("luo_ser.compatible", "max");
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
