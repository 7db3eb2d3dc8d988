// SPDX-License-Identifier: GPL-2.0
/*
 * What a handler in BPF costs beside a native one for the same type of file. In a VM
 * whose clock counts instructions (ICOUNT=1) a nanosecond is an instruction.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "handler.h"
#include "luo.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define FILES 400
/* Percent of the native one, all calls of a file together; what the allocators do varies */
#define LIMIT 125

static const char *const names[] = { "native", "bpf" };

static int luo;
static int fds[FILES];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static long preserve(const char *name)
{
	int session = must(luo_create(luo, name), "create");
	uint64_t start;

	for (int i = 0; i < FILES; i++)
		fds[i] = testfh_open(i + 1);
	start = now();
	for (int i = 0; i < FILES; i++)
		must(luo_preserve(session, fds[i], i), "preserve");
	start = now() - start;
	for (int i = 0; i < FILES; i++)
		close(fds[i]);
	return start / FILES;
}

static long retrieve(int session)
{
	uint64_t start = now();

	for (int i = 0; i < FILES; i++)
		fds[i] = must(luo_retrieve_fd(session, i), "retrieve");
	return (now() - start) / FILES;
}

static long finish(int session)
{
	uint64_t start = now();

	must(luo_finish(session), "finish");
	return (now() - start) / FILES;
}

static void before(void)
{
	long cost[2];

	testfh_load("quiet=1");
	luo = must(luo_open(), "/dev/liveupdate");
	cost[0] = preserve(names[0]);
	handler_attach("testfh");
	cost[1] = preserve(names[1]);
	tap_note("PRESERVE_FD: native %ld, in BPF %ld instructions a file", cost[0], cost[1]);
	vm_kexec_arg("luo_native", "%ld", cost[0]);
	vm_kexec_arg("luo_bpf", "%ld", cost[1]);
}

static void after(void)
{
	long sum[2] = { vm_arg_num("luo_native", 0), vm_arg_num("luo_bpf", 0) };
	long cost[2], end[2];
	int session[2];

	testfh_load("quiet=1");
	luo = must(luo_open(), "/dev/liveupdate");
	handler_attach("testfh");
	for (int i = 0; i < 2; i++) {
		session[i] = must(luo_retrieve(luo, names[i]), "session");
		cost[i] = retrieve(session[i]);
		check_eq(testfh_number(fds[FILES - 1]), FILES, "%s: the last is back", names[i]);
		end[i] = finish(session[i]);
		sum[i] += cost[i] + end[i];
	}
	tap_note("RETRIEVE_FD: native %ld, in BPF %ld instructions a file", cost[0], cost[1]);
	tap_note("FINISH: native %ld, in BPF %ld instructions a file", end[0], end[1]);
	/* What a debug kernel adds says nothing. */
	check(sum[1] * 100 <= sum[0] * LIMIT || !access("/proc/lockdep", F_OK),
	      "all of it: native %ld, in BPF %ld: %ld %%", sum[0], sum[1],
	      sum[1] * 100 / sum[0]);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
