// SPDX-License-Identifier: GPL-2.0
/* sessions COUNT: sessions without files */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "luo.h"
#include "tap.h"

static char names[BENCH_MAX][LUO_NAME_MAX];

static void make_names(long count)
{
	for (long i = 0; i < count; i++)
		snprintf(names[i], sizeof(names[i]), "vm-%ld", i);
}

static int create(long i)
{
	return luo_create(bench_luo, names[i]);
}

static int retrieve(long i)
{
	bench_fds[i] = luo_retrieve(bench_luo, names[i]);
	return bench_fds[i];
}

static int finish(long i)
{
	return luo_finish(bench_fds[i]);
}

static void sessions_before(char **args)
{
	const long count = atol(args[0]);

	make_names(count);
	bench_calls("create_session", count, count, create);
	bench_kexec_with("session", count);
}

/* Who first asks for one of them may be who has all of them read. */
static void read_list(long count)
{
	uint64_t start = bench_now();

	check_eq(luo_retrieve(bench_luo, "none"), -ENOENT, "no such session");
	bench_figure("read_session_list", count, (double)(bench_now() - start) / count);
}

static void sessions_after(char **args)
{
	const long count = atol(args[0]);

	bench_figure("open_sessions", count, bench_open_time);
	read_list(count);
	make_names(count);
	bench_calls("retrieve_session", count, count, retrieve);
	bench_calls("finish_session", count, count, finish);
	bench_close_fds(count);
}

const struct workload sessions_workload = {
	.name = "sessions", .usage = "COUNT", .nr_args = 1,
	.before = sessions_before, .after = sessions_after,
};
