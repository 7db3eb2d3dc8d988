// SPDX-License-Identifier: GPL-2.0
/*
 * luo-attach: attach handlers, and be gone before whoever takes files back opens
 * /dev/liveupdate. It is run by PID 1, as a generator; by an initramfs; or by hand. What goes
 * wrong is a line on the console, and never the end of a boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <syslog.h>
#include <unistd.h>

#include "../luod/policy.h"
#include "luo-attach.h"

#define CONF		"/etc/luo/luod.conf"
#define DEVICE		"/dev/liveupdate"
#define BPF_FS		"/sys/fs/bpf"
/* A generator has attached handlers since the machine started. */
#define MARK		"/run/luo-attach"
#define SWITCH		"luo.attach="

#define EXIT_USAGE	64

/* If generators take more than 90 s, PID 1 ends the boot. */
#define LIMIT_S		60

static struct {
	const char *conf;
	bool generator;
	bool kmsg;
	bool list;
	bool verbose;
} options = { .conf = CONF };

static const char usage[] =
	"usage: luo-attach [OPTION]...\n"
	"Attaches handlers, so that files of a live update can be taken back.\n"
	"\n"
	"  -c, --config FILE  instead of " CONF "\n"
	"  -k, --kmsg         log to the kernel's log, and so to the console\n"
	"  -l, --list         only print which objects it would attach\n"
	"  -v, --verbose      log more\n"
	"  -V, --version\n"
	"  -h, --help\n";

static void parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "kmsg", no_argument, NULL, 'k' },
		{ "list", no_argument, NULL, 'l' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:klvVh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			options.conf = optarg;
			break;
		case 'k':
			options.kmsg = true;
			break;
		case 'l':
			options.list = true;
			break;
		case 'v':
			options.verbose = true;
			break;
		case 'V':
			puts("luo-attach " LUO_VERSION);
			exit(0);
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
}

/* By its name: a generator gets three directories, of which this one needs none. */
static bool is_generator(const char *name)
{
	const char *slash = strrchr(name, '/');

	return !strcmp(slash ? slash + 1 : name, "luo-generator");
}

/* For a handler that keeps a machine from starting */
static bool is_switched_off(void)
{
	char line[4096], *rest = line, *word;
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
	bool off = false;

	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = '\0';
	/* The last one counts. */
	while ((word = strsep(&rest, "\n "))) {
		if (!strncmp(word, SWITCH, strlen(SWITCH))) {
			word += strlen(SWITCH);
			off = !strcmp(word, "0") || !strcmp(word, "no") || !strcmp(word, "off");
		}
	}
	return off;
}

/*
 * PID 1 runs generators again when it reloads its units. By then handlers are luod's and the
 * administrator's business: what they unloaded must not come back. That of an initramfs does
 * not count, for the root file system may have more.
 */
static bool was_done(void)
{
	const char *in_initrd = getenv("SYSTEMD_IN_INITRD");
	int fd;

	if (!options.generator || (in_initrd && !strcmp(in_initrd, "1")))
		return false;
	fd = open(MARK, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EEXIST;
}

/* PID 1 has mounted it. What a generator mounts, nobody else would see. */
static int need_bpf_fs(void)
{
	struct statfs fs;

	if (!statfs(BPF_FS, &fs) && (unsigned int)fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (!options.generator &&
	    !mount("bpf", BPF_FS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return 0;
	say(LOG_ERR, "no BPF file system at " BPF_FS ": no handler is attached, and no file of theirs can be taken back");
	return -ENODEV;
}

static int ignore(const struct luo_handler_info *info, void *ctx)
{
	(void)info;
	(void)ctx;
	return 0;
}

static int need_kernel(void)
{
	int err;

	library_said_forget();
	err = luo_handler__list(ignore, NULL);
	if (err)
		say(LOG_ERR, "no handler is attached: %s",
		    *library_said() ? library_said() : strerror(-err));
	return err;
}

static int attach(const struct object *objects)
{
	if (!objects) {
		say(LOG_ERR, "there is no handler to attach: see \"handlers\" in %s", options.conf);
		return -ENOENT;
	}
	return need_kernel() ?: need_bpf_fs() ?: attach_all(objects);
}

/* Without users, who are not needed here: to ask for one, PID 1 may be needed. */
static void read_conf(struct conf *conf)
{
	char message[256] = "";

	if (!conf_read_no_rules(conf, options.conf, message, sizeof(message)))
		return;
	say(LOG_ERR, "%s: %s: handlers of the usual directories are attached", options.conf,
	    message);
	if (conf_default(conf))
		say(LOG_ERR, "no memory");
}

static int list_or_attach(void)
{
	struct object *objects;
	struct conf conf;
	int err = 0;

	read_conf(&conf);
	objects = objects_find(conf.handlers);
	for (struct object *o = objects; options.list && o; o = o->next)
		puts(o->path);
	if (!options.list)
		err = attach(objects);
	objects_free(objects);
	conf_free(&conf);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	int status = -1;

	options.generator = is_generator(argv[0]);
	if (!options.generator)
		parse_options(argc, argv);
	say_open(options.kmsg || options.generator, options.verbose ? LOG_DEBUG : LOG_INFO);
	if (!options.list) {
		if (access(DEVICE, F_OK) || was_done())
			return 0;
		if (is_switched_off()) {
			say(LOG_WARNING, "no handler is attached: " SWITCH "0 on the command line");
			return 0;
		}
	}

	/* The boot waits; a person has patience. */
	if (!options.list && (options.kmsg || options.generator))
		status = limit_time(LIMIT_S);
	if (status < 0)
		status = list_or_attach();
	/* The line is enough: PID 1 would have another one for a status. */
	return options.generator ? EXIT_SUCCESS : status;
}
