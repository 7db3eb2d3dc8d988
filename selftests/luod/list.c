// SPDX-License-Identifier: GPL-2.0
/* 10,000 sessions: more than one answer can have, so they come in pages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "libluo-bpf.h"
#include "tap.h"
#include "vm.h"

#define SESSIONS 10000
#define USER 1000
#define CONF "{ \"handlers\": [], \"iterators\": \"/iterators\", \"allow\": [" \
	"{ \"user\": \"1000\", \"names\": [ \"s-1*\", \"s-00*\" ] } ] }"

/* What a walk has seen */
struct walk {
	struct luo_client *other;	/* releases and makes some meanwhile */
	int count, strange, out_of_order;
	bool seen[SESSIONS];
	char last[64];
};

static struct luo_client *connect_as(uid_t user)
{
	LIBBPF_OPTS(luo_client_opts, opts, .timeout = -1);
	struct luo_client *client;

	must(seteuid(user), "seteuid");
	client = luo_client__connect(&opts);
	must(seteuid(0), "seteuid");
	must(client ? 0 : -errno, "connect");
	return client;
}

static void make(struct luo_client *client, const char *format, int number)
{
	struct luo_session *session;
	char name[32];

	snprintf(name, sizeof(name), format, number);
	session = luo_client__create(client, name, true);
	must(session ? 0 : -errno, "create %s", name);
	luo_session__close(session);
}

/* Some of those that the walk has seen go, and some come that it has passed, or not yet. */
static void disturb(struct walk *walk)
{
	char name[32];

	if (!walk->other || walk->count % 1000 != 500)
		return;
	snprintf(name, sizeof(name), "s-%04d", walk->count - 100);
	must(luo_client__release(walk->other, name, false), "release %s", name);
	make(walk->other, "a-%04d", walk->count);
	make(walk->other, "t-%04d", walk->count);
}

static int look(const struct luo_session_info *info, void *ctx)
{
	struct walk *walk = ctx;
	int number = -1;

	walk->out_of_order += strcmp(info->id, walk->last) <= 0;
	snprintf(walk->last, sizeof(walk->last), "%s", info->id);
	if (sscanf(info->id, "s-%d", &number) != 1 || number < 0 || number >= SESSIONS)
		return 0;
	walk->strange += !info->kept || info->files || strcmp(info->state ?: "", "outgoing");
	walk->strange += walk->seen[number];
	walk->seen[number] = true;
	walk->count++;
	disturb(walk);
	return 0;
}

static void check_walk(struct luo_client *client, struct luo_client *other, int want,
		       const char *what)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	walk->other = other;
	check_eq(luo_client__list(client, look, walk), 0, "%s: list", what);
	check_eq(walk->count, want, "%s: sessions", what);
	check_eq(walk->strange, 0, "%s: sessions seen twice, or not as they are", what);
	check_eq(walk->out_of_order, 0, "%s: sessions out of order", what);
	free(walk);
}

static void says(int client, const char *line, const char *begin, const char *end,
		 const char *what)
{
	const char *answer, *stop;
	int fd;

	agent_send(client, -1, "%s", line);
	answer = agent_line(client, &fd) ?: "(the connection ended)";
	stop = strlen(answer) > strlen(end) ? answer + strlen(answer) - strlen(end) : answer;
	if (!check(strstr(answer, begin) && !strcmp(stop, end), "%s", what))
		tap_note("  %.200s ... %s", answer, stop);
}

static void check_pages(void)
{
	int client = agent_connect();

	says(client, "{\"cmd\":\"LIST\",\"limit\":2}", "\"sessions\":[{\"id\":\"s-0000\"",
	     ",\"next\":\"s-0001\"}", "a page of two");
	says(client, "{\"cmd\":\"LIST\",\"limit\":1,\"after\":\"s-4711\"}",
	     "\"sessions\":[{\"id\":\"s-4712\"", ",\"next\":\"s-4712\"}", "one that follows another");
	says(client, "{\"cmd\":\"LIST\",\"after\":\"s-9998\"}", "\"sessions\":[{\"id\":\"s-9999\"",
	     ",\"next\":null}", "the last one");
	says(client, "{\"cmd\":\"LIST\",\"after\":\"s-9999\"}", "\"sessions\":[]", ",\"next\":null}",
	     "nothing after it");
	says(client, "{\"cmd\":\"LIST\",\"after\":\"s-4711x\",\"limit\":1}",
	     "\"sessions\":[{\"id\":\"s-4712\"", "\"next\":\"s-4712\"}",
	     "after a name that there is not");
	says(client, "{\"cmd\":\"HANDLERS\",\"limit\":1}", "\"handlers\":[]", ",\"next\":null}",
	     "no handlers");
	agent_error(client, "{\"cmd\":\"LIST\",\"limit\":0}", "EINVAL", "no page of nothing");
	agent_error(client, "{\"cmd\":\"LIST\",\"after\":\"\"}", "EINVAL", "no name");
	close(client);
}

static void check_luoctl(int want)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "luoctl sessions > /tmp/said && test $(grep -c '^s-' /tmp/said) = %d", want);
	check(!system(command), "luoctl sessions has %d lines", want);
	snprintf(command, sizeof(command), "luoctl sessions --json > /tmp/said && "
		 "test $(grep -c '\"id\":\"s-' /tmp/said) = %d && ! grep -q next /tmp/said", want);
	check(!system(command), "luoctl sessions --json has %d elements", want);
}

int main(void)
{
	struct luo_client *client, *other, *user;

	tap_start(true, 0);
	agent_start(CONF);
	client = connect_as(0);
	other = connect_as(0);
	for (int i = 0; i < SESSIONS; i++)
		make(client, "s-%04d", i);
	check_walk(client, NULL, SESSIONS, "all");
	check_pages();
	check_luoctl(SESSIONS);
	user = connect_as(USER);
	/* 1,000 begin with 1, and 100 with 00. */
	check_walk(user, NULL, 1100, "by a right to some");
	check_walk(client, other, SESSIONS, "disturbed");
	luo_client__close(user);
	luo_client__close(other);
	luo_client__close(client);

	agent_kill();
	client = connect_as(0);
	check_walk(client, NULL, SESSIONS - 10, "after luod was killed");
	luo_client__close(client);
	tap_finish();
}
