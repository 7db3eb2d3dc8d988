// SPDX-License-Identifier: GPL-2.0
/*
 * Every memory allocation of every call that has to do with FLBs fails once: the call
 * says so or does without, leaves nothing behind, and works when it is made again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "sweep.h"
#include "tap.h"
#include "testflb.h"
#include "vm.h"

#define MANY 4

static int luo, session, files[2];
static long kho;

static bool nothing_left(int n)
{
	(void)n;
	return kho_preserved() == kho;
}

/* All of @what is the first file's. */
static int preserve_call(int n)
{
	int ret;

	session = luo_create(luo, "files");
	if (session < 0)
		return session;
	ret = luo_preserve(session, files[0], n);
	if (ret)
		close(session);
	return ret;
}

static bool preserved(int n, int ret)
{
	close(session);
	return !ret && nothing_left(n);
}

static int register_call(int n)
{
	(void)n;
	return dprintf(files[1], "register 1") < 0 ? -errno : 0;
}

static bool registered(int n, int ret)
{
	(void)n;
	return !ret && testflb_do("b", "register", 1) == -EEXIST &&
	       !testflb_do("b", "unregister", 1);
}

/* Whatever fails, it must work, and so it does. */
static void unregister_sweep(void)
{
	bool hit = true;
	int n, bad = 0;

	for (n = 1; hit && n < SWEEP_MAX; n++) {
		must(testflb_do("a", "register", MANY), "register");
		sweep_arm(n);
		bad += dprintf(files[0], "unregister %d", MANY) < 0;
		hit = sweep_disarm();
	}
	check(!hit, "unregister: %d allocations swept", n - 2);
	check_eq(bad, 0, "unregister: failures");
}

static void before(void)
{
	static const struct sweep sweeps[] = {
		{ "preserve", preserve_call, nothing_left, preserved },
		{ "register", register_call, NULL, registered },
	};
	char params[48];

	sweep_start();
	snprintf(params, sizeof(params), "flbs=%d a=%d quiet=1", MANY + 1, MANY);
	testflb_load(params);
	luo = must(luo_open(), "/dev/liveupdate");
	files[0] = testflb_open("a");
	files[1] = testflb_open("b");
	close(must(luo_create(luo, "warm up"), "create"));
	kho = must(kho_preserved(), "count what KHO preserves");
	for (int i = 0; i < 2; i++)
		sweep_call(&sweeps[i]);
	unregister_sweep();

	session = must(luo_create(luo, "files"), "create");
	must(luo_preserve(session, files[0], 1), "preserve");
}

/* One call until it works: each attempt gets one allocation further. */
static void sweep_until(const char *what, int (*call)(void))
{
	int n, ret = -ENOMEM, bad = 0;
	bool hit = true;

	for (n = 1; hit && n < SWEEP_MAX; n++) {
		sweep_arm(n);
		ret = call();
		hit = sweep_disarm();
		bad += ret < 0 && (ret != -ENOMEM || !hit);
		if (ret >= 0)
			break;
	}
	check(ret >= 0, "%s: works after %d failures", what, n - 1);
	check_eq(bad, 0, "%s: failures that are not clean", what);
}

static int get_call(void)
{
	return dprintf(files[0], "get_incoming 0") < 0 ? -errno : 0;
}

static int pair_call(void)
{
	return dprintf(files[0], "register 0") < 0 ? -errno : 0;
}

static int retrieve_call(void)
{
	session = luo_retrieve(luo, "files");
	return session;
}

static int finish_call(void)
{
	return luo_finish(session);
}

static void after(void)
{
	char params[48];

	sweep_start();
	snprintf(params, sizeof(params), "flbs=%d a=0 retryable=1", MANY);
	testflb_load(params);
	luo = must(luo_open(), "/dev/liveupdate");
	files[0] = testflb_open("a");
	/* Reads them all. */
	sweep_until("get_incoming", get_call);
	check_eq(testflb_do("a", "put_incoming", 0), 0, "put_incoming");
	sweep_until("register", pair_call);
	sweep_until("retrieve", retrieve_call);
	for (int i = 1; i < MANY; i++)
		must(testflb_do("a", "register", i), "register");
	vm_log_mark();
	sweep_until("finish", finish_call);
	check_eq(testflb_calls("finish"), MANY, "all are finished");
	check(vm_log_count("^luo: FLB .* is lost") <= 1, "lost is what there was no memory for");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
