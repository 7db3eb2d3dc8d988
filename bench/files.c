// SPDX-License-Identifier: GPL-2.0
/*
 * files SESSIONS COUNT: memfds of one page, COUNT in each of the sessions
 * files-left SESSIONS COUNT: the same, of which none is retrieved
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"

static int *sessions;
static long nr_sessions, nr_files;

/* Figures of one session are apart from those of many. */
static const char *figure_name(const char *call)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s%s", call, nr_sessions > 1 ? "_many" : "");
	return name;
}

static const char *session_name(long i)
{
	static char name[LUO_NAME_MAX];

	snprintf(name, sizeof(name), "files-%ld-%ld-%ld", nr_sessions, nr_files, i);
	return name;
}

static long all_files(void)
{
	return nr_sessions * nr_files;
}

static void set_sizes(char **args)
{
	nr_sessions = atol(args[0]);
	nr_files = atol(args[1]);
	sessions = calloc(nr_sessions, sizeof(*sessions));
	if (!sessions || all_files() > BENCH_MAX)
		tap_bail("%ld files: more than %d", all_files(), BENCH_MAX);
}

static int preserve(long i)
{
	return luo_preserve(sessions[i / nr_files], bench_fds[i], i % nr_files);
}

static int retrieve(long i)
{
	bench_fds[i] = luo_retrieve_fd(sessions[i / nr_files], i % nr_files);
	return bench_fds[i];
}

static void make_memfds(void)
{
	for (long i = 0; i < all_files(); i++) {
		bench_fds[i] = mem_create("bench", 0, page_size());
		mem_fill(bench_fds[i], 0, 8, i);
	}
}

static void create_sessions(void)
{
	for (long i = 0; i < nr_sessions; i++)
		sessions[i] = must(luo_create(bench_luo, session_name(i)), "create");
}

static void close_sessions(void)
{
	for (long i = 0; i < nr_sessions; i++)
		close(sessions[i]);
}

/*
 * The first time, what lies in KHO's scratch memory has to be moved; how much does is
 * chance. So there is a second time.
 */
static void files_before(char **args)
{
	long kho;

	set_sizes(args);
	make_memfds();
	create_sessions();
	bench_calls(figure_name("preserve_first_fd"), all_files(), all_files(), preserve);
	close_sessions();
	create_sessions();
	kho = kho_preserved();
	bench_calls(figure_name("preserve_fd"), all_files(), all_files(), preserve);
	bench_figure(figure_name("bytes_file"), all_files(),
		     (double)(kho_preserved() - kho) / all_files());
	bench_close_fds(all_files());
	bench_kexec_with(figure_name("file"), all_files());
}

static void retrieve_sessions(void)
{
	uint64_t start = bench_now();

	for (long i = 0; i < nr_sessions; i++)
		sessions[i] = must(luo_retrieve(bench_luo, session_name(i)), "retrieve");
	bench_figure(figure_name("read_session"), all_files(),
		     (double)(bench_now() - start) / all_files());
}

static void check_contents(void)
{
	long wrong = 0;

	for (long i = 0; i < all_files(); i++)
		wrong += !mem_is(bench_fds[i], 0, 8, i);
	check_eq(wrong, 0, "%ld files: those with other contents", all_files());
}

static void finish_sessions(const char *name)
{
	uint64_t start = bench_now();
	long failed = 0;

	for (long i = 0; i < nr_sessions; i++)
		failed += luo_finish(sessions[i]) < 0;
	bench_figure(figure_name(name), all_files(), (double)(bench_now() - start) / all_files());
	check_eq(failed, 0, "%ld sessions: failed calls of FINISH", nr_sessions);
	close_sessions();
}

static void files_after(char **args)
{
	set_sizes(args);
	bench_figure(figure_name("open_files"), all_files(), bench_open_time);
	retrieve_sessions();
	bench_calls(figure_name("retrieve_fd"), all_files(), all_files(), retrieve);
	check_contents();
	finish_sessions("finish");
	bench_close_fds(all_files());
}

static void left_after(char **args)
{
	set_sizes(args);
	retrieve_sessions();
	finish_sessions("finish_left");
}

const struct workload files_workload = {
	.name = "files", .usage = "SESSIONS COUNT", .nr_args = 2,
	.before = files_before, .after = files_after,
};

const struct workload files_left_workload = {
	.name = "files-left", .usage = "SESSIONS COUNT", .nr_args = 2,
	.before = files_before, .after = left_after,
};
