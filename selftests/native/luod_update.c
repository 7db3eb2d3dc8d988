// SPDX-License-Identifier: GPL-2.0
/* An update's state machine under the sanitizers: see luod/fake.c. */
#include <stdbool.h>
#include <unistd.h>

#include "luod/client.h"
#include "luod/fake.h"

#include "kselftest.h"

static void check_idle(int client)
{
	say(client, "{\"cmd\":\"STATUS\"}");
	hear(client, "\"state\":\"idle\"", "\"update\":null", NULL);
}

static void test_refused(void)
{
	int operator = dial(), client = subscribe(SUBSCRIBE_A), session;

	say(operator, "{\"cmd\":\"UPDATE\",\"seq\":9}");
	session = start_of(client);
	say(client, "{\"cmd\":\"READY\"}");
	hear(client, "\"KEXEC\"", "\"a\"", NULL);
	hear(client, "\"CANCELLED\"", "EUCLEAN", "\"message\":\"the kexec is refused\"", NULL);
	hear(operator, "\"UPDATE\"", "\"seq\":9", "EUCLEAN", "refuses", NULL);
	say(client, "{\"cmd\":\"READY\"}");
	hear(client, "EINVAL", NULL);
	check_idle(operator);
	close(session);
	say(operator, "{\"cmd\":\"LIST\"}");
	hear(operator, "[{\"id\":\"a\",\"state\":null", "\"subscribed\":true,\"ready\":false}]",
	     NULL);
	close(client);
	close(operator);
}

static void test_nobody(void)
{
	int operator = dial();

	say(operator, "{\"cmd\":\"UPDATE\"}");
	hear(operator, "EUCLEAN", NULL);
	close(operator);
}

/* Nobody knows whether something of the last update is there still. */
static void test_blind(void)
{
	int operator = dial(), client = subscribe(SUBSCRIBE_A);

	say(client, "{\"cmd\":\"CREATE\",\"id\":\"k\",\"keep\":true}");
	hear(client, "\"ok\"", NULL);
	fake->blind = true;
	say(operator, "{\"cmd\":\"LIST\",\"limit\":2}");
	hear(operator, "[{\"id\":\"a\"", "},{\"id\":\"k\"", "],\"next\":null}", NULL);
	say(operator, "{\"cmd\":\"STATUS\"}");
	hear(operator, "\"sessions\":{\"outgoing\":null,\"incoming\":null}", NULL);
	say(operator, "{\"cmd\":\"UPDATE\"}");
	hear(operator, "\"UPDATE\"", "EOPNOTSUPP", "can't be listed", NULL);
	say(operator, "{\"cmd\":\"UPDATE\",\"dry_run\":true}");
	hear(operator, "\"ok\"", "\"lost\":null", "\"refused\":\"EOPNOTSUPP\"", NULL);
	say(operator, "{\"cmd\":\"UPDATE\",\"dry_run\":true,\"force\":true}");
	hear(operator, "\"ok\"", "\"lost\":null", "\"refused\":null", NULL);
	say(operator, "{\"cmd\":\"UPDATE\",\"force\":true}");
	close(start_of(client));
	say(client, "{\"cmd\":\"READY\"}");
	hear(client, "KEXEC", NULL);
	hear(operator, "EUCLEAN", NULL);
	close(client);
	close(operator);
}

static void test_late(void)
{
	int operator = dial(), client = subscribe(SUBSCRIBE_A), session;

	for (int i = 0; i < 3; i++) {
		say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":0}");
		session = start_of(client);
		hear(client, "CANCELLED", "ETIMEDOUT", NULL);
		hear(operator, "ETIMEDOUT", "'a': it was not ready in time", NULL);
		close(session);
	}
	check_idle(operator);
	close(client);
	close(operator);
}

static void test_go(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B), fd;

	say(operator, "{\"cmd\":\"UPDATE\",\"policy\":\"go\",\"timeout\":100000}");
	fd = start_of(a);
	close(start_of(b));
	say(b, "{\"cmd\":\"READY\"}");
	say(a, "{\"cmd\":\"FAILED\",\"message\":\"no room\"}");
	hear(a, "CANCELLED", "no room", NULL);
	hear(b, "KEXEC", NULL);
	hear(b, "CANCELLED", "EUCLEAN", NULL);
	hear(operator, "EUCLEAN", NULL);
	say(operator, "{\"cmd\":\"LOG\"}");
	hear(operator, "voided [\\\"a\\\"]", NULL);
	close(fd);
	close(a);
	close(b);
	close(operator);
}

/* Who is late has its session kept all the same, or makes another one. */
static void test_go_kept(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B), session;
	int c = subscribe("{\"cmd\":\"SUBSCRIBE\",\"id\":\"c\",\"seq\":1}");
	int d = subscribe("{\"cmd\":\"SUBSCRIBE\",\"id\":\"d\",\"seq\":1}");

	say(operator, "{\"cmd\":\"UPDATE\",\"policy\":\"go\",\"timeout\":100000}");
	session = start_of(a);
	close(start_of(b));
	close(start_of(c));
	close(start_of(d));
	say(a, "{\"cmd\":\"FAILED\"}");
	say(b, "{\"cmd\":\"FAILED\"}");
	say(d, "{\"cmd\":\"FAILED\"}");
	hear(a, "CANCELLED", NULL);
	hear(a, "\"ok\"", NULL);
	hear(b, "CANCELLED", NULL);
	hear(b, "\"ok\"", NULL);
	hear(d, "CANCELLED", NULL);
	say_with(a, &session, 1, "{\"cmd\":\"KEEP\",\"id\":\"a\"}\n");
	hear(a, "\"ok\"", NULL);
	say(b, "{\"cmd\":\"CREATE\",\"id\":\"b\"}");
	hear(b, "\"ok\"", NULL);
	say(c, "{\"cmd\":\"READY\"}");
	hear(operator, "EUCLEAN", NULL);
	say(operator, "{\"cmd\":\"LOG\"}");
	hear(operator, "voided [\\\"d\\\"]", NULL);
	close(session);
	close(a);
	close(b);
	close(c);
	close(d);
	close(operator);
}

static void test_go_late(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B);

	say(operator, "{\"cmd\":\"UPDATE\",\"policy\":\"go\",\"timeout\":0}");
	close(start_of(a));
	close(start_of(b));
	hear(a, "CANCELLED", "ETIMEDOUT", NULL);
	hear(b, "CANCELLED", "ETIMEDOUT", NULL);
	hear(operator, "EUCLEAN", NULL);
	close(a);
	close(b);
	close(operator);
}

static void test_failed(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B);

	say(operator, "{\"cmd\":\"UPDATE\"}");
	close(start_of(a));
	close(start_of(b));
	say(a, "{\"cmd\":\"READY\",\"seq\":2}");
	hear(a, "\"READY\"", "\"ok\"", NULL);
	/* Even who was ready may find that it is not. */
	say(a, "{\"cmd\":\"FAILED\",\"message\":\"only for a\"}");
	hear(a, "CANCELLED", "ECANCELED", "\"message\":\"only for a\"", NULL);
	hear(a, "\"FAILED\"", "\"ok\"", NULL);
	hear(b, "CANCELLED", "ECANCELED", "\"message\":\"another client can't take part\"}", NULL);
	hear(operator, "ECANCELED", "'a': only for a", NULL);
	check_idle(operator);
	close(a);
	close(b);
	close(operator);
}

static void test_gone(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B);

	say(operator, "{\"cmd\":\"UPDATE\"}");
	close(start_of(a));
	close(start_of(b));
	say(b, "{\"cmd\":\"READY\"}");
	settle();
	close(b);
	settle();
	say(operator, "{\"cmd\":\"STATUS\"}");
	hear(operator, "\"preserve\"", "\"waiting\":[\"a\"]", NULL);
	/* Back again, and ready as it was. */
	b = subscribe(SUBSCRIBE_B);
	close(a);
	hear(b, "CANCELLED", "\"another client can't take part\"", NULL);
	hear(operator, "ECANCELED", "'a': its client went away", NULL);
	check_idle(operator);
	close(b);
	close(operator);
}

static void test_unsubscribed(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A);

	say(operator, "{\"cmd\":\"UPDATE\"}");
	close(start_of(a));
	say(a, "{\"cmd\":\"UNSUBSCRIBE\"}");
	hear(a, "CANCELLED", NULL);
	hear(a, "\"UNSUBSCRIBE\"", "\"ok\"", NULL);
	hear(operator, "ECANCELED", NULL);
	say(a, "{\"cmd\":\"UNSUBSCRIBE\"}");
	hear(a, "ENOTCONN", NULL);
	say(a, "{\"cmd\":\"READY\"}");
	hear(a, "ENOTCONN", NULL);
	close(a);
	close(operator);
}

static void test_cancel(void)
{
	int operator = dial(), other = dial(), a = subscribe(SUBSCRIBE_A), session;

	say(operator, "{\"cmd\":\"UPDATE\"}");
	session = start_of(a);
	say(other, "{\"cmd\":\"UPDATE\"}");
	hear(other, "EALREADY", NULL);
	say(other, "{\"cmd\":\"UPDATE\",\"dry_run\":true}");
	hear(other, "\"subscribers\":[\"a\"]", "EALREADY", NULL);
	say(other, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"new\"}");
	hear(other, "EBUSY", NULL);
	say(other, "{\"cmd\":\"CANCEL\",\"reason\":\"not today\"}");
	hear(other, "\"ok\"", NULL);
	hear(a, "CANCELLED", "not today", NULL);
	hear(operator, "\"UPDATE\"", "not today", NULL);

	/* The next waits until the client has closed the session of this one. */
	say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":100000}");
	settle();
	close(session);
	close(start_of(a));
	close(operator);
	hear(a, "CANCELLED", "who asked for the update is gone", NULL);
	say(other, "{\"cmd\":\"CANCEL\"}");
	hear(other, "EINVAL", NULL);
	close(a);
	close(other);
}

/* systemd is asked, and takes its time: nobody can spoil it then, but it may give up. */
static void test_systemd(void)
{
	int operator = dial(), a = subscribe(SUBSCRIBE_A), b = subscribe(SUBSCRIBE_B);

	fake->kexec = FAKE_COMING;
	say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":100000}");
	close(start_of(a));
	close(start_of(b));
	say(a, "{\"cmd\":\"READY\"}");
	say(b, "{\"cmd\":\"READY\"}");
	hear(a, "KEXEC", NULL);
	hear(b, "KEXEC", NULL);
	say(a, "{\"cmd\":\"FAILED\"}");
	hear(a, "\"FAILED\"", "EINVAL", NULL);
	say(b, "{\"cmd\":\"UNSUBSCRIBE\"}");
	hear(b, "\"UNSUBSCRIBE\"", "\"ok\"", NULL);
	close(b);
	settle();
	/* Longer than luod waits before it asks whether the kexec is to come */
	sleep(5);
	say(a, "{\"cmd\":\"STATUS\"}");
	hear(a, "\"state\":\"kexec\"", NULL);
	say(a, "{\"cmd\":\"LIST\"}");
	hear(a, "\"id\":\"a\"", "\"subscribed\":true,\"ready\":true", "\"id\":\"b\"",
	     "\"subscribed\":false,\"ready\":true", NULL);

	fake->kexec = FAKE_GIVEN_UP;
	hear(a, "CANCELLED", "ECANCELED", "given up", NULL);
	hear(operator, "\"UPDATE\"", "ECANCELED", "given up", NULL);
	check_idle(a);
	say(a, "{\"cmd\":\"LIST\"}");
	hear(a, "[{\"id\":\"a\",\"state\":null", "\"ready\":false}]", NULL);
	close(a);
	close(operator);
}

/* Luod died when this one was ready: the update waits for it to come back. */
static void test_remembered(void)
{
	int operator = dial(), a;

	say(operator, "{\"cmd\":\"LIST\"}");
	hear(operator, "\"id\":\"" FAKE_REMEMBERED "\"", "\"ready\":true", NULL);
	say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":0,\"policy\":\"abort\"}");
	hear(operator, "ETIMEDOUT", "did not come back", NULL);
	say(operator, "{\"cmd\":\"LIST\"}");
	hear(operator, "\"sessions\":[]", NULL);
	fake_stop(luod_pid);
	luod_pid = fake_start_remembering(luod_path);
	close(operator);
	operator = dial();
	say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":100000}");
	settle();
	a = dial();
	say(a, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"" FAKE_REMEMBERED "\"}");
	hear(a, "KEXEC", NULL);
	hear(a, "CANCELLED", "EUCLEAN", NULL);
	hear(operator, "EUCLEAN", NULL);
	close(a);
	close(operator);
}

/* Nobody has more kept; but an update needs no room that is not there. */
static void test_full(void)
{
	int operator = dial(), client = subscribe(SUBSCRIBE_A), session;

	fake->full = true;
	say(operator, "{\"cmd\":\"CREATE\",\"id\":\"k\",\"keep\":true}");
	hear(operator, "ENOSPC", NULL);
	say(operator, "{\"cmd\":\"CREATE\",\"id\":\"k\"}");
	hear_with(operator, &session);
	say_with(operator, &session, 1, "{\"cmd\":\"KEEP\",\"id\":\"k\"}\n");
	hear(operator, "ENOSPC", "too many", NULL);
	close(session);
	say(operator, "{\"cmd\":\"UPDATE\",\"timeout\":100000}");
	close(start_of(client));
	say(client, "{\"cmd\":\"READY\"}");
	hear(client, "KEXEC", NULL);
	hear(operator, "EUCLEAN", NULL);
	close(client);
	close(operator);
}

int main(void)
{
	static const struct luod_test tests[] = {
		{ "the kernel refuses the kexec", test_refused, false },
		{ "an update without subscribers", test_nobody, false },
		{ "sessions that can't be listed", test_blind, false },
		{ "one is late, three times", test_late, false },
		{ "it goes without who has failed", test_go, false },
		{ "it goes without, and that one keeps its session", test_go_kept, false },
		{ "it goes without who is late", test_go_late, false },
		{ "who was ready fails", test_failed, false },
		{ "clients go away", test_gone, false },
		{ "a client unsubscribes", test_unsubscribed, false },
		{ "CANCEL, and an update at once", test_cancel, false },
		{ "systemd goes for it, and gives up", test_systemd, false },
		{ "who was ready for a luod that died", test_remembered, true },
		{ "no room for more", test_full, false },
	};

	luod_run_tests(tests, sizeof(tests) / sizeof(*tests));
}
