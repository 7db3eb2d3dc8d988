// SPDX-License-Identifier: GPL-2.0
/* luod.conf, and who may do what by it. */
#include <errno.h>
#include <stdio.h>
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
		{ "root may do everything, but have luod's own names", test_root },
		{ "others what their rules give them", test_users },
	};

	ksft_print_header();
	ksft_set_plan(sizeof(tests) / sizeof(*tests));
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		ksft_test_result(tests[i].run(), "%s\n", tests[i].name);
	ksft_finished();
}
