// SPDX-License-Identifier: GPL-2.0
/* luod.conf is read again: who may do what changes, and what is wrong changes nothing. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "tap.h"
#include "vm.h"

#define CONF "/tmp/luod.conf"
#define USER 1000
#define HEAD "{ \"handlers\": [], \"iterators\": \"/iterators\",\n"
#define NONE HEAD "\"allow\": [] }"
#define NAMES(names) HEAD "\"allow\": [ { \"user\": \"1000\", \"names\": [ " names " ] } ] }"
#define WRONG HEAD "\"timeout\": 5,\n\"allow\": [\n{ \"user\": \"1000\",\n\"name\": [ \"*\" ] } ] }"
#define NO_JSON HEAD "\n\"allow\": [\n}"

static int root;

static void write_conf(const char *text)
{
	FILE *f = fopen(CONF, "we");

	must(f && fputs(text, f) >= 0 && !fclose(f) ? 0 : -EIO, CONF);
}

/* A connection of somebody else's: its credentials are those at connect(2). */
static int connect_as_user(void)
{
	int client;

	must(seteuid(USER), "seteuid");
	client = agent_connect();
	must(seteuid(0), "seteuid");
	return client;
}

static void may(int client, const char *id, bool yes, const char *what)
{
	char line[128];

	snprintf(line, sizeof(line), "{\"cmd\":\"CREATE\",\"id\":\"%s\"}", id);
	if (yes)
		agent_ok(client, line, what);
	else
		agent_error(client, line, "EACCES", what);
}

/* What reload is answered, or "ok" */
static void reload_says(const char *text, const char *what)
{
	const char *line;
	int fd;

	agent_send(root, -1, "{\"cmd\":\"RELOAD\"}");
	line = agent_line(root, &fd) ?: "(the connection ended)";
	if (!check(strstr(line, text), "%s", what))
		tap_note("  %s", line);
}

static void check_rules(int user)
{
	may(user, "a", false, "no right at first");
	write_conf(NAMES("\"a\", \"b\""));
	may(user, "a", false, "none while the file is not read");
	reload_says("\"status\":\"ok\"", "it is read again");
	may(user, "a", true, "who was connected before has the right now");
	write_conf(NAMES("\"b\""));
	reload_says("\"status\":\"ok\"", "it is read a second time");
	may(user, "c", false, "no other right");
	agent_error(user, "{\"cmd\":\"CLAIM\",\"id\":\"a\"}", "EACCES", "and the first one is gone");
	may(user, "b", true, "the second one is there");
}

static void check_wrong(int user)
{
	write_conf(WRONG);
	reload_says("\"EINVAL\",\"message\":\"" CONF ": line 5: field 'name' is not known here: "
		    "what it said before holds\"", "a key that is unknown: its line is said");
	write_conf(NO_JSON);
	reload_says("\"EINVAL\",\"message\":\"" CONF ": line 4: it must be one JSON object",
		    "no JSON: its line is said");
	must(unlink(CONF) || mkdir(CONF, 0700) ? -errno : 0, CONF);
	reload_says("\"EISDIR\"", "no file: it is said");
	must(rmdir(CONF), CONF);
	may(user, "d", false, "what the file said before holds");
	agent_ok(user, "{\"cmd\":\"SUBSCRIBE\",\"id\":\"b\",\"seq\":1}", "all of it");
	check(agent_listed("b", "\"subscribed\":true"), "and who subscribes stays so");
	agent_error(user, "{\"cmd\":\"RELOAD\"}", "EACCES", "RELOAD is for root");
}

static void check_luoctl(int user)
{
	int status;

	write_conf(WRONG);
	status = system("luoctl reload > /tmp/said 2>&1");
	check(WIFEXITED(status) && WEXITSTATUS(status) == 1, "luoctl reload fails");
	check(!system("grep -q '^luoctl: luod: RELOAD: " CONF ": line 5: ' /tmp/said"),
	      "and has the line");
	write_conf(NONE);
	check(!system("luoctl reload > /tmp/said 2>&1 && ! test -s /tmp/said"),
	      "luoctl reload: done, and nothing is said");
	check(agent_lists_nothing("b"), "a subscription ends with the right to the name");
	agent_error(user, "{\"cmd\":\"UNSUBSCRIBE\"}", "ENOTCONN", "the client has none any more");
}

/* The usual one may be missing, but not one that was asked for. */
static void check_missing(void)
{
	int status = system("/selftests/luod --config /tmp/none --socket /tmp/none.sock");

	check(WIFEXITED(status) && WEXITSTATUS(status) == 78, "a file that is missing: no start");
	must(rename(CONF, "/tmp/away"), CONF);
	reload_says("\"ENOENT\"", "a file that is missing: it is said");
	must(rename("/tmp/away", CONF), CONF);
	reload_says("\"ok\"", "it is back");
}

/* Until the last of luod's messages is @text */
static bool logged(const char *text)
{
	for (int i = 0; i < 100; i++) {
		const char *line;
		int fd;

		agent_send(root, -1, "{\"cmd\":\"LOG\",\"lines\":1}");
		line = agent_line(root, &fd) ?: "";
		if (strstr(line, text))
			return true;
		usleep(100000);
	}
	return false;
}

static pid_t parent_of(pid_t pid)
{
	char path[64], text[256];
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	must(read_file(path, text, sizeof(text)), path);
	if (sscanf(strrchr(text, ')') ?: "", ") %*c %d", &parent) != 1)
		parent = 0;
	return must(parent > 1 ? parent : -ESRCH, "luod's keeper");
}

static void check_signals(int user)
{
	pid_t luod = agent_pid();

	write_conf(NAMES("\"e\""));
	kill(luod, SIGHUP);
	check(logged(CONF ": read again"), "SIGHUP: it is read again");
	may(user, "e", true, "SIGHUP: the new right is there");
	write_conf(WRONG);
	kill(luod, SIGHUP);
	check(logged("line 5"), "SIGHUP, wrong: the log has the line");
	write_conf(NAMES("\"f\""));
	kill(parent_of(luod), SIGHUP);
	check(logged(CONF ": read again"), "SIGHUP to the keeper: luod reads it again");
	may(user, "f", true, "SIGHUP to the keeper: the new right is there");
	check_eq(agent_pid(), luod, "it is the same luod as at the beginning");
}

int main(void)
{
	int user;

	tap_start(true, 0);
	agent_start(NONE);
	root = agent_connect();
	user = connect_as_user();
	check_rules(user);
	check_wrong(user);
	check_luoctl(user);
	check_missing();
	check_signals(user);
	tap_finish();
}
