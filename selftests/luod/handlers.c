// SPDX-License-Identifier: GPL-2.0
/* Handlers go along, into roots that have none, or an older one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent.h"
#include "attached.h"
#include "luo.h"
#include "tap.h"
#include "vm.h"

/* A directory with the handler, another that can't be loaded, and something else */
#define DIRS "{ \"handlers\": [ \"/tmp/first\", \"/tmp/second\" ], \"iterators\": \"/iterators\" }"

static const char attached_1[] = AGENT_EVENTFD("\"/tmp/second/eventfd.bpf.o\"", "1");
static const char attached_2[] = AGENT_EVENTFD("null", "2");

static const char *with_object(int client, const char *line, const char *path)
{
	int object = must(open(path, O_RDONLY | O_CLOEXEC), "%s", path), fd;
	const char *answer;

	agent_send(client, object, "%s", line);
	close(object);
	answer = agent_line(client, &fd);
	return answer ?: "(the connection ended)";
}

static bool ok(const char *answer)
{
	if (strstr(answer, "\"status\":\"ok\""))
		return true;
	tap_note("  %s", answer);
	return false;
}

#define BAD "\"name\":\"bad\",\"file\":\"/tmp/first/bad.bpf.o\""
#define MENDED "\"name\":\"bad\",\"file\":null,\"compatible\":\"signalfd-v1\"," \
	"\"version\":1,\"error\":null"

static void check_disk(int client)
{
	check(agent_lists_handler(client, attached_1), "disk: attached, from the last directory");
	check(agent_lists_handler(client, BAD) &&
	      !agent_lists_handler(client,
				   BAD ",\"compatible\":\"bad-v1\",\"version\":1,\"error\":null"),
	      "disk: one that can't be loaded is remembered, and why");
	check(!agent_lists_handler(client, "\"fifo\""), "disk: a FIFO is none, and is not waited for");
	check(strstr(with_object(client, "{\"cmd\":\"HANDLER_LOAD\",\"name\":\"bad\"}",
				 "/tmp/first/bad.bpf.o"), "\"EINVAL\""),
	      "retry: what can't be loaded still can't");
	check(agent_lists_handler(client, BAD), "retry: and is remembered as before");
	check(ok(with_object(client, "{\"cmd\":\"HANDLER_LOAD\",\"name\":\"bad\"}",
			     "/handlers/signalfd.bpf.o")), "retry: a mended one can");
	check(agent_lists_handler(client, MENDED), "retry: it is listed in the place of the other");
	agent_kill();
	client = agent_connect();
	check(agent_lists_handler(client, MENDED), "retry: and when luod was killed");
	agent_ok(client, "{\"cmd\":\"HANDLER_UNLOAD\",\"name\":\"bad\"}", "retry: unload");
	close(client);
}

static void check_requests(int client)
{
	check(ok(with_object(client, "{\"cmd\":\"HANDLER_UPGRADE\",\"name\":\"eventfd\"}", NEWER)),
	      "upgrade: to version 2");
	check(agent_lists_handler(client, attached_2), "upgrade: it is listed");
	check(strstr(with_object(client, "{\"cmd\":\"HANDLER_LOAD\",\"name\":\"eventfd\"}", NEWER),
		     "\"EEXIST\""),
	      "load: a name that is taken");
	check(strstr(with_object(client, "{\"cmd\":\"HANDLER_LOAD\",\"name\":\"other\"}", NEWER),
		     "\"EEXIST\""),
	      "load: files that another one serves");
	check(strstr(with_object(client, "{\"cmd\":\"HANDLER_LOAD\",\"name\":\"no\"}",
				 "/selftests/luod_handlers"),
		     "\"EINVAL\""), "load: no object");
	make_fatal("/tmp/fatal.bpf.o");
	check(strstr(with_object(client, "{\"cmd\":\"HANDLER_LOAD\",\"name\":\"no\"}",
				 "/tmp/fatal.bpf.o"),
		     "it is damaged, and libbpf"), "load: one that libbpf does not survive");
	check_eq(run("/selftests/luoctl handlers check /tmp/fatal.bpf.o 2>&1 | grep -q damaged,"),
		 0, "check: it, by luoctl");
	check(strstr(with_object(client, "{\"cmd\":\"HANDLER_UPGRADE\",\"name\":\"no\"}", NEWER),
		     "\"ENOENT\""),
	      "upgrade: of nothing");
	agent_error(client, "{\"cmd\":\"HANDLER_UNLOAD\",\"name\":\"no\"}", "ENOENT",
		    "unload: of nothing");
}

/* What was unloaded stays so, though it is on the disk. */
static void check_unload(int client)
{
	agent_ok(client, "{\"cmd\":\"HANDLER_UNLOAD\",\"name\":\"eventfd\"}", "unload");
	check(!agent_lists_handler(client, attached_1), "unload: it is gone");
	close(client);
	agent_kill();
	client = agent_connect();
	check(!agent_lists_handler(client, attached_1),
	      "unload: and does not come back with another luod");
	check(ok(with_object(client, "{\"cmd\":\"HANDLER_LOAD\",\"name\":\"eventfd\"}",
			     "/handlers/eventfd.bpf.o")),
	      "load: it again");
	check_requests(client);
	close(client);
	agent_kill();
	client = agent_connect();
	check(agent_lists_handler(client, attached_2),
	      "killed: the next luod has the newer one still");
	close(client);
}

static void preserve_and_go(uint64_t count)
{
	int operator = agent_connect();
	int session = agent_session(operator, "{\"cmd\":\"CREATE\",\"id\":\"e\",\"keep\":true}");

	must(luo_preserve(session, eventfd(count, 0), 1), "preserve an eventfd");
	agent_load(operator);
	tap_bail("no kexec: %s", agent_update(operator, ""));
}

static void retrieve(int client, uint64_t count)
{
	int session = agent_session(client, "{\"cmd\":\"CLAIM\",\"id\":\"e\"}");
	int fd = luo_retrieve_fd(session, 1);
	uint64_t got = 0;

	check(fd >= 0 && read(fd, &got, sizeof(got)) == sizeof(got) && got == count,
	      "the eventfd is back");
	check_eq(luo_finish(session), 0, "finish");
	close(session);
}

static void first(void)
{
	int client;

	must(system("mkdir /tmp/first /tmp/second; cp /handlers/eventfd.bpf.o /tmp/second; "
		    "cp " NEWER " /tmp/first/eventfd.bpf.o; echo > /tmp/first/README; "
		    "head -c 5000 " NEWER " > /tmp/first/bad.bpf.o; "
		    "mkfifo /tmp/first/fifo.bpf.o") ? -EIO : 0, "directories");
	agent_start(DIRS);
	client = agent_connect();
	check_disk(client);
	client = agent_connect();
	check_unload(client);
	preserve_and_go(5);
}

static void second(void)
{
	int client;

	agent_start(AGENT_NO_HANDLERS);
	client = agent_connect();
	check(agent_lists_handler(client, attached_2), "a root without handlers: it came along");
	retrieve(client, 5);
	agent_send(client, -1, "{\"cmd\":\"STATUS\"}");
	check(strstr(agent_outcome(client), "\"incoming\":0"), "luod's own session is finished");
	preserve_and_go(6);
}

static void third(void)
{
	int client;

	agent_start(AGENT_CONF);
	client = agent_connect();
	check(agent_lists_handler(client, attached_2), "a root with an older one: the newer one wins");
	retrieve(client, 6);
}

int main(void)
{
	static const vm_stage_fn stages[] = { first, second, third };

	vm_run_stages(stages, 3);
}
