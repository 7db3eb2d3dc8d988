// SPDX-License-Identifier: GPL-2.0
/*
 * luo-attach: attach handlers, and be gone before whoever takes files back opens
 * /dev/liveupdate. It is run by PID 1, as a generator; by an initramfs; or by hand. What goes
 * wrong is a line on the console, and never the end of a boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <syslog.h>
#include <unistd.h>

#include "../luod/common.h"
#include "../luod/options.h"
#include "../luod/policy.h"
#include "luo-attach.h"

#define CONF		"/etc/luo/luod.conf"
#define DEVICE		"/dev/liveupdate"
#define BPF_FS		"/sys/fs/bpf"
/* A generator has attached handlers since the machine started. */
#define MARK		"/run/luo-attach"

/* If generators take more than 90 s, PID 1 ends the boot. */
#define LIMIT_S		60

static struct {
	const char *conf;
	bool generator;
	bool initrd;
	bool kmsg;
	bool list;
	bool verbose;
} options = { .conf = CONF };

static const struct option_line option_lines[] = {
	{ 'c', "config", "FILE", "instead of " CONF },
	{ 'i', "initrd", NULL, "this is an initramfs" },
	{ 'k', "kmsg", NULL, "log to the kernel's log, and so to the console" },
	{ 'l', "list", NULL, "only print which objects it would attach" },
	{ 'v', "verbose", NULL, "log more" },
};

static const struct program program = {
	.name = "luo-attach",
	.version = "luo-attach " LUO_VERSION,
	.about = "Attaches handlers, so that files of a live update can be taken back.",
	.options = option_lines,
	.nr_options = sizeof(option_lines) / sizeof(*option_lines),
};

static void take_option(char letter, const char *value)
{
	switch (letter) {
	case 'c':
		options.conf = value;
		break;
	case 'i':
		options.initrd = true;
		break;
	case 'k':
		options.kmsg = true;
		break;
	case 'l':
		options.list = true;
		break;
	default:
		options.verbose = true;
	}
}

/* By its name: a generator gets three directories, of which this one needs none. */
static bool is_generator(const char *name)
{
	const char *slash = strrchr(name, '/');

	return !strcmp(slash ? slash + 1 : name, "luo-generator");
}

static bool is_in_initrd(void)
{
	const char *by_systemd = getenv("SYSTEMD_IN_INITRD");

	return options.initrd || (by_systemd && !strcmp(by_systemd, "1"));
}

/*
 * PID 1 runs generators again when it reloads its units. By then handlers are luod's and the
 * administrator's business: what they unloaded must not come back. That of an initramfs does
 * not count, for the root file system may have more.
 */
static bool was_done(void)
{
	int fd;

	if (!options.generator || is_in_initrd())
		return false;
	fd = open(MARK, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EEXIST;
}

/* PID 1 has mounted it. What a generator mounts, nobody else would see. */
static int need_bpf_fs(void)
{
	int err = -ENODEV;
	struct statfs fs;

	if (!statfs(BPF_FS, &fs) && (unsigned int)fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (!options.generator) {
		if (!mount("bpf", BPF_FS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
			return 0;
		err = -errno;
	}
	say(LOG_ERR, "no BPF file system at " BPF_FS "%s%s: no handler is attached, and no file of theirs can be taken back",
	    options.generator ? "" : ", nor can it be mounted: ",
	    options.generator ? "" : strerror(-err));
	return err;
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

bool file_can_be_used(const struct luo_handler_file *file, struct attach_count *count)
{
	char problem[512];

	if (file_problem(file, problem, sizeof(problem))) {
		say(LOG_ERR, "%s", problem);
		count->failed++;
	}
	return !file->error;
}

/* The boot waits; a person has patience. */
static bool is_waited_for(void)
{
	return options.kmsg || options.generator;
}

/* How much is wrong */
static int attach(const struct conf *conf)
{
	struct attach_count count = {
		.in_initrd = is_in_initrd(),
		.seconds = is_waited_for() ? LIMIT_S / 2 : LIMIT_S * 5,
	};
	int err = need_kernel() ?: need_bpf_fs();

	if (err)
		return 1;
	err = luo_handler__find(conf->handlers, attach_file, &count);
	if (err)
		say(LOG_ERR, "not all handlers were looked for: %s", strerror(-err));
	if (count.files)
		say(LOG_INFO, "%d of %d handlers are attached", count.attached, count.files);
	else
		say(LOG_INFO, "there is no handler to attach: see \"handlers\" in %s",
		    options.conf);
	return count.failed + !!err;
}

static int print_path(const struct luo_handler_file *file, void *ctx)
{
	if (file_can_be_used(file, ctx))
		puts(file->path);
	return 0;
}

/* What is left out of an initramfs has to be seen, but it is not the end of making one. */
static int list(const struct conf *conf)
{
	struct attach_count count = {};

	return luo_handler__find(conf->handlers, print_path, &count);
}

/*
 * How much is wrong. Without users, who are not needed here: to ask for one, PID 1 may be
 * needed.
 */
static int read_conf(struct conf *conf)
{
	char message[256] = "";
	int err = conf_read_no_rules(conf, options.conf, message, sizeof(message));

	if (!err)
		return 0;
	say(LOG_ERR, "%s: %s: handlers of the usual directories are attached", options.conf,
	    *message ? message : strerror(-err));
	if (conf_default(conf))
		say(LOG_ERR, "no memory");
	return 1;
}

/* Is there something to do? */
static bool is_wanted(void)
{
	if (access(DEVICE, F_OK) || was_done())
		return false;
	if (attach_is_off()) {
		say(LOG_WARNING, "no handler is attached: " ATTACH_SWITCH "0 on the command line");
		return false;
	}
	return true;
}

static int list_or_attach(void)
{
	struct conf conf;
	int wrong = read_conf(&conf);

	wrong += options.list ? !!list(&conf) : attach(&conf);
	conf_free(&conf);
	return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	int status = -1;

	options.generator = is_generator(argv[0]);
	if (!options.generator)
		options_parse(&program, argc, argv, take_option);
	say_open(options.kmsg || options.generator, options.verbose ? LOG_DEBUG : LOG_INFO);
	if (!options.list && !is_wanted())
		return 0;

	if (!options.list && is_waited_for())
		status = limit_time(LIMIT_S);
	if (status < 0)
		status = list_or_attach();
	/* The line is enough: PID 1 would have another one for a status. */
	return options.generator ? EXIT_SUCCESS : status;
}
