// SPDX-License-Identifier: GPL-2.0
/* luod: options, and one start after the other. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"
#include "options.h"

#define FILES_MAX	524288

struct luod luod;

static struct {
	const char *socket;
	const char *conf;
	bool foreground;
	bool keeper;
	bool verbose;
} options = { LUOD_SOCKET, LUOD_CONF, false, true, false };

static int listen_fd = -1;

static const struct option_line option_lines[] = {
	{ 'c', "config", "FILE", "instead of " LUOD_CONF },
	{ 's', "socket", "FILE", "instead of " LUOD_SOCKET },
	{ 'f', "foreground", NULL, "stay in the foreground, and log to standard error" },
	{ 'n', "no-keeper", NULL, "no second process that keeps sessions if luod dies" },
	{ 'v', "verbose", NULL, "log more" },
};

static const struct program program = {
	.name = "luod",
	.version = LUOD_VERSION,
	.about = "Owns /dev/liveupdate: hands sessions to clients, and drives live updates.",
	.options = option_lines,
	.nr_options = sizeof(option_lines) / sizeof(*option_lines),
};

/* From whatever directory it is started again, it means the same file. */
static const char *absolute(const char *path)
{
	char dir[PATH_MAX], *text;

	if (*path == '/')
		return path;
	if (!getcwd(dir, sizeof(dir)) || asprintf(&text, "%s/%s", dir, path) < 0) {
		fprintf(stderr, "luod: %s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	return text;
}

static void take_option(char letter, const char *value)
{
	switch (letter) {
	case 'c':
		options.conf = absolute(value);
		luod.conf_needed = true;
		break;
	case 's':
		options.socket = absolute(value);
		break;
	case 'f':
		options.foreground = true;
		break;
	case 'n':
		options.keeper = false;
		break;
	default:
		options.verbose = true;
	}
}

/* The same options once more, for those that this one starts */
static void make_argv(char *name)
{
	static char *argv[9];
	size_t n = 0;

	argv[n++] = name;
	if (luod.conf_needed) {
		argv[n++] = "--config";
		argv[n++] = (char *)options.conf;
	}
	argv[n++] = "--socket";
	argv[n++] = (char *)options.socket;
	if (options.foreground)
		argv[n++] = "--foreground";
	if (!options.keeper)
		argv[n++] = "--no-keeper";
	if (options.verbose)
		argv[n++] = "--verbose";
	luod.argv = argv;
}

/* In the child; the parent goes when luod serves, or with its status if it does not. */
static int go_to_background(void)
{
	int fds[2], status;
	char byte;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid) {
		close(fds[1]);
		if (read(fds[0], &byte, 1) == 1)
			exit(0);
		if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
			exit(WEXITSTATUS(status));
		exit(EXIT_FAILURE);
	}
	close(fds[0]);
	setsid();
	if (chdir("/"))
		log_text(LOG_DEBUG, "no root directory");
	return fds[1];
}

/* Its messages would disturb whoever has this terminal next. */
static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

/* A session is a descriptor, and there may be many: as many as luod.service allows. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	if (limit.rlim_max < FILES_MAX) {
		struct rlimit more = { FILES_MAX, FILES_MAX };

		/* For root only, and no more than fs.nr_open. */
		if (!setrlimit(RLIMIT_NOFILE, &more))
			return;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* A socket file that nobody listens behind is what a luod before left. */
static bool is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served = !connect(fd, (const struct sockaddr *)address, sizeof(*address));

	close(fd);
	return served;
}

static void make_parent(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return;
	*slash = '\0';
	mkdir(dir, 0755);
}

static int make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	make_parent(path);
	if (is_served(&address))
		return -EADDRINUSE;
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Anybody may connect: who may do what is up to luod.conf. */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || chmod(path, 0666) ||
	    listen(fd, SOMAXCONN)) {
		err = -errno;
		close(fd);
		return err;
	}
	if (!store_is_systemd())
		store_add(STORE_SOCKET, fd);
	return fd;
}

static void restore(const char *name, int fd)
{
	if (!strcmp(name, STORE_SOCKET)) {
		listen_fd = fd;
	} else if (!strncmp(name, STORE_HANDLER, strlen(STORE_HANDLER))) {
		handlers_restore(name + strlen(STORE_HANDLER), fd);
	} else if (!strcmp(name, STORE_STATE)) {
		/* Of an update that did not take place, or read by way of the kernel. */
		store_remove(name);
		close(fd);
	} else {
		session_restore(name, fd);
	}
}

static void warn_of_kept(struct session *session)
{
	log_text(LOG_WARNING, "session '%s': was kept, and is undone as luod ends", session->name);
}

/* From the beginning: one that comes before luod can take it must not be its end. */
static void block_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	char message[ERROR_MAX];

	(void)source;
	(void)info;
	(void)ctx;
	conf_reload(message);
	return 0;
}

static int start_loop(void)
{
	int err = sd_event_default(&luod.event);

	/* Without a function the loop ends. */
	if (err >= 0)
		err = sd_event_add_signal(luod.event, NULL, SIGTERM, NULL, NULL);
	if (err >= 0)
		err = sd_event_add_signal(luod.event, NULL, SIGINT, NULL, NULL);
	if (err >= 0)
		err = sd_event_add_signal(luod.event, NULL, SIGHUP, on_hangup, NULL);
	if (err >= 0)
		err = sd_event_set_watchdog(luod.event, true);
	return err < 0 ? err : 0;
}

/* Everything that is there before the first client */
static int start(void)
{
	int err = start_loop();

	if (!err)
		err = store_open(options.keeper);
	if (!err)
		err = store_restore(restore);
	if (err)
		return err;
	state_restore();
	handlers_start();
	state_done();
	if (listen_fd < 0)
		listen_fd = make_socket(options.socket);
	return listen_fd < 0 ? listen_fd : server_start(listen_fd);
}

static int serve(int ready_fd)
{
	char message[ERROR_MAX] = "";
	int err;

	luod.conf_path = options.conf;
	err = conf_find(&luod.conf, message, sizeof(message));
	if (err) {
		log_text(LOG_ERR, "%s: %s: mend it, and start luod again", options.conf, message);
		return EXIT_CONFIG;
	}
	err = start();
	if (err) {
		log_text(LOG_ERR, "%s: %s%s", options.socket, strerror(-err),
			 err == -EADDRINUSE ? ": another luod is running" : "");
		return EXIT_FAILURE;
	}
	log_text(LOG_INFO, "serving at %s", options.socket);
	store_ready();
	if (ready_fd >= 0) {
		if (write(ready_fd, "", 1) < 0)
			log_text(LOG_DEBUG, "nobody waits for luod");
		close(ready_fd);
	}
	err = sd_event_loop(luod.event);
	store_end();
	if (!store_is_systemd())
		session_for_each(SESSION_KEPT, warn_of_kept);
	server_stop();
	device_list_reset();
	device_close();
	conf_free(&luod.conf);
	sd_event_unref(luod.event);
	return err < 0 ? EXIT_FAILURE : 0;
}

int main(int argc, char **argv)
{
	bool by_systemd = getenv("NOTIFY_SOCKET"), by_keeper = keeper_fd() >= 0;
	int ready_fd = -1;

	/* Started again from a file that is gone, it would be called "exe". */
	prctl(PR_SET_NAME, "luod");
	options_parse(&program, argc, argv, take_option);
	make_argv(argv[0]);
	if (by_systemd && !by_keeper)
		options.foreground = true;
	log_open(getenv("JOURNAL_STREAM") ? LOG_TO_JOURNAL :
		 options.foreground ? LOG_TO_STDERR : LOG_TO_KMSG,
		 options.verbose ? LOG_DEBUG : LOG_INFO);
	raise_limits();
	if (keeper_is_wanted())
		return keeper_run(luod.argv, -1);
	if (!options.foreground && !by_keeper) {
		ready_fd = go_to_background();
		if (ready_fd >= 0)
			leave_terminal();
	}
	if (options.keeper && !by_systemd && !by_keeper)
		return keeper_run(luod.argv, ready_fd);
	block_signals();
	return serve(ready_fd);
}
