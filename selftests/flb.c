// SPDX-License-Identifier: GPL-2.0
/*
 * State that files share: preserved with the first of them and undone with the last,
 * whatever is registered and unregistered meanwhile; in the next kernel, there on demand
 * and finished with the last file, whoever is there to see it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "tap.h"
#include "testfh.h"
#include "testflb.h"
#include "vm.h"

#define MANY 100	/* more than one page of records holds */

static int luo;
static long kho;

static int create(const char *name)
{
	return must(luo_create(luo, name), "create %s", name);
}

static void preserve(int session, const char *handler, unsigned long token)
{
	must(testflb_preserve(session, handler, token), "preserve");
}

static void check_undone(const char *what)
{
	check_eq(kho_preserved() - kho, 0, "%s: bytes left preserved", what);
}

static void first_and_last(void)
{
	int one = create("one"), two = create("two");

	vm_log_mark();
	preserve(one, "a", 1);
	check_eq(testflb_calls("preserve"), 3, "first file: its three FLBs are preserved");
	preserve(one, "a", 2);
	preserve(two, "a", 1);
	preserve(two, "b", 2);
	check_eq(testflb_calls("preserve"), 3, "more files, sessions, handlers: no more");
	close(one);
	check_eq(testflb_calls("unpreserve"), 0, "not the last file: nothing is undone");
	close(two);
	check_eq(testflb_calls("unpreserve"), 3, "last file: all are undone");
	check_undone("last file");

	/* One that only the other handler's file has. */
	vm_log_mark();
	two = create("two");
	preserve(two, "b", 1);
	check_eq(testflb_calls("preserve"), 2, "other handler: its two");
	one = create("one");
	preserve(one, "a", 1);
	check_eq(testflb_calls("preserve 2"), 1, "first handler: the third");
	close(one);
	check(testflb_calls("unpreserve 2") == 1 && testflb_calls("unpreserve") == 1,
	      "first handler's last file: the third alone is undone");
	close(two);
	check_undone("other handler");
}

static void failures(void)
{
	struct liveupdate_session_get_report report = { .size = sizeof(report) };
	int session = create("fails");

	vm_log_mark();
	testflb_set("fail_preserve", 2);
	check_eq(testflb_preserve(session, "a", 1), -EIO, "FLB fails: so does PRESERVE_FD");
	check_eq(testflb_calls("unpreserve"), 2, "FLB fails: the two before it are undone");
	check(!luo_ioctl(session, LIVEUPDATE_SESSION_GET_REPORT, &report) &&
	      !strcmp((char *)report.handler, "luo-testflb-2") && report.error == EIO,
	      "FLB fails: the report names it");
	testflb_set("fail_preserve", -1);
	check_eq(testflb_preserve(session, "a", 1), 0, "FLB fails: and then works");
	close(session);
	check_undone("FLB fails");

	session = create("fails");
	vm_log_mark();
	testflb_set("fail_file", 1);
	check_eq(testflb_preserve(session, "a", 1), -EIO, "file fails: PRESERVE_FD");
	check_eq(testflb_calls("unpreserve"), 3, "file fails: its FLBs are undone");
	testflb_set("fail_file", 0);
	close(session);
	check_undone("file fails");
}

static void get_outgoing(void)
{
	int session = create("get");

	check_eq(testflb_do("a", "get_outgoing", 0), -ENOENT, "get: not preserved");
	preserve(session, "a", 1);
	vm_log_mark();
	check_eq(testflb_do("a", "get_outgoing", 0), 0, "get: preserved");
	close(session);
	check(!testflb_calls("unpreserve 0") && testflb_calls("unpreserve") == 2,
	      "get: it outlives its last file");
	session = create("get");
	preserve(session, "a", 1);
	check_eq(testflb_calls("preserve 0"), 0, "get: the next first file finds it");
	check_eq(testflb_do("a", "put_outgoing", 0), 0, "put");
	check_eq(testflb_calls("unpreserve 0"), 0, "put: the file has it");
	close(session);
	check_eq(testflb_calls("unpreserve 0"), 1, "put: the file was the last");
	check_undone("get");
}

/* Takes the third FLB off its only handler, which waits for the file that has it. */
static pid_t unregister_waiting(void)
{
	pid_t pid = must(fork(), "fork");

	if (!pid) {
		/* Nor may it have the session that it waits for. */
		closefrom(3);
		_exit(testflb_do("a", "unregister", 2) != 0);
	}
	usleep(300000);
	return pid;
}

static void unregister(void)
{
	int one = create("one"), two = create("two"), status;
	pid_t pid;

	preserve(one, "a", 1);
	check_eq(testflb_do("a", "register", 0), -EEXIST, "register: twice");
	vm_log_mark();
	check_eq(testflb_do("a", "unregister", 0), 0, "unregister: the other handler has it still");
	pid = unregister_waiting();
	check_eq(waitpid(pid, &status, WNOHANG), 0, "unregister: off the last handler, it waits");
	preserve(two, "a", 2);
	check_eq(testflb_calls("unpreserve"), 0, "unregister: the file keeps what it has");
	close(one);
	waitpid(pid, &status, 0);
	check_eq(status, 0, "unregister: done when the file is");
	check(testflb_calls("unpreserve 0") == 1 && testflb_calls("unpreserve 2") == 1 &&
	      testflb_calls("unpreserve") == 2, "unregister: a later file does not have them");
	close(two);
	check_eq(testflb_calls("unpreserve 1"), 1, "unregister: it has the one that is left");
	check_undone("unregister");
}

/* Another handler gets the FLB while the one that lost it waits. */
static void register_meanwhile(void)
{
	int session = create("meanwhile"), status = -1;
	pid_t pid, done = 0;

	check_eq(testflb_do("a", "register", 2), 0, "register: again");
	preserve(session, "a", 1);
	pid = unregister_waiting();
	check_eq(waitpid(pid, &status, WNOHANG), 0, "meanwhile: unregistering waits");
	vm_log_mark();
	check_eq(testflb_do("b", "register", 2), 0, "meanwhile: another handler gets it");
	for (int i = 0; i < 100 && !done; i++) {
		usleep(50000);
		done = waitpid(pid, &status, WNOHANG);
	}
	check(done == pid && !status, "meanwhile: there is nothing to wait for any more");
	check_eq(testflb_calls("unpreserve"), 0, "meanwhile: the file keeps what it has");
	close(session);
	check_eq(testflb_do("b", "unregister", 2), 0, "unregister: not in use, at once");
	check_undone("meanwhile");
}

static void reload(const char *params)
{
	must(vm_rmmod("luo_testflb"), "unload luo_testflb");
	testflb_load(params);
}

static void release(void)
{
	int session;

	reload("release=1");
	session = create("release");
	preserve(session, "a", 1);
	vm_log_mark();
	check_eq(testflb_do("a", "unregister", 0), 0, "release: unregistering does not wait");
	check_eq(testflb_do("a", "register", 0), 0, "release: it may come back");
	check_eq(testflb_do("a", "unregister", 0), 0, "release: and go again");
	check_eq(testflb_calls("release"), 0, "release: not while a file has it");
	close(session);
	check(testflb_calls("unpreserve") == 1 && testflb_calls("release") == 1,
	      "release: after the last file");
	check_undone("release");
}

static void outgoing(void)
{
	int session;
	char params[32];

	luo = must(luo_open(), "/dev/liveupdate");
	testflb_load("flbs=3 a=3 b=2");
	/* Indexes and the like grow once. */
	close(create("warm up"));
	kho = must(kho_preserved(), "count what KHO preserves");
	first_and_last();
	failures();
	get_outgoing();
	unregister();
	register_meanwhile();
	release();

	snprintf(params, sizeof(params), "flbs=%d a=%d b=2", MANY, MANY);
	reload(params);
	session = create("a");
	preserve(session, "a", 1);
	preserve(session, "a", 2);
	check_eq(vm_rmmod("luo_testflb"), -EAGAIN, "a module whose FLB is preserved stays");
	preserve(create("b"), "b", 1);
}

static int retrieve(const char *name)
{
	return must(luo_retrieve(luo, name), "retrieve %s", name);
}

static void finish_session(int session, const char *name)
{
	check_eq(luo_finish(session), 0, "%s: finish", name);
	close(session);
}

static void finish(const char *name)
{
	finish_session(retrieve(name), name);
}

static void incoming(void)
{
	char params[64];
	int session;

	luo = must(luo_open(), "/dev/liveupdate");
	session = must(luo_retrieve(luo, "b"), "retrieve");
	check_eq(luo_retrieve_fd(session, 1), -EUNATCH, "no handler");
	check_eq(luo_finish(session), 0, "finish unbound");
	close(session);

	snprintf(params, sizeof(params), "flbs=%d a=%d b=2 fail_retrieve=5", MANY + 1, MANY);
	testflb_load(params);
	check_eq(testflb_calls("retrieve"), 0, "nothing is retrieved before it is asked for");
	check_eq(testflb_do("a", "get_incoming", 0), 0, "get");
	check_eq(testflb_do("a", "get_incoming", 0), 0, "get: again");
	check_eq(testflb_calls("retrieve"), 1, "get: retrieved once");
	check_eq(testflb_do("a", "put_incoming", 0), 0, "put");
	check_eq(testflb_do("a", "put_incoming", 0), 0, "put: again");
	check_eq(testflb_do("a", "get_incoming", 5), -EIO, "get: its retrieve fails");
	check_eq(testflb_do("a", "get_incoming", 5), -EIO, "get: the same again");
	check_eq(testflb_calls("retrieve 5"), 1, "get: it is not tried again");
	check_eq(testflb_do("a", "get_incoming", MANY), -ENOENT, "get: was not there");
	check_eq(testflb_calls("finish"), 0, "nothing is finished before the last file");

	session = must(luo_retrieve(luo, "a"), "retrieve");
	check(luo_retrieve_fd(session, 2) >= 0, "a file");
	check_eq(luo_finish(session), 0, "finish");
	close(session);
	check_eq(testflb_calls("finish"), MANY - 1, "last file: all but one are finished");
	check_eq(testflb_calls("finish 5"), 0, "last file: not the one that failed");
	check_eq(vm_log_count("^luo: FLB 'luo-testflb-5' is lost"), 1, "last file: it is named");
	check_eq(testflb_calls("retrieve"), MANY, "last file: each was retrieved before");
	check_eq(testflb_do("a", "get_incoming", 0), -ENODATA, "get: finished");
	closefrom(3);
	check_eq(vm_rmmod("luo_testflb"), 0, "the module can go");

	luo = must(luo_open(), "/dev/liveupdate");
	testflb_load("flbs=3 a=3 b=1");
	session = create("alone");
	preserve(session, "a", 1);
	preserve(session, "b", 2);
	preserve(session, "b", 3);
}

/* What KHO gives back shows in this, page by page. */
static long total_pages(void)
{
	return vm_meminfo("MemTotal") / sysconf(_SC_PAGESIZE);
}

static void late(void)
{
	long pages = total_pages();

	luo = must(luo_open(), "/dev/liveupdate");
	vm_log_mark();
	finish("alone");
	check_eq(vm_log_count("^luo: no file has FLB .* it is not registered"), 3,
		 "late: the log names what nobody came for");
	testflb_load("flbs=3 a=0 b=1");
	check_eq(testflb_calls("finish 0"), 1, "late: finished when its handler comes");
	check_eq(testflb_do("b", "register", 1), 0, "late: register with a handler");
	check_eq(testflb_do("a", "register", 2), 0, "late: register with another");
	check_eq(testflb_calls("finish"), 3, "late: all are finished");
	/* Of the sessions, of its files, of the FLBs, and theirs. */
	check_eq(total_pages() - pages, 3 + 3, "late: pages that are back");

	must(testflb_do("a", "register", 0), "register");
	preserve(create("held"), "a", 1);
	preserve(create("stays"), "b", 1);
}

static void held(void)
{
	int stays;

	luo = must(luo_open(), "/dev/liveupdate");
	testflb_load("flbs=3 a=1 b=2");
	must(testflb_do("a", "register", 2), "register");
	vm_log_mark();
	check_eq(testflb_do("a", "get_incoming", 0), 0, "held: get");
	check_eq(testflb_do("a", "unregister", 0), 0, "held: unregister");
	finish("held");
	check_eq(testflb_calls("finish"), 0, "held: none as long as nobody knows what else there is");
	stays = retrieve("stays");
	check(testflb_calls("finish 2") == 1 && testflb_calls("finish") == 1,
	      "held: the one that no other file has is finished");
	finish_session(stays, "stays");
	check_eq(testflb_calls("finish 1"), 1, "held: so is the next");
	check_eq(testflb_calls("finish 0"), 0, "held: not the one that is in use");
	check_eq(vm_rmmod("luo_testflb"), -EAGAIN, "held: its module can't go");
	check_eq(testflb_do("a", "put_incoming", 0), 0, "held: put");
	check_eq(testflb_calls("finish 0"), 1, "held: then it is finished");
	check_eq(vm_rmmod("luo_testflb"), 0, "held: and its module can go");

	/* One handler has it, the next kernel registers it with the other too. */
	testflb_load("flbs=1 a=1");
	preserve(create("never had it"), "b", 1);
	preserve(create("has it"), "a", 1);
	testfh_load("");
	must(luo_preserve(create("absent"), testfh_open(1), 1), "preserve");
}

static void gained(void)
{
	int never, has, absent;

	luo = must(luo_open(), "/dev/liveupdate");
	testflb_load("flbs=1 a=1 b=1");
	never = retrieve("never had it");
	has = retrieve("has it");
	absent = retrieve("absent");
	vm_log_mark();
	finish_session(never, "gained");
	check_eq(testflb_calls("finish"), 0, "gained: files that never had it do not end it");
	check_eq(testflb_do("a", "get_incoming", 0), 0, "gained: who has it gets it");
	check_eq(testflb_do("a", "put_incoming", 0), 0, "gained: put");
	check(luo_retrieve_fd(has, 1) >= 0, "gained: retrieve");
	finish_session(has, "gained");
	check_eq(testflb_calls("finish"), 0, "gained: who is not there yet may have it too");
	finish_session(absent, "gained");
	check_eq(testflb_calls("finish 0"), 1, "gained: finished with the last of all");
}

int main(void)
{
	static const vm_stage_fn stages[] = { outgoing, incoming, late, held, gained };

	vm_run_stages(stages, 5);
}
