// SPDX-License-Identifier: GPL-2.0
/*
 * The client API of libluo-bpf against a server that plays a script: what it says, and
 * that nothing which comes back gets past its checks. A memfd passes for a session here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/liveupdate.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libluo-bpf.h"
#include "server.h"
#include "tap.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define OK(cmd) "{'cmd':'" cmd "','status':'ok','seq':$S}\n"
#define ERROR(cmd, error) \
	"{'cmd':'" cmd "','status':'error','error':'" error "','message':'do this','seq':$S}\n"
#define WANT(cmd) "'cmd':'" cmd "'"
#define START "{'event':'START_PRESERVATION','id':'vm-7','timeout':30000}\n"

static char said[4096];

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t len = strlen(said);

	(void)level;
	return vsnprintf(said + len, sizeof(said) - len, format, args);
}

/* GET_NAME of a memfd; what is called "none" is no session. */
int __wrap_ioctl(int fd, unsigned long call, struct liveupdate_session_get_name *arg);
int __wrap_ioctl(int fd, unsigned long call, struct liveupdate_session_get_name *arg)
{
	char path[32], link[128] = "", *end;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (call != LIVEUPDATE_SESSION_GET_NAME ||
	    readlink(path, link, sizeof(link) - 1) < 0 || strncmp(link, "/memfd:", 7) ||
	    !strncmp(link + 7, "none", 4)) {
		errno = ENOTTY;
		return -1;
	}
	end = strstr(link, " (deleted)");
	*end = '\0';
	memset(arg->name, 0, sizeof(arg->name));
	memcpy(arg->name, link + 7, strlen(link + 7));
	return 0;
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static struct luo_client *try_connect(const char *path, int timeout)
{
	LIBBPF_OPTS(luo_client_opts, opts, .path = path, .timeout = timeout);

	*said = '\0';
	return luo_client__connect(&opts);
}

static struct luo_client *start(struct server **server, const struct server_step *steps,
				int timeout)
{
	struct luo_client *client;

	*server = server_start(steps);
	client = try_connect(server_path(*server), timeout);
	if (!client)
		tap_bail("connect: %s: %s", strerror(errno), said);
	return client;
}

static void end(struct luo_client *client, struct server *server, int fds, const char *what)
{
	luo_client__close(client);
	check(server_end(server), "%s: the server got what it should", what);
	check_eq(open_fds(), fds, "%s: no descriptor is left", what);
}

static void test_connect(void)
{
	static const struct server_step old[] = {
		{ .want = WANT("HELLO"), .send = ERROR("HELLO", "EPROTONOSUPPORT") }, {} };
	static const struct server_step full[] = {
		{ .want = WANT("HELLO"), .hang_up = true, .send =
		  "{'status':'error','error':'EMFILE','message':'too many clients'}\n" },
		{} };
	struct luo_client_opts unknown[2] = { { .sz = sizeof(unknown) }, { .sz = 1 } };
	char longest[200];
	struct server *server;

	check(!try_connect("/nowhere/socket", 0) && errno == ENOENT, "connect: no socket");
	check(strstr(said, "luod does not run"), "connect: the library says what to do");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	check(!try_connect(longest, 0) && errno == ENAMETOOLONG, "connect: too long a path");
	check(!luo_client__connect(unknown) && errno == EINVAL, "connect: unknown options");

	server = server_start(old);
	check(!try_connect(server_path(server), 0) && errno == EPROTONOSUPPORT,
	      "connect: another version");
	server_end(server);
	server = server_start(full);
	check(!try_connect(server_path(server), 0) && errno == EMFILE, "connect: too many clients");
	check(strstr(said, "too many clients"), "connect: what luod says comes out");
	server_end(server);
	luo_client__close(NULL);
}

static void test_update(void)
{
	static const struct server_step steps[] = {
		{ .want = "'id':'vm-7'", .send = OK("SUBSCRIBE") },
		{ .send = START, .fds = 1, .name = "vm-7" },
		{ .want = WANT("READY"), .send = OK("READY") },
		{ .send =
		  "{'event':'CANCELLED','id':'vm-7','error':'ETIME','message':'one was late'}\n" },
		{ .send = "{'event':'NEWS','of':'tomorrow'}\n" },
		{ .send = START, .fds = 1, .name = "vm-7", .bytewise = true },
		{ .want = "'message':'no memory'", .send = OK("FAILED") },
		{ .send = "{'event':'KEXEC','id':'vm-7'}\n" },
		{ .want = WANT("UNSUBSCRIBE"), .send = ERROR("UNSUBSCRIBE", "ENOTCONN") },
		{} };
	struct luo_event event = { .sz = sizeof(event) };
	int fds = open_fds();
	struct server *server;
	struct luo_client *client = start(&server, steps, 0);
	struct pollfd p = { .fd = luo_client__fd(client), .events = POLLIN };

	check_eq(luo_client__subscribe(client, "vm-7"), 0, "update: subscribe");
	check_eq(poll(&p, 1, 60000), 1, "update: the descriptor can be polled");
	check_eq(luo_client__wait(client, &event, -1), 0, "update: an event");
	check(event.type == LUO_EVENT_START_PRESERVATION && event.timeout == 30000 &&
	      !strcmp(event.id, "vm-7") && event.session, "update: which starts it");
	luo_session__close(event.session);
	check_eq(luo_client__ready(client), 0, "update: ready");
	check_eq(luo_client__wait(client, &event, -1), 0, "update: an event");
	check(event.type == LUO_EVENT_CANCELLED && event.error == -ETIME && !event.session &&
	      !strcmp(event.message, "one was late"), "update: which ends it, and why");
	check_eq(luo_client__wait(client, &event, -1), 0, "update: one that is not known is skipped");
	check(event.type == LUO_EVENT_START_PRESERVATION && event.session, "update: another one");
	luo_session__close(event.session);
	check_eq(luo_client__failed(client, "no memory"), 0, "update: failed");
	check_eq(luo_client__unsubscribe(client), -ENOTCONN, "update: an event before an answer");
	check_eq(luo_client__wait(client, &event, 0), 0, "update: is kept");
	check(event.type == LUO_EVENT_KEXEC && strstr(event.json, "KEXEC"), "update: and shown");
	check_eq(luo_client__wait(client, &event, 0), -EAGAIN, "update: no more");
	event.sz = 8;
	check_eq(luo_client__wait(client, &event, 0), -EINVAL, "update: no room for an event");
	end(client, server, fds, "update");
}

static void test_sessions(void)
{
	static const struct server_step steps[] = {
		{ .want = WANT("CREATE") ",'id':'vm-7','keep':true", .send = OK("CREATE"),
		  .fds = 1, .name = "vm-7" },
		{ .want = WANT("KEEP") ",'id':'vm-7'", .send = OK("KEEP"), .takes = 1 },
		{ .want = WANT("CREATE") ",'id':'a b','seq'", .send = ERROR("CREATE", "EEXIST") },
		{ .want = WANT("RELEASE") ",'id':'vm-7','finish':true", .send = OK("RELEASE") },
		{ .want = WANT("RELEASE") ",'id':'vm-8','seq'",
		  .send = ERROR("RELEASE", "ENOENT") },
		{ .want = WANT("CLAIM") ",'id':'vm-7'", .send = OK("CLAIM"), .fds = 1,
		  .name = "vm-7", .bytewise = true },
		{ .want = WANT("CLAIM"), .send = ERROR("CLAIM", "EBUSY") },
		{ .want = WANT("CLAIM"), .send = ERROR("CLAIM", "ENOTHINGLIKEIT") },
		{} };
	int fds = open_fds();
	struct server *server;
	struct luo_client *client = start(&server, steps, 0);
	struct luo_session *session = luo_client__create(client, "vm-7", true);

	check(session, "sessions: create");
	check_eq(luo_client__keep(client, session), 0, "sessions: keep");
	luo_session__close(session);
	session = luo_client__create(client, "a b", false);
	check(!session && errno == EEXIST, "sessions: a name that is taken");
	check(strstr(said, "CREATE: do this"), "sessions: what luod says comes out");
	check_eq(luo_client__release(client, "vm-7", true), 0, "sessions: release");
	check_eq(luo_client__release(client, "vm-8", false), -ENOENT, "sessions: release none");
	session = luo_client__claim(client, "vm-7");
	check(session, "sessions: claim");
	luo_session__close(session);
	check(!luo_client__claim(client, "vm-7") && errno == EBUSY, "sessions: another has it");
	check(!luo_client__claim(client, "vm-7") && errno == EREMOTEIO, "sessions: unknown errno");
	check(!luo_client__claim(client, "\xff") && errno == EILSEQ, "sessions: a name, not UTF-8");
	end(client, server, fds, "sessions");
}

static int seen;

static int on_event(const struct luo_event *event, void *ctx)
{
	seen += event->type == LUO_EVENT_PROGRESS;
	luo_session__close(event->session);
	return seen == 3 ? -ECANCELED : 0;
	(void)ctx;
}

static void test_request(void)
{
	static const struct server_step steps[] = {
		{ .want = WANT("LOAD"), .send = OK("LOAD"), .takes = 2 },
		{ .want = WANT("CREATE"), .send = OK("CREATE"), .fds = 1 },
		{ .want = WANT("UPDATE"), .send = "{'event':'PROGRESS','step':'check'}\n"
			"{'event':'PROGRESS','step':'preserve'}\n" ERROR("UPDATE", "ENOEXEC") },
		{ .want = WANT("UPDATE"), .send = "{'event':'PROGRESS','step':'check'}\n" },
		{ .want = WANT("STATUS"), .send = "{'cmd':'UPDATE','status':'ok','seq':5}\n"
			"{'cmd':'STATUS','status':'ok','state':'idle','seq':$S}\n" },
		{} };
	int given[2] = { 0, 1 }, got[2], fds = open_fds();
	struct luo_request_opts opts = { .sz = sizeof(opts), .fds = given, .nr_fds = 2 };
	struct server *server;
	struct luo_client *client = start(&server, steps, 0);
	char *answer = "unset", *large = malloc(70000);

	check_eq(luo_client__request(client, "{\"cmd\":\"LOAD\"}", NULL, &opts), 0,
		 "request: descriptors go along");
	opts = (struct luo_request_opts) {
		.sz = sizeof(opts),
		.answer_fds = got,
		.nr_answer_fds = 2,
	};
	check_eq(luo_client__request(client, "{\"cmd\":\"CREATE\",\"id\":\"a\"}", NULL, &opts), 0,
		 "request: descriptors come back");
	check(got[0] >= 0 && got[1] == -1, "request: as many as there are");
	close(got[0]);

	opts = (struct luo_request_opts) { .sz = sizeof(opts), .event = on_event };
	check_eq(luo_client__request(client, "{\"cmd\":\"UPDATE\"}", &answer, &opts), -ENOEXEC,
		 "request: an error");
	check(answer && strstr(answer, "\"do this\""), "request: with the answer");
	check_eq(seen, 2, "request: events come while it waits");
	free(answer);
	check_eq(luo_client__request(client, "{\"cmd\":\"UPDATE\"}", &answer, &opts), -ECANCELED,
		 "request: given up by the callback");
	check(!answer, "request: without an answer");
	check_eq(luo_client__request(client, "{\"cmd\":\"STATUS\"}", &answer, NULL), 0,
		 "request: the answer to the one before is skipped");
	check(answer && strstr(answer, "\"idle\""), "request: for its own");
	free(answer);

	check_eq(luo_client__request(client, "[]", &answer, NULL), -EINVAL, "request: no object");
	check_eq(luo_client__request(client, "{}", &answer, NULL), -EINVAL, "request: no command");
	check_eq(luo_client__request(client, "{\"cmd\":1}", &answer, NULL), -EINVAL,
		 "request: a number for a command");
	strcpy(large, "{\"cmd\":\"");
	memset(large + 8, 'x', 66000);
	strcpy(large + 66008, "\"}");
	check_eq(luo_client__request(client, large, &answer, NULL), -EMSGSIZE, "request: too long");
	check(!answer, "request: no answer to that");
	free(large);
	opts = (struct luo_request_opts) { .sz = sizeof(opts), .fds = given, .nr_fds = 17 };
	check_eq(luo_client__request(client, "{\"cmd\":\"LOAD\"}", NULL, &opts), -EINVAL,
		 "request: too many descriptors");
	end(client, server, fds, "request");
}

/* What a server may do that is none, or has been broken into. */
static const struct {
	const char *what;
	struct server_step step;
	int error;
} hostile[] = {
	{ "garbage", { .send = "what?\n" }, -EPROTO },
	{ "an empty line", { .send = "\n" }, -EPROTO },
	{ "an array", { .send = "[1]\n" }, -EPROTO },
	{ "two objects in a line", { .send = "{} {}\n" }, -EPROTO },
	{ "not UTF-8", { .send = "{'cmd':'\xff'}\n" }, -EPROTO },
	{ "a nest", { .send = "{'a':[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}\n" }, -EPROTO },
	{ "an endless line", { .fill = 2000000 }, -EPROTO },
	{ "a line of one byte too many", { .fill = 1 << 20, .send = "\n" }, -EPROTO },
	{ "half a message", { .send = "{'cmd':", .hang_up = true }, -ECONNRESET },
	{ "nothing", { .hang_up = true }, -ECONNRESET },
	{ "no cmd, no event", { .send = "{'seq':$S}\n" }, -EPROTO },
	{ "no seq", { .send = "{'cmd':'CLAIM','status':'ok'}\n" }, -EPROTO },
	{ "a seq of tomorrow", { .send = "{'cmd':'CLAIM','status':'ok','seq':99}\n" }, -EPROTO },
	{ "a seq that is a string", { .send = "{'cmd':'CLAIM','status':'ok','seq':'2'}\n" },
	  -EPROTO },
	{ "another cmd", { .send = OK("CREATE"), .fds = 1 }, -EPROTO },
	{ "no status", { .send = "{'cmd':'CLAIM','seq':$S}\n" }, -EPROTO },
	{ "a status, a number", { .send = "{'cmd':'CLAIM','status':1,'seq':$S}\n" }, -EPROTO },
	{ "an unknown status", { .send = "{'cmd':'CLAIM','status':'so','seq':$S}\n" }, -EPROTO },
	{ "an error without a name", { .send = "{'cmd':'CLAIM','status':'error','seq':$S}\n" },
	  -EPROTO },
	{ "a message with a NUL", { .send =
	  "{'cmd':'CLAIM','status':'error','error':'EIO','message':'a\\u0000b','seq':$S}\n" },
	  -EPROTO },
	{ "no descriptor", { .send = OK("CLAIM") }, -EPROTO },
	{ "two descriptors", { .send = OK("CLAIM"), .fds = 2 }, -EPROTO },
	{ "17 descriptors", { .send = OK("CLAIM"), .fds = 17 }, -EPROTO },
	{ "40 descriptors", { .send = OK("CLAIM"), .fds = 40 }, -EPROTO },
	{ "a descriptor with an error", { .send = ERROR("CLAIM", "ENOENT"), .fds = 1 }, -EPROTO },
	{ "a descriptor with the last byte",
	  { .send = OK("CLAIM"), .fds = 1, .stray = true }, -EPROTO },
	{ "no session", { .send = OK("CLAIM"), .fds = 1, .name = "none" }, -EPROTO },
	{ "another session", { .send = OK("CLAIM"), .fds = 1, .name = "b" }, -EPROTO },
	{ "an event with a number for a name", { .send = "{'event':5}\n" }, -EPROTO },
	{ "an event with a string for a number",
	  { .send = "{'event':'START_PRESERVATION','timeout':'1'}\n", .fds = 1 }, -EPROTO },
	{ "an event with a time below 0",
	  { .send = "{'event':'START_PRESERVATION','timeout':-1}\n", .fds = 1 }, -EPROTO },
	{ "an event without its session", { .send = START }, -EPROTO },
	{ "an event with two", { .send = START, .fds = 2, .name = "vm-7" }, -EPROTO },
	{ "an event with another's", { .send = START, .fds = 1, .name = "vm-8" }, -EPROTO },
	{ "an event with no session", { .send = START, .fds = 1, .name = "none" }, -EPROTO },
	{ "an event with one too many", { .send = "{'event':'KEXEC'}\n", .fds = 1 }, -EPROTO },
	{ "a last word", { .send = "{'status':'error','error':'EPROTO','message':'no'}\n",
			   .hang_up = true }, -EPROTO },
};

static void test_hostile(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		struct server_step steps[] = { hostile[i].step, {} };
		struct luo_event event = { .sz = sizeof(event) };
		int fds = open_fds(), err;
		struct luo_session *session;
		struct luo_client *client;
		struct server *server;
		bool once;

		steps[0].want = WANT("CLAIM");
		client = start(&server, steps, 0);
		session = luo_client__claim(client, "a");
		check(!session, "hostile: %s: no session", hostile[i].what);
		check_eq(-errno, hostile[i].error, "hostile: %s: the error", hostile[i].what);
		err = luo_client__wait(client, &event, 0);
		once = err < 0 && err != -EAGAIN && luo_client__ready(client) == err;
		check(once, "hostile: %s: the connection is over", hostile[i].what);
		luo_client__close(client);
		server_end(server);
		check_eq(open_fds(), fds, "hostile: %s: no descriptor is left", hostile[i].what);
	}
}

/* Events that nobody takes, and answers that don't come. */
static void test_limits(void)
{
	struct server_step many[302] = { { .want = WANT("CLAIM") } };
	static const struct server_step silent[] = {
		{ .want = WANT("READY"), .send = NULL },
		{ .want = WANT("READY"),
		  .send = "{'cmd':'READY','status':'ok','seq':2}\n" OK("READY") },
		{} };
	int fds = open_fds();
	struct luo_event event = { .sz = sizeof(event) };
	struct server *server;
	struct luo_client *client;

	for (int i = 1; i < 301; i++)
		many[i].send = "{'event':'PROGRESS','step':'check'}\n";
	client = start(&server, many, 0);
	check(!luo_client__claim(client, "a") && errno == ENOBUFS, "limits: too many events");
	luo_client__close(client);
	server_end(server);

	client = start(&server, silent, 300);
	check_eq(luo_client__ready(client), -ETIME, "limits: no answer in time");
	check(strstr(said, "no answer in time"), "limits: the library says so");
	check_eq(luo_client__ready(client), 0, "limits: that comes late, and is skipped");
	check_eq(luo_client__wait(client, &event, 50), -EAGAIN, "limits: no event in time");
	end(client, server, fds, "limits");
}

/* As long as luod may send: more than one read, and more than a request has. */
static void test_long(void)
{
	static const char head[] = "{'cmd':'LOG','status':'ok','seq':2,'lines':['";
	char *answer = malloc((1 << 20) + 1), *got;
	struct server_step steps[] = { { .want = WANT("LOG"), .send = answer }, {} };
	int fds = open_fds();
	struct server *server;
	struct luo_client *client;

	memset(answer, 'x', 1 << 20);
	memcpy(answer, head, strlen(head));
	strcpy(answer + (1 << 20) - 4, "']}\n");
	client = start(&server, steps, 0);
	check_eq(luo_client__request(client, "{\"cmd\":\"LOG\"}", &got, NULL), 0, "long: an answer");
	check_eq(got ? strlen(got) : 0, (1 << 20) - 1, "long: all of it");
	free(got);
	end(client, server, fds, "long");
	free(answer);
}

static int remember(const struct luo_session_info *info, void *ctx)
{
	char *text = ctx;

	sprintf(text + strlen(text), "%s %s %lld %lld%s%s%s;", info->id, info->state ?: "-",
		info->files, info->bytes, info->kept ? " kept" : "",
		info->subscribed ? " subscribed" : "", info->ready ? " ready" : "");
	return strcmp(info->id, "stop") ? 0 : 17;
}

#define LISTED(more) "{'cmd':'LIST','status':'ok','seq':$S,'sessions':" more "}\n"

static void test_list(void)
{
	static const struct server_step steps[] = {
		{ .want = WANT("LIST"), .send = LISTED("[{'id':'a','state':'outgoing','files':3,"
		  "'bytes':9007199254740992,'kept':true,'subscribed':true,'ready':true},"
		  "{'id':'b','state':null,'files':null,'x':1}],'next':'b'") },
		{ .want = WANT("LIST") ",'after':'b'", .send = LISTED("[],'next':'bb'") },
		{ .want = WANT("LIST") ",'after':'bb'",
		  .send = LISTED("[{'id':'c','state':'incoming','files':0,'bytes':0}],"
				 "'next':null") },
		{ .want = WANT("LIST"), .send = LISTED("[{'id':'stop'},{'id':'x'}],'next':'x'") },
		{ .want = WANT("LIST"), .send = ERROR("LIST", "ENOMEM") },
		{}
	};
	int fds = open_fds();
	struct server *server;
	struct luo_client *client = start(&server, steps, 0);
	char text[512] = "";

	check_eq(luo_client__list(client, remember, text), 0, "list: three pages");
	check(!strcmp(text, "a outgoing 3 9007199254740992 kept subscribed ready;b - -1 -1;"
		      "c incoming 0 0;"), "list: %s", text);
	text[0] = '\0';
	check_eq(luo_client__list(client, remember, text), 17, "list: the function ends it");
	check(!strcmp(text, "stop - -1 -1;"), "list: at once");
	check_eq(luo_client__list(client, remember, text), -ENOMEM, "list: luod can't");
	end(client, server, fds, "list");
}

static void test_list_hostile(void)
{
	static const char *const answers[] = {
		LISTED("5"), LISTED("[5]"), LISTED("[{'id':5}]"), LISTED("[{}]"),
		LISTED("[{'id':'a','state':1}]"), LISTED("[{'id':'a'}],'next':5"),
		LISTED("[],'next':''"), "{'cmd':'LIST','status':'ok','seq':$S}\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct server_step steps[] = { { .want = WANT("LIST"), .send = answers[i] }, {} };
		int fds = open_fds();
		struct server *server;
		struct luo_client *client = start(&server, steps, 0);
		char text[512] = "";

		check_eq(luo_client__list(client, remember, text), -EPROTO, "list: nonsense %zu",
			 i);
		check_eq(luo_client__ready(client), -EPROTO, "list: the connection has ended");
		end(client, server, fds, "list: nonsense");
	}
}

int main(void)
{
	luo_set_print(print);
	tap_start(true, 0);
	test_connect();
	test_update();
	test_sessions();
	test_request();
	test_list();
	test_list_hostile();
	test_hostile();
	test_limits();
	test_long();
	tap_finish();
}
