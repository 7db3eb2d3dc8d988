// SPDX-License-Identifier: GPL-2.0
/*
 * memfd KIND MIB: one memfd of that size, written in one of these ways
 *
 *	in_order	4 KiB pages, from the first to the last
 *	shifted		the same without the first: if the one is aligned in memory as in the
 *			file, the other is not
 *	scattered	4 KiB pages, never one after its neighbour
 *	64k, 2m		large folios
 *	sparse		one page in each MiB
 *
 * The figures are instructions a MiB of the file's size, whatever of it is there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define SEED 1
#define STAMP 64
/* Much more than what the boot archive takes */
#define PIECES MIB(64)
/* Coprime to any power of two: a stride that leads to each page once. */
#define STRIDE 4099

struct kind {
	const char *name;
	void (*write)(int fd, off_t size);
};

static const struct kind *kind;
static long mib;

/* A stamp is enough for the page to be there, and to be told from another. */
static void touch(int fd, off_t off)
{
	mem_fill(fd, off, STAMP, SEED);
}

static void write_from(int fd, off_t off, off_t size)
{
	for (; off < size; off += page_size())
		touch(fd, off);
}

static void write_in_order(int fd, off_t size)
{
	write_from(fd, 0, size);
}

static void write_shifted(int fd, off_t size)
{
	write_from(fd, page_size(), size);
}

static void write_scattered(int fd, off_t size)
{
	const long pages = size / page_size();

	for (long i = 0; i < pages; i++)
		touch(fd, i * STRIDE % pages * page_size());
}

/* One look for each page: of a large file the beginning will do. */
static off_t looked_at(off_t size)
{
	return size < MIB(16) ? size : MIB(16);
}

static void check_large(int fd, off_t size)
{
	const off_t look = looked_at(size);

	check_eq(mem_huge(fd, 0, look), look, "%s: bytes in large folios", kind->name);
}

/* The largest folios that fit into a file that grows by 64 KiB at a time. */
static void write_64k(int fd, off_t size)
{
	mem_use_huge("within_size");
	must(ftruncate(fd, 0), "ftruncate");
	for (off_t off = 0; off < size; off += KIB(64)) {
		must(ftruncate(fd, off + KIB(64)), "ftruncate");
		touch(fd, off);
	}
	mem_use_huge("never");
	write_in_order(fd, size);
	check_large(fd, size);
}

static void write_2m(int fd, off_t size)
{
	mem_use_huge("always");
	write_in_order(fd, size);
	mem_use_huge("never");
	check_large(fd, size);
}

static void write_sparse(int fd, off_t size)
{
	for (off_t off = 0; off < size; off += MIB(1))
		touch(fd, off);
}

static const struct kind kinds[] = {
	{ "in_order", write_in_order },
	{ "shifted", write_shifted },
	{ "scattered", write_scattered },
	{ "64k", write_64k },
	{ "2m", write_2m },
	{ "sparse", write_sparse },
};

static void set_kind(char **args)
{
	kind = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(args[0], kinds[i].name))
			kind = &kinds[i];
	mib = atol(args[1]);
	if (!kind || mib < 1)
		tap_bail("no memfd %s of %s MiB", args[0], args[1]);
}

static void figure(const char *call, double value)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", call, kind->name);
	bench_figure(name, mib, value);
}

static void figure_per_mib(const char *call, uint64_t since)
{
	figure(call, (double)(bench_now() - since) / mib);
}

static int preserve(const char *call, int fd)
{
	int session = must(luo_create(bench_luo, kind->name), "create");
	uint64_t start = bench_now();

	must(luo_preserve(session, fd, 0), "preserve");
	figure_per_mib(call, start);
	return session;
}

static void unpreserve(int session)
{
	uint64_t start = bench_now();

	close(session);
	figure_per_mib("unpreserve", start);
}

/*
 * What was used and freed while the system started is in single pages, the last one first,
 * and is handed out before all else: so that the memfd does not get it, which is chance,
 * somebody else does.
 */
static int take_pieces(void)
{
	int fd = mem_create("pieces", 0, PIECES);

	write_in_order(fd, PIECES);
	return fd;
}

/*
 * The first time, what lies in KHO's scratch memory has to be moved; how much does is
 * chance. So there is a second time.
 */
static void memfd_before(char **args)
{
	int fd, pieces = take_pieces();
	long kho, free;

	set_kind(args);
	fd = mem_create(kind->name, 0, MIB(mib));
	kind->write(fd, MIB(mib));
	unpreserve(preserve("preserve_first", fd));
	kho = kho_preserved();
	free = vm_meminfo("MemFree");
	preserve("preserve", fd);
	free -= vm_meminfo("MemFree");
	kho = kho_preserved() - kho;
	close(pieces);
	check(kho > 0, "%s: preserved", kind->name);
	figure("kib_kept", kho / 1024.0);
	figure("kib_records", (kho - mem_allocated(fd)) / 1024.0);
	figure("kib_taken", free / 1024.0);
	close(fd);
	bench_kexec_with(kind->name, mib);
}

static bool is_hole(off_t off)
{
	return kind->write == write_sparse ? off % MIB(1) : kind->write == write_shifted && !off;
}

static long wrong_pages(int fd)
{
	long wrong = 0;

	for (off_t off = 0; off < MIB(mib); off += page_size())
		wrong += is_hole(off) ? !mem_is_zero(fd, off, STAMP) :
					!mem_is(fd, off, STAMP, SEED);
	return wrong;
}

static bool is_in_order(void)
{
	return kind->write == write_in_order || kind->write == write_shifted;
}

/* How much came back in large folios; which there are none of before. */
static double percent_large(int fd)
{
	const off_t look = looked_at(MIB(mib));

	return 100.0 * mem_huge(fd, 0, look) / look;
}

static void memfd_after(char **args)
{
	uint64_t start;
	int session, fd;

	set_kind(args);
	session = must(luo_retrieve(bench_luo, kind->name), "retrieve");
	start = bench_now();
	fd = must(luo_retrieve_fd(session, 0), "retrieve");
	figure_per_mib("retrieve", start);
	check_eq(wrong_pages(fd), 0, "%s: pages with other contents", kind->name);
	if (is_in_order())
		figure("percent_large", percent_large(fd));
	start = bench_now();
	must(luo_finish(session), "finish");
	figure_per_mib("finish", start);
	close(session);
	close(fd);
}

const struct workload memfd_workload = {
	.name = "memfd", .usage = "KIND MIB", .nr_args = 2,
	.before = memfd_before, .after = memfd_after,
};
