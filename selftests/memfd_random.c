// SPDX-License-Identifier: GPL-2.0
/*
 * memfds whose layout is a matter of chance, against a model: written to, punched and
 * made of folios of any size, before and after they are preserved. The next kernel plays
 * the same game with the model alone, and compares.
 *
 *	memfd_random SEED
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define FILES 24
#define MOVES 60
#define UNIT 512	/* what is written at least */
#define MAX_UNITS (MIB(6) / UNIT)

/* What a file should hold: the seed that each unit was written with, 0 for zeroes. */
static struct model {
	uint32_t state;
	long units;
	uint8_t seed[MAX_UNITS];
} model;

static uint32_t dice(uint32_t sides)
{
	model.state ^= model.state << 13;
	model.state ^= model.state >> 17;
	model.state ^= model.state << 5;
	return model.state % sides;
}

static void range(long *start, long *nr)
{
	/* Most are short, some go over several of the largest folios. */
	const long longest = dice(4) ? 64 : model.units;

	*start = dice(model.units);
	*nr = 1 + dice(longest);
	if (*nr > model.units - *start)
		*nr = model.units - *start;
}

static void move_write(int fd)
{
	const uint8_t seed = 1 + dice(255);
	long start, nr;

	range(&start, &nr);
	memset(model.seed + start, seed, nr);
	if (fd >= 0)
		mem_fill(fd, start * UNIT, nr * UNIT, seed);
}

static void move_punch(int fd)
{
	long start, nr;

	range(&start, &nr);
	memset(model.seed + start, 0, nr);
	if (fd >= 0)
		must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start * UNIT,
			       nr * UNIT), "punch");
}

/*
 * Of what size folios are from here on: "within_size" makes them as large as fit into the
 * file, which grows.
 */
static void move_size(int fd)
{
	static const char *const settings[] = { "never", "within_size", "always" };
	const uint32_t which = dice(3);

	if (fd >= 0)
		mem_use_huge(settings[which]);
}

/* On which node pages come from here on, if there are two. */
static void move_node(int fd)
{
	const unsigned long node = 1UL << dice(2);

	if (fd >= 0)
		syscall(SYS_set_mempolicy, MPOL_PREFERRED, &node, 8 * sizeof(node));
}

static void play(int fd, bool preserved)
{
	for (int i = 0; i < MOVES; i++) {
		const uint32_t what = dice(10);

		if (what == 0)
			move_size(fd);
		else if (what == 1)
			move_node(fd);
		else if (what < 4 && !preserved)
			move_punch(fd);
		else
			move_write(fd);
	}
}

static uint32_t first_seed = 1;

static void start(int file)
{
	memset(&model, 0, sizeof(model));
	model.state = first_seed * 1000003 + file;
	model.units = 1 + dice(MAX_UNITS - 1);
}

static void before(void)
{
	int session = must(luo_create(must(luo_open(), "/dev/liveupdate"), "random"), "create");
	long allocated = 0;

	for (int i = 0; i < FILES; i++) {
		int fd;

		start(i);
		fd = mem_create("random", 0, 0);
		play(fd, false);
		must(ftruncate(fd, model.units * UNIT), "ftruncate");
		must(luo_preserve(session, fd, i), "preserve");
		play(fd, true);
		allocated += mem_allocated(fd);
		close(fd);
	}
	vm_kexec_arg("random_allocated", "%ld", allocated);
}

static long wrong_units(int fd)
{
	long wrong = 0;

	for (long u = 0; u < model.units; u++)
		wrong += !(model.seed[u] ? mem_is(fd, u * UNIT, UNIT, model.seed[u]) :
					   mem_is_zero(fd, u * UNIT, UNIT));
	return wrong;
}

static void after(void)
{
	int session = must(luo_retrieve(must(luo_open(), "/dev/liveupdate"), "random"), "retrieve");
	long allocated = 0;

	for (int i = 0; i < FILES; i++) {
		int fd = must(luo_retrieve_fd(session, i), "retrieve %d", i);

		allocated += mem_allocated(fd);
		start(i);
		play(-1, false);
		play(-1, true);
		check_eq(mem_size(fd), model.units * UNIT, "file %d: size", i);
		check_eq(wrong_units(fd), 0, "file %d: units with other contents", i);
		/* And the pages can be used: the tree finds each of them for itself. */
		must(ftruncate(fd, 0), "truncate");
		check_eq(mem_allocated(fd), 0, "file %d: bytes that are left when it is empty", i);
		close(fd);
	}
	check_eq(allocated, vm_arg_num("random_allocated", -1), "holes are holes: bytes allocated");
	check_eq(luo_finish(session), 0, "finish");
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };

	if (argc > 1)
		first_seed = atoi(argv[1]);
	vm_run_stages(stages, 2);
}
