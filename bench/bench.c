// SPDX-License-Identifier: GPL-2.0
/*
 * What live update costs. In a VM whose clock counts instructions (ICOUNT=1) a
 * nanosecond is an instruction.
 *
 *	bench WHAT [DIVISOR]	empty, sessions, files, pages, or all of them; all
 *				sizes divided by DIVISOR
 *
 * Prints, as TAP comments, for bench/run:
 *
 *	bench FIGURE SIZE VALUE	the cost of one more with SIZE of them there
 *	curve FIGURE SIZE VALUE	the same, at many sizes
 *	kexec WHAT COUNT	that many of them go through the kexec
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* Calls that are averaged: what is done once in a while is part of the cost. */
#define STEP 50
#define MAX 10000
#define TRACING "/sys/kernel/tracing/"

static int divisor = 1;
static int luo = -1, session = -1;
static uint64_t open_time;
static int fds[MAX];
static char names[MAX][LUO_NAME_MAX];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void figure(const char *name, long size, uint64_t sum, long count)
{
	tap_note("bench %s %ld %.1f", name, size, (double)sum / count);
}

/*
 * Time @count calls, and print what one costs around each of the sizes
 * (terminated by 0) and, if @curve, at every STEP.
 */
static void measure(const char *name, long count, int (*call)(long i),
		    const int *sizes, bool curve)
{
	const long step = count < STEP ? count : STEP;
	static uint64_t marks[MAX / STEP + 1];
	long failed = 0, size;

	for (long i = 0; i < count; i++) {
		if (i % step == 0)
			marks[i / step] = now();
		failed += call(i) < 0;
	}
	if (count % step == 0)
		marks[count / step] = now();

	for (long i = 0; i < count / step; i++) {
		const uint64_t time = marks[i + 1] - marks[i];

		size = (i + 1) * step;
		if (curve)
			tap_note("curve %s %ld %.1f", name, size, (double)time / step);
		for (const int *s = sizes; *s; s++)
			if (*s / divisor == size)
				figure(name, *s, time, step);
	}
	check_eq(failed, 0, "%s, %ld times", name, count);
}

static void kexec_with(const char *name, long count)
{
	tap_note("kexec %s %ld", name, count);
}

/*
 * With tp_printk on the command line, the log will tell when the kernel went into
 * liveupdate_reboot() and when it came out.
 */
static void trace_freeze(void)
{
	must(write_file(TRACING "kprobe_events",
			"p:luo_freeze liveupdate_reboot\nr:luo_frozen liveupdate_reboot\n"),
	     "kprobe_events");
	must(write_file(TRACING "events/kprobes/enable", "1"), "enable kprobes");
}

/* Nothing: what is there without it. */

static void empty_before(void)
{
}

static void empty_after(void)
{
	check(true, "nothing came back");
}

/* Sessions without files */

static const int session_sizes[] = { 500, 10000, 0 };

static long nr_sessions(void)
{
	return MAX / divisor;
}

static void make_names(void)
{
	for (long i = 0; i < nr_sessions(); i++)
		snprintf(names[i], sizeof(names[i]), "vm-%ld", i);
}

static int create_session(long i)
{
	return luo_create(luo, names[i]);
}

static int retrieve_session(long i)
{
	fds[i] = luo_retrieve(luo, names[i]);
	return fds[i];
}

static int finish_session(long i)
{
	return luo_finish(fds[i]);
}

static void sessions_before(void)
{
	make_names();
	measure("create_session", nr_sessions(), create_session, session_sizes, true);
	kexec_with("session", nr_sessions());
}

/* Who first asks for one of them may be who has all of them read. */
static void read_sessions(void)
{
	uint64_t start = now();

	check_eq(luo_retrieve(luo, "none"), -ENOENT, "no such session");
	figure("read_session_list", nr_sessions(), now() - start, nr_sessions());
}

static void sessions_after(void)
{
	figure("open_session", nr_sessions(), open_time, nr_sessions());
	read_sessions();
	make_names();
	measure("retrieve_session", nr_sessions(), retrieve_session, session_sizes, true);
	measure("finish_session", nr_sessions(), finish_session, session_sizes, true);
}

/* Sessions of memfds of one page; of the last one, nothing is retrieved. */

static const struct {
	const char *name;
	int files;
	bool leave;
} file_sessions[] = {
	{ "files-100", 100, false },
	{ "files-1000", 1000, false },
	{ "files-10000", 10000, false },
	{ "files-left", 1000, true },
};

static long nr_files(void)
{
	long sum = 0;

	for (size_t s = 0; s < ARRAY_SIZE(file_sessions); s++)
		sum += file_sessions[s].files / divisor;
	return sum;
}

static int preserve_fd(long i)
{
	return luo_preserve(session, fds[i], i);
}

static int retrieve_fd(long i)
{
	fds[i] = luo_retrieve_fd(session, i);
	return fds[i];
}

static void close_fds(long count)
{
	for (long i = 0; i < count; i++)
		close(fds[i]);
}

static void make_memfds(long count)
{
	for (long i = 0; i < count; i++) {
		fds[i] = mem_create("bench", 0, page_size());
		mem_fill(fds[i], 0, 8, i);
	}
}

static void preserve_files(long count, int size)
{
	const int sizes[] = { size, 0 };
	long kho = kho_preserved();

	measure("preserve_fd", count, preserve_fd, sizes, size == MAX);
	kho = kho_preserved() - kho;
	check(kho > 0, "%ld files: preserved", count);
	figure("bytes_file", size, kho, count);
}

static void files_before(void)
{
	for (size_t s = 0; s < ARRAY_SIZE(file_sessions); s++) {
		const long count = file_sessions[s].files / divisor;

		make_memfds(count);
		session = must(luo_create(luo, file_sessions[s].name), "create");
		if (!file_sessions[s].leave)
			preserve_files(count, file_sessions[s].files);
		for (long i = 0; file_sessions[s].leave && i < count; i++)
			must(preserve_fd(i), "preserve");
		close_fds(count);
	}
	kexec_with("file", nr_files());
}

static void retrieve_files(long count, int size)
{
	const int sizes[] = { size, 0 };
	long wrong = 0;

	measure("retrieve_fd", count, retrieve_fd, sizes, size == MAX);
	for (long i = 0; i < count; i++)
		wrong += !mem_is(fds[i], 0, 8, i);
	check_eq(wrong, 0, "%ld files: contents", count);
}

static void files_after(void)
{
	figure("open_file", nr_files(), open_time, nr_files());
	for (size_t s = 0; s < ARRAY_SIZE(file_sessions); s++) {
		const bool leave = file_sessions[s].leave;
		const int size = file_sessions[s].files;
		const long count = size / divisor;
		uint64_t start = now();

		session = must(luo_retrieve(luo, file_sessions[s].name), "retrieve");
		if (!leave) {
			figure("read_session", size, now() - start, count);
			retrieve_files(count, size);
		}
		start = now();
		check_eq(luo_finish(session), 0, "finish %s", file_sessions[s].name);
		figure(leave ? "finish_left" : "finish", size, now() - start, count);
		if (!leave)
			close_fds(count);
	}
}

/* Large memfds: of small pages written in order or not, of large folios, of holes */

#define HUGE_ENABLED "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

static void write_in_order(int fd, off_t size)
{
	mem_fill(fd, 0, size, 1);
}

/* An odd stride leads to each of a power of two pages once. */
static void write_scattered(int fd, off_t size)
{
	const long pages = size / page_size();

	for (long i = 0; i < pages; i++)
		mem_fill(fd, (i * 4099 % pages) * page_size(), page_size(), 1);
}

static void write_huge(int fd, off_t size)
{
	must(write_file(HUGE_ENABLED, "always"), HUGE_ENABLED);
	mem_fill(fd, 0, size, 1);
	must(write_file(HUGE_ENABLED, "never"), HUGE_ENABLED);
	check_eq(mem_huge(fd, 0, size), size, "made of large folios");
}

/* 1 MiB of data, one page at a time. */
static void write_sparse(int fd, off_t size)
{
	const long pages = MIB(1) / divisor / page_size();

	for (long i = 0; i < pages; i++)
		mem_fill(fd, size / pages * i, page_size(), 1);
}

static const struct {
	const char *name;
	void (*write)(int fd, off_t size);
	int mib;
} memfds[] = {
	{ "in_order", write_in_order, 64 },
	{ "scattered", write_scattered, 64 },
	{ "huge", write_huge, 64 },
	{ "sparse", write_sparse, 256 },
};

static long memfd_pages(size_t i)
{
	return MIB(memfds[i].mib) / divisor / page_size();
}

/* Of whatever is there, each by the page that the file is long. */
static void memfd_figure(const char *call, size_t i, uint64_t value)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", call, memfds[i].name);
	figure(name, memfds[i].mib, value, memfd_pages(i));
}

static void memfd_preserve(const char *call, size_t i, int fd)
{
	uint64_t start;

	session = must(luo_create(luo, memfds[i].name), "create");
	start = now();
	must(luo_preserve(session, fd, i), "preserve");
	memfd_figure(call, i, now() - start);
}

static void memfd_unpreserve(size_t i)
{
	uint64_t start = now();

	close(session);
	memfd_figure("unpreserve", i, now() - start);
}

/*
 * The first time, what lies in KHO's scratch memory has to be moved; how much
 * does is chance. So there is a second time.
 */
static void pages_before(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(memfds); i++) {
		int fd = mem_create(memfds[i].name, 0, memfd_pages(i) * page_size());
		long kho = kho_preserved();
		char name[64];

		memfds[i].write(fd, mem_size(fd));
		memfd_preserve("preserve_first", i, fd);
		memfd_unpreserve(i);
		memfd_preserve("preserve", i, fd);
		kho = kho_preserved() - kho;
		check(kho > 0, "%s: preserved", memfds[i].name);
		snprintf(name, sizeof(name), "kib_%s", memfds[i].name);
		figure(name, memfds[i].mib, kho, KIB(1));
		close(fd);
	}
}

static void pages_after(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(memfds); i++) {
		uint64_t start;
		int fd;

		session = must(luo_retrieve(luo, memfds[i].name), "retrieve");
		start = now();
		fd = must(luo_retrieve_fd(session, i), "retrieve");
		memfd_figure("retrieve", i, now() - start);
		check(mem_is(fd, 0, page_size(), 1), "%s: contents", memfds[i].name);
		start = now();
		must(luo_finish(session), "finish");
		memfd_figure("finish", i, now() - start);
		close(fd);
	}
}

static const struct {
	const char *name;
	vm_stage_fn before, after;
} what[] = {
	{ "empty", empty_before, empty_after },
	{ "sessions", sessions_before, sessions_after },
	{ "files", files_before, files_after },
	{ "pages", pages_before, pages_after },
};

/* The stage's part of all that is asked for; false if nothing is. */
static bool run(const char *name)
{
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		if (strcmp(name, "all") && strcmp(name, what[i].name))
			continue;
		if (vm_stage())
			what[i].after();
		else
			what[i].before();
		found = true;
	}
	return found;
}

int main(int argc, char **argv)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };

	if (argc > 2)
		divisor = atoi(argv[2]);
	if (argc < 2 || divisor < 1)
		return 2;
	setrlimit(RLIMIT_NOFILE, &limit);
	/* A table of descriptors that has to grow is no cost of ours. */
	dup2(0, 2 * MAX + 100);

	/* Nor is what is read from the disk meanwhile. */
	must(mlockall(MCL_CURRENT), "mlockall");

	tap_start(!vm_stage(), vm_arg_num("luo_results", 0));
	open_time = now();
	luo = must(luo_open(), "/dev/liveupdate");
	open_time = now() - open_time;
	if (!run(argv[1]))
		tap_bail("nothing is named %s", argv[1]);
	if (vm_stage())
		tap_finish();
	must(vm_kexec_load(), "load");
	trace_freeze();
	tap_bail_at(vm_kexec(), "main", "kexec");
}
