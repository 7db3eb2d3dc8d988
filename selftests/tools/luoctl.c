// SPDX-License-Identifier: GPL-2.0
/*
 * luoctl against a server that plays a script in luod's place: what each verb asks for,
 * prints and exits with; and what it makes of a server that is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"
#include "tap.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define WANT(cmd) "'cmd':'" cmd "'"
#define OK(cmd, more) "{'cmd':'" cmd "','status':'ok','seq':$S" more "}\n"
#define ERROR(cmd, error) \
	"{'cmd':'" cmd "','status':'error','error':'" error "','message':'do this','seq':$S}\n"
#define PROGRESS(step, more) "{'event':'PROGRESS','step':'" step "','message':'so far'" more "}\n"

#define EVENTFD \
	"'compatible':'eventfd-v1','version':1,'file':'/h/eventfd.bpf.o','error':null"
#define HELD(id, state, files, bytes, kept) \
	"'id':'" id "','state':'" state "','files':" files ",'bytes':" bytes ",'kept':" kept \
	",'subscribed':false"

static char out[65536], err[65536];

/* Some of what comes from *fd, which is closed and -1 when nothing is left. */
static void drain(int *fd, char *to, size_t size, size_t *len)
{
	ssize_t n = read(*fd, to + *len, size - 1 - *len);

	if (n > 0) {
		*len += n;
	} else {
		close(*fd);
		*fd = -1;
	}
	to[*len] = '\0';
}

/* Both at once, so that neither fills up. */
static void collect(int o, int e)
{
	size_t nout = 0, nerr = 0;

	while (o >= 0 || e >= 0) {
		struct pollfd p[2] = { { .fd = o, .events = POLLIN },
				       { .fd = e, .events = POLLIN } };

		must(poll(p, 2, -1), "poll");
		if (p[0].revents)
			drain(&o, out, sizeof(out), &nout);
		if (p[1].revents)
			drain(&e, err, sizeof(err), &nerr);
	}
}

/* Runs luoctl with @words, split at spaces; @path is for --socket. The exit status. */
static int luoctl(const char *path, const char *words)
{
	char *copy = strdup(words), *rest = copy, *argv[32] = { LUOCTL }, *word;
	int nr = 1, o[2], e[2], status;
	pid_t pid;

	if (path) {
		argv[nr++] = "--socket";
		argv[nr++] = (char *)path;
	}
	while ((word = strsep(&rest, " ")))
		argv[nr++] = word;
	must(pipe2(o, O_CLOEXEC), "pipe");
	must(pipe2(e, O_CLOEXEC), "pipe");
	pid = must(fork(), "fork");
	if (!pid) {
		dup2(o[1], 1);
		dup2(e[1], 2);
		execv(LUOCTL, argv);
		_exit(127);
	}
	close(o[1]);
	close(e[1]);
	collect(o[0], e[0]);
	must(waitpid(pid, &status, 0), "wait");
	free(copy);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* NULL for @said: it must say nothing there. */
static void check_text(const char *got, const char *said, const char *words, const char *where)
{
	bool good = said ? !!strstr(got, said) : !*got;

	if (check(good, "%s: %s: %.*s", words, where, (int)strcspn(said ?: "nothing", "\n"),
		  said ?: "nothing"))
		return;
	for (char *rest = strdup(got), *line; (line = strsep(&rest, "\n"));)
		tap_note("it said: %s", line);
}

/* One run of luoctl with a server. */
static const struct {
	const char *words;
	int code;
	const char *out, *err;
	struct server_step steps[4];
} runs[] = {
	{ "status", 0, "state             idle\n"
	  "kernel.release    7.3.4\nkernel.loaded     yes\nupdate            -\n"
	  "sessions.outgoing  2\n", NULL,
	  { { .want = WANT("STATUS"), .send = OK("STATUS", ",'state':'idle','kernel':{"
	      "'release':'7.3.4','loaded':true},'update':null,'sessions':{'outgoing':2}") } } },
	{ "status --json", 0, "'state':'idle'", NULL,
	  { { .want = WANT("STATUS"), .send = OK("STATUS", ",'state':'idle'") } } },
	{ "status", 4, NULL, "luoctl: luod: STATUS: do this\n",
	  { { .want = WANT("STATUS"), .send = ERROR("STATUS", "EACCES") } } },
	{ "sessions", 0,
	  "SESSION  STATE     FILES  BYTES  KEPT  SUBSCRIBED  READY\n"
	  "vm-7     outgoing      3   8192  yes   no          -\n"
	  "ä b      incoming      -      -  no    no          no\n", NULL,
	  { { .want = WANT("LIST"), .send = OK("LIST", ",'sessions':[{"
	      HELD("vm-7", "outgoing", "3", "8192", "true") ",'ready':null},{"
	      HELD("ä b", "incoming", "null", "null", "false") ",'ready':false}]") } } },
	{ "sessions --json", 0, "{\n  'sessions':[", NULL,
	  { { .want = WANT("LIST"), .send = OK("LIST", ",'sessions':[]") } } },
	{ "sessions", 3, NULL, "luod's answer has no sessions",
	  { { .want = WANT("LIST"), .send = OK("LIST", ",'sessions':5") } } },
	{ "sessions", 0, "a?[31mred", NULL,
	  { { .want = WANT("LIST"),
	      .send = OK("LIST", ",'sessions':[{'id':'a\\u001b[31mred'}]") } } },
	{ "sessions --json", 0, "'id':'b'\n    }\n  ]\n}", NULL,
	  { { .want = WANT("LIST"), .send = OK("LIST", ",'sessions':[{'id':'a'}],'next':'a'") },
	    { .want = WANT("LIST") ",'after':'a'",
	      .send = OK("LIST", ",'sessions':[{'id':'b'}],'next':null") } } },
	{ "sessions", 3, NULL, "has no end",
	  { { .want = WANT("LIST"), .send = OK("LIST", ",'sessions':[],'next':'b'") },
	    { .want = WANT("LIST") ",'after':'b'",
	      .send = OK("LIST", ",'sessions':[],'next':'b'") } } },
	{ "sessions", 4, NULL, "do this",
	  { { .want = WANT("LIST"), .send = OK("LIST", ",'sessions':[{'id':'a'}],'next':'a'") },
	    { .want = WANT("LIST"), .send = ERROR("LIST", "EACCES") } } },
	{ "reload", 0, NULL, NULL,
	  { { .want = WANT("RELOAD"), .send = OK("RELOAD", "") } } },
	{ "reload", 1, NULL, "do this",
	  { { .want = WANT("RELOAD"), .send = ERROR("RELOAD", "EINVAL") } } },
	{ "handlers list", 0,
	  "NAME     HANDLER     VERSION  FILE              ERROR\n"
	  "eventfd  eventfd-v1        1  /h/eventfd.bpf.o  -\n"
	  "tap      -                 -  /h/tap.bpf.o      no such\n", NULL,
	  { { .want = WANT("HANDLERS"), .send = OK("HANDLERS", ",'handlers':[{'name':'eventfd',"
	      EVENTFD "},{'name':'tap','file':'/h/tap.bpf.o','error':'no such'}]") } } },
	{ "handlers list --json", 4, "'error':'EACCES'", "do this",
	  { { .want = WANT("HANDLERS"), .send = ERROR("HANDLERS", "EACCES") } } },
	{ "handlers load " LUOCTL, 0, NULL, NULL,
	  { { .want = WANT("HANDLER_LOAD") ",'name':'luoctl-asan'", .send = OK("HANDLER_LOAD", ""),
	      .takes = 1 } } },
	{ "handlers load --name x /dev/null", 1, NULL, "HANDLER_LOAD: do this",
	  { { .want = WANT("HANDLER_LOAD") ",'name':'x'", .send = ERROR("HANDLER_LOAD", "EEXIST"),
	      .takes = 1 } } },
	{ "handlers upgrade /dev/null --json", 0, "'status':'ok'", NULL,
	  { { .want = WANT("HANDLER_UPGRADE") ",'name':'null'", .takes = 1,
	      .send = OK("HANDLER_UPGRADE", "") } } },
	{ "handlers unload eventfd", 1, NULL, "HANDLER_UNLOAD: do this",
	  { { .want = WANT("HANDLER_UNLOAD") ",'name':'eventfd'",
	      .send = ERROR("HANDLER_UNLOAD", "ENOENT") } } },
	{ "load /dev/null", 0, NULL, NULL,
	  { { .want = WANT("LOAD") ",'seq'", .send = OK("LOAD", ""), .takes = 1 } } },
	{ "load /dev/null --initrd /dev/zero --cmdline a=1", 0, NULL, NULL,
	  { { .want = WANT("LOAD") ",'cmdline':'a=1'", .send = OK("LOAD", ""), .takes = 2 } } },
	{ "load /dev/null --reuse-cmdline --json", 1, "ENOEXEC", "LOAD: do this",
	  { { .want = WANT("LOAD") ",'reuse_cmdline':true", .send = ERROR("LOAD", "ENOEXEC"),
	      .takes = 1 } } },
	{ "update --timeout 2.5 --policy go --force", 5,
	  " s  preserve so far (waiting for a,b)\n", "UPDATE: do this",
	  { { .want = WANT("UPDATE") ",'timeout':2500,'policy':'go','force':true,'seq'",
	      .send = PROGRESS("check", ",'waiting':[]") },
	    { .send = PROGRESS("preserve", ",'waiting':['a','b']") },
	    { .send = ERROR("UPDATE", "ETIMEDOUT") } } },
	{ "update --json", 5, "{'event':'PROGRESS','step':'check','message':'so far'}\n"
	  "{'cmd':'UPDATE','status':'error','error':'ECANCELED'", "do this",
	  { { .want = WANT("UPDATE") ",'seq'", .send = PROGRESS("check", "") },
	    { .send = ERROR("UPDATE", "ECANCELED") } } },
	{ "update", 0, "kexec    so far", NULL,
	  { { .want = WANT("UPDATE"), .send = PROGRESS("kexec", ""), .hang_up = true } } },
	{ "update", 1, "kexec    so far", "luoctl: luod: UPDATE: do this\n",
	  { { .want = WANT("UPDATE"), .send = PROGRESS("kexec", "") },
	    { .send = ERROR("UPDATE", "EIO") } } },
	{ "update", 3, "preserve so far", "luod: it went away",
	  { { .want = WANT("UPDATE"), .send = PROGRESS("preserve", ""), .hang_up = true } } },
	{ "update --dry-run", 6, "SESSION  LOST BECAUSE\nvm-7     late\n1 subscribers", NULL,
	  { { .want = WANT("UPDATE") ",'dry_run':true", .send = OK("UPDATE", ",'lost':[{"
	      "'id':'vm-7','why':'late'}],'subscribers':['a'],'refused':null,'why':null") } } },
	{ "update --dry-run", 0, "Nothing would be lost.", NULL,
	  { { .want = WANT("UPDATE"), .send = OK("UPDATE", ",'lost':[],'refused':null") } } },
	{ "update --dry-run", 1, "It would not begin: no kernel is loaded\n", NULL,
	  { { .want = WANT("UPDATE"),
	      .send = OK("UPDATE", ",'lost':[],'refused':'EIO','why':'no kernel is loaded'") } } },
	{ "update --dry-run --json", 6, "'why':'late'", NULL,
	  { { .want = WANT("UPDATE"),
	      .send = OK("UPDATE", ",'lost':[{'id':'a','why':'late'}]") } } },
	{ "update --dry-run", 3, NULL, "does not say what would be lost",
	  { { .want = WANT("UPDATE"), .send = OK("UPDATE", "") } } },
	{ "cancel", 0, NULL, NULL,
	  { { .want = WANT("CANCEL") ",'seq'", .send = OK("CANCEL", "") } } },
	{ "cancel --reason later", 1, NULL, "CANCEL: do this",
	  { { .want = ",'reason':'later'", .send = ERROR("CANCEL", "EINVAL") } } },
	{ "log", 0, "one\ntwo?\n", NULL,
	  { { .want = WANT("LOG") ",'seq'",
	      .send = OK("LOG", ",'lines':['one','two\\u0007']") } } },
	{ "log --lines 7 --json", 0, "'lines':[", NULL,
	  { { .want = WANT("LOG") ",'lines':7", .send = OK("LOG", ",'lines':[]") } } },
	{ "log", 3, NULL, "luod's answer has no lines",
	  { { .want = WANT("LOG"), .send = OK("LOG", "") } } },
	/* What is no luod */
	{ "log", 3, NULL, "no JSON object", { { .want = WANT("LOG"), .send = "what?\n" } } },
	{ "log", 3, NULL, "within a message",
	  { { .want = WANT("LOG"), .send = "{'cmd", .hang_up = true } } },
	{ "log", 3, NULL, "it went away", { { .want = WANT("LOG"), .hang_up = true } } },
	{ "log", 3, NULL, "too long", { { .want = WANT("LOG"), .fill = 2000000 } } },
	{ "log", 3, NULL, "wrong descriptors",
	  { { .want = WANT("LOG"), .send = OK("LOG", ",'lines':[]"), .fds = 3 } } },
	{ "log", 3, NULL, "too many clients", { { .want = WANT("HELLO"), .hang_up = true, .send =
	  "{'status':'error','error':'EMFILE','message':'too many clients'}\n" } } },
};

static void test_runs(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct server *server = server_start(runs[i].steps);
		char *said = runs[i].out ? server_quoted(runs[i].out) : NULL;

		check_eq(luoctl(server_path(server), runs[i].words), runs[i].code, "%s: exit status",
			 runs[i].words);
		check_text(out, said, runs[i].words, "stdout");
		free(said);
		check_text(err, runs[i].err, runs[i].words, "stderr");
		/* A server that hangs up or talks nonsense is left early. */
		check(server_end(server) || runs[i].code == 3, "%s: the server got what it should",
		      runs[i].words);
	}
}

/* Without a server */
static const struct {
	const char *words;
	int code;
	const char *out, *err;
} alone[] = {
	{ "help", 0, "luoctl update [--dry-run]", NULL },
	{ "help handlers", 0, "luoctl handlers check FILE", NULL },
	{ "help handlers check", 0, "Nothing is attached", NULL },
	{ "help nothing", 2, NULL, "there is no verb 'nothing'" },
	{ "update --help", 0, "--policy abort|go", NULL },
	{ "--version", 0, "luoctl " LUO_VERSION, NULL },
	{ "-h", 0, "luoctl update [--dry-run]", NULL },
	{ "-V", 0, "luoctl " LUO_VERSION, NULL },
	{ "start", 2, NULL, "there is no verb 'start': luoctl help says what there is" },
	{ "handlers", 2, NULL, "list, load, upgrade, unload or check" },
	{ "handlers attach x", 2, NULL, "handlers attach: list, load" },
	{ "handlers load", 2, NULL, "FILE is missing" },
	{ "load", 2, NULL, "KERNEL is missing: luoctl help load says" },
	{ "log 5", 2, NULL, "'5' is one word too many" },
	{ "log --lines 0", 2, NULL, "a number from 1 to 10000" },
	{ "log --lines 1e9", 2, NULL, "a number from 1 to 10000" },
	{ "log --lines", 2, NULL, "requires an argument" },
	{ "status --force", 2, NULL, "it has no --force" },
	{ "status --nothing", 2, NULL, "an option is wrong" },
	{ "update --timeout -1", 2, NULL, "seconds, up to 86400" },
	{ "update --timeout x", 2, NULL, "seconds, up to 86400" },
	{ "update --timeout nan", 2, NULL, "seconds, up to 86400" },
	{ "update --policy maybe", 2, NULL, "it is abort or go" },
	{ "load k --cmdline a --reuse-cmdline", 2, NULL, "not both" },
	{ "load /nowhere", 1, NULL, "/nowhere: No such file or directory" },
	{ "load /dev/null --initrd /nowhere", 1, NULL, "/nowhere: No such file or directory" },
	{ "handlers load /nowhere", 1, NULL, "/nowhere: No such file or directory" },
	{ "handlers check /nowhere", 1, NULL, "/nowhere:" },
	{ "handlers check /dev/null", 1, NULL, "/dev/null:" },
	{ "handlers check " LUOCTL, 1, NULL, LUOCTL },
	{ "--socket /nowhere log", 3, NULL, "luod does not run: start it" },
	{ "--socket /dev/null update", 3, NULL, "/dev/null" },
};

static void test_alone(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(alone); i++) {
		check_eq(luoctl(NULL, alone[i].words), alone[i].code, "%s: exit status",
			 alone[i].words);
		check_text(out, alone[i].out, alone[i].words, "stdout");
		check_text(err, alone[i].err, alone[i].words, "stderr");
	}
}

int main(void)
{
	tap_start(true, 0);
	test_runs();
	test_alone();
	tap_finish();
}
