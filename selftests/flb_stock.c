// SPDX-License-Identifier: GPL-2.0
/*
 * State that files share, between the kernel of the base and ours: the same module, built
 * for each, hands over so many FLBs.
 *
 *	flb_stock FLBS
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "luo.h"
#include "tap.h"
#include "testflb.h"
#include "vm.h"

static int luo, flbs;

static void load(void)
{
	char params[32];

	snprintf(params, sizeof(params), "flbs=%d a=%d b=1", flbs, flbs);
	testflb_load(params);
	luo = must(luo_open(), "/dev/liveupdate");
}

static void before(void)
{
	int session;

	load();
	vm_log_mark();
	session = must(luo_create(luo, "a"), "create");
	must(testflb_preserve(session, "a", 1), "preserve");
	must(testflb_preserve(session, "b", 2), "preserve");
	must(testflb_preserve(must(luo_create(luo, "b"), "create"), "b", 1), "preserve");
	check_eq(testflb_calls("preserve"), flbs, "before: FLBs preserved");
	vm_kexec_image("/boot/kernel2");
}

static void after(void)
{
	int session, bad = 0;

	load();
	vm_log_mark();
	for (int i = 0; i < flbs; i++) {
		bad += testflb_do("a", "get_incoming", i) != 0;
		testflb_do("a", "put_incoming", i);
	}
	check_eq(bad, 0, "after: FLBs that are not there or not as they were");
	session = must(luo_retrieve(luo, "a"), "retrieve");
	check(luo_retrieve_fd(session, 1) >= 0, "after: a file");
	check(luo_retrieve_fd(session, 2) >= 0, "after: one of the other handler");
	check_eq(luo_finish(session), 0, "after: finish");
	close(session);
	check_eq(testflb_calls("finish"), flbs - 1, "after: all but one are finished");
	session = must(luo_retrieve(luo, "b"), "retrieve");
	check(luo_retrieve_fd(session, 1) >= 0, "after: the last file");
	check_eq(luo_finish(session), 0, "after: finish");
	close(session);
	check_eq(testflb_calls("finish 0"), 1, "after: the last one is finished with it");
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };

	flbs = argc > 1 ? atoi(argv[1]) : 1;
	vm_run_stages(stages, 2);
}
