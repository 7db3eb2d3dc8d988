// SPDX-License-Identifier: GPL-2.0
/* luod.conf, and who may do what by it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/luod/policy.h"

#include "kselftest.h"

static const char example[] =
	"/* who may do what */\n"
	"{\n"
	"	\"timeout\": 5000, \"policy\": \"go\",\n"
	"	\"handlers\": [ \"/a\", \"/b\" ], \"iterators\": \"/i\",\n"
	"	\"allow\": [\n"
	"		{ \"user\": \"1000\", \"names\": [ \"vm-*\", \"db\" ] },\n"
	"		{ \"group\": \"50\", \"names\": [ \"*\" ], \"rights\": [ \"status\" ] },\n"
	"		{ \"user\": \"1001\", \"rights\": [ \"update\", \"handlers\" ] }\n"
	"	]\n"
	"}\n";

static struct conf conf;
static char message[256];

static int read_conf(const char *text)
{
	int err = conf_parse(&conf, text, strlen(text), message, sizeof(message));

	return err;
}

static bool test_example(void)
{
	bool good = !read_conf(example) && conf.timeout == 5000 && conf.go &&
		    !strcmp(conf.handlers[1], "/b") && !conf.handlers[2] &&
		    !strcmp(conf.iterators, "/i") && conf.policy.count == 3;

	conf_free(&conf);
	return good;
}

static bool test_default(void)
{
	bool good = !conf_read(&conf, "/nothing/there", message, sizeof(message)) &&
		    conf.timeout == 30000 && !conf.go && !conf.policy.count &&
		    !strcmp(conf.handlers[0], "/usr/lib/luo/handlers") &&
		    !strcmp(conf.handlers[1], "/etc/luo/handlers");

	conf_free(&conf);
	good = good && !read_conf("{}") && conf.timeout == 30000;
	conf_free(&conf);
	return good && conf_read(&conf, "/proc/self/mem", message, sizeof(message)) < 0;
}

/* The one that is shipped says what holds without it. */
static bool test_shipped(void)
{
	struct conf other;
	bool good;

	if (conf_read(&conf, SHIPPED_CONF, message, sizeof(message))) {
		ksft_print_msg("%s: %s\n", SHIPPED_CONF, message);
		return false;
	}
	good = !conf_parse(&other, "{}", 2, message, sizeof(message)) &&
	       conf.timeout == other.timeout && conf.go == other.go && !conf.policy.count &&
	       !strcmp(conf.handlers[0], other.handlers[0]) &&
	       !strcmp(conf.handlers[1], other.handlers[1]) && !conf.handlers[2] &&
	       !strcmp(conf.iterators, other.iterators);
	conf_free(&conf);
	conf_free(&other);
	return good;
}

static bool test_wrong(void)
{
	static const struct { const char *text, *named; } wrong[] = {
		{ "", "one JSON object" },
		{ "[]", "one JSON object" },
		{ "{", "one JSON object" },
		{ "{\"timeout\":\"1\"}", "'timeout'" },
		{ "{\"timeout\":-1}", "'timeout'" },
		{ "{\"policy\":\"perhaps\"}", "'policy'" },
		{ "{\"polcy\":\"go\"}", "'polcy' is not known" },
		{ "{\"handlers\":\"/a\"}", "'handlers'" },
		{ "{\"handlers\":[1]}", "'handlers'" },
		{ "{\"allow\":{}}", "'allow'" },
		{ "{\"allow\":[1]}", "'allow'" },
		{ "{\"allow\":[{}]}", "user and group" },
		{ "{\"allow\":[{\"user\":\"1\",\"group\":\"1\"}]}", "user and group" },
		{ "{\"allow\":[{\"user\":1}]}", "'user'" },
		{ "{\"allow\":[{\"user\":\"no-such-user\"}]}", "no-such-user" },
		{ "{\"allow\":[{\"user\":\"-1\"}]}", "-1" },
		{ "{\"allow\":[{\"user\":\"4294967295\"}]}", "4294967295" },
		{ "{\"allow\":[{\"user\":\"1\",\"rights\":[\"all\"]}]}", "'rights'" },
		{ "{\"allow\":[{\"user\":\"1\",\"names\":\"a\"}]}", "'names'" },
		{ "{\"allow\":[{\"user\":\"1\",\"names\":[\"a\"]},"
		  "{\"user\":\"1\",\"x\":1}]}", "'x'" },
	};
	bool good = true;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (read_conf(wrong[i].text) == -EINVAL && strstr(message, wrong[i].named))
			continue;
		ksft_print_msg("%s: %s\n", wrong[i].text, message);
		good = false;
	}
	return good;
}

/* The line of what is wrong is said, or that of the innermost around it. */
static bool test_lines(void)
{
	static const struct { const char *text, *said; } wrong[] = {
		{ "{", "line 1: it must" },
		{ "/*\n\n*/ {\n\"timeout\": 5,,\n}", "line 4: it must" },
		{ "{\n\"a\":\"\nb\",\n\"timeout\":[]}", "line 2: field 'a'" },
		{ "{\n\"policy\":\"go\", // \"timeout\":\n\"timeout\"\n:\n[]}",
		  "line 3: field 'timeout'" },
		{ "{ \"policy\": \"go\",\n\n\"handlers\":\n5 }", "line 3: 'handlers'" },
		{ "{ \"policy\": \"go\",\n\n\"allow\" :\n5 }", "line 3: 'allow'" },
		{ "{ \"allow\": [\n{ \"user\": \"1\" },\n5 ] }", "line 3: an element" },
		{ "{ \"allow\": [ {\"user\":\"1\",\"names\":[\"a\",\"b\"]},\n /* , */ {\n} ] }",
		  "line 2: an element" },
		{ "{ \"allow\": [ { \"user\":\n\"1\" }, {\n\"user\":\"1\",\n\"names\":5 } ] }",
		  "line 4: 'names'" },
		{ "{\"handlers\":[\"a\",\n\"rights\"],\"allow\":[\n"
		  "{\"user\":\"1\",\n\"rights\":[\n\"x\"]}]}",
		  "line 4: 'rights'" },
		/* What is written otherwise than it is called is not found. */
		{ "{\"allow\":[\n{\"user\":\"1\",\n\"\\\"x\":5}]}", "line 2: field '\"x'" },
		{ "{\"allow\":[\n{\"group\":\n\"no-such-group\"}]}", "line 2: there is no" },
	};
	bool good = true;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (read_conf(wrong[i].text) == -EINVAL &&
		    !strncmp(message, wrong[i].said, strlen(wrong[i].said)))
			continue;
		ksft_print_msg("%s\n  said: %s\n  want: %s\n", wrong[i].text, message,
			       wrong[i].said);
		good = false;
	}
	return good;
}

/* Whatever it is, and wherever it ends: only that it is read at all counts here. */
static bool test_pieces(void)
{
	for (size_t len = 0; len < sizeof(example); len++) {
		char *piece = strndup(example, len);
		struct place place = { "allow", 1, "rights" };
		size_t line = conf_line_of(piece, len, &place);

		free(piece);
		if (line > 10)
			return false;
	}
	return true;
}

static bool test_root(void)
{
	struct peer root = {};
	bool good = !read_conf("{}") && policy_allows(&conf.policy, &root, RIGHT_UPDATE) &&
		    policy_allows_name(&conf.policy, &root, "any") &&
		    !policy_allows_name(&conf.policy, &root, "luod.state");

	conf_free(&conf);
	return good;
}

static bool test_users(void)
{
	gid_t groups[] = { 7, 50 };
	struct peer vm = { .uid = 1000, .gid = 1000 }, nobody = { .uid = 65534, .gid = 65534 },
		    member = { .uid = 2000, .gid = 2000, .groups = groups, .group_count = 2 },
		    primary = { .uid = 2001, .gid = 50 }, admin = { .uid = 1001, .gid = 1001 };
	const struct policy *p = &conf.policy;
	bool good = !read_conf(example);

	good = good && policy_allows_name(p, &vm, "vm-7") && policy_allows_name(p, &vm, "vm-") &&
	       policy_allows_name(p, &vm, "db") && !policy_allows_name(p, &vm, "db2") &&
	       !policy_allows_name(p, &vm, "vm") && !policy_allows_name(p, &vm, "xvm-7") &&
	       !policy_allows(p, &vm, RIGHT_STATUS) && !policy_allows(p, &vm, RIGHT_UPDATE);
	good = good && policy_allows_name(p, &member, "any") &&
	       !policy_allows_name(p, &member, "luod.state") &&
	       policy_allows(p, &member, RIGHT_STATUS) && !policy_allows(p, &member,
									 RIGHT_UPDATE) &&
	       policy_allows(p, &primary, RIGHT_STATUS);
	good = good && policy_allows(p, &admin, RIGHT_UPDATE) &&
	       policy_allows(p, &admin, RIGHT_HANDLERS) && !policy_allows(p, &admin,
									  RIGHT_STATUS) &&
	       !policy_allows_name(p, &admin, "vm-7");
	good = good && !policy_allows_name(p, &nobody, "vm-7") &&
	       !policy_allows(p, &nobody, RIGHT_STATUS);
	good = good && policy_allows_some_name(p, &vm) && policy_allows_some_name(p, &member) &&
	       !policy_allows_some_name(p, &admin) && !policy_allows_some_name(p, &nobody);
	conf_free(&conf);
	return good;
}

int main(void)
{
	static const struct {
		const char *name;
		bool (*run)(void);
	} tests[] = {
		{ "an example is read", test_example },
		{ "without a file, and without a word in it", test_default },
		{ "the one that is shipped", test_shipped },
		{ "what is wrong is refused, by its name", test_wrong },
		{ "and by its line", test_lines },
		{ "lines are counted in any piece of it", test_pieces },
		{ "root may do everything, but have luod's own names", test_root },
		{ "others what their rules give them", test_users },
	};

	ksft_print_header();
	ksft_set_plan(sizeof(tests) / sizeof(*tests));
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		ksft_test_result(tests[i].run(), "%s\n", tests[i].name);
	ksft_finished();
}
