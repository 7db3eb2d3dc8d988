// SPDX-License-Identifier: GPL-2.0
/*
 * First program of a test VM. Mounts what tests expect, runs the script from the
 * disk "script" with its output on the TAP port, reports its status, ends the VM.
 * With luo_shell on the command line: a shell on the console instead.
 *
 * Disks are found by serial number: "script" (raw), "selftests" and "boot" (ext2), and
 * "data", if there is one, of the type that luo_disk on the command line says.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static char cmdline[4096];
static int tap = -1;

/* A counter that runs on through a kexec: the demo measures the gap with it. */
static unsigned long long ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	unsigned long long t;

	asm volatile("isb; mrs %0, cntvct_el0" : "=r"(t));
	return t;
#else
#error "name a counter that a kexec does not reset"
#endif
}

static void log_line(const char *text)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		dprintf(fd, "init: %s\n", text);
		close(fd);
	}
}

/* To whoever runs the VM; the harness reads these lines. */
static void report(const char *text)
{
	if (tap < 0 || dprintf(tap, "# init: %s\n", text) < 0)
		log_line(text);
}

static void end(void)
{
	sync();
	/* QEMU runs with -no-reboot: this is the way off on every machine. */
	reboot(RB_AUTOBOOT);
	exit(1);
}

static void die(const char *what, const char *which)
{
	char text[256];

	snprintf(text, sizeof(text), "%s %s: %s", what, which, strerror(errno));
	report(text);
	end();
}

static bool read_file(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, len - 1);
	close(fd);
	if (n < 0)
		return false;
	while (n > 0 && isspace((unsigned char)buf[n - 1]))
		n--;
	buf[n] = '\0';
	return true;
}

/* The value of @key on the command line, "" for a bare word, or NULL. */
static const char *word(const char *key, char *value, size_t len)
{
	size_t n = strlen(key);
	const char *p = cmdline;

	while (*p) {
		size_t end;

		p += strspn(p, " ");
		end = strcspn(p, " ");
		if (!strncmp(p, key, n) && (end == n || p[n] == '=')) {
			snprintf(value, len, "%.*s", (int)(end - n), p + n + (end > n));
			if (end > n)
				value[end - n - 1] = '\0';
			return value;
		}
		p += end;
	}
	return NULL;
}

static void mount_all(void)
{
	static const struct {
		const char *type, *where, *data;
		bool needed;
	} mounts[] = {
		{ "devtmpfs", "/dev", NULL, true },
		{ "proc", "/proc", NULL, true },
		{ "sysfs", "/sys", NULL, true },
		{ "tmpfs", "/tmp", "mode=1777", true },
		{ "tmpfs", "/run", NULL, true },
		{ "tmpfs", "/dev/shm", "mode=1777", true },
		{ "devpts", "/dev/pts", NULL, false },
		{ "debugfs", "/sys/kernel/debug", NULL, false },
		{ "tracefs", "/sys/kernel/tracing", NULL, false },
		{ "bpf", "/sys/fs/bpf", NULL, false },
		{ "cgroup2", "/sys/fs/cgroup", NULL, false },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].where, 0755);
		/* devtmpfs may be there already: CONFIG_DEVTMPFS_MOUNT */
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, mounts[i].data) &&
		    errno != EBUSY && mounts[i].needed)
			die("mounting", mounts[i].where);
	}
}

/* The device that @name of @class has @value for, as /dev/X in @dev. */
static bool find_device(const char *class, const char *name, const char *value,
			char *dev, size_t len)
{
	DIR *dir = opendir(class);
	struct dirent *d;
	bool found = false;

	while (dir && !found && (d = readdir(dir))) {
		char path[512], text[64];

		snprintf(path, sizeof(path), "%s/%s/%s", class, d->d_name, name);
		found = read_file(path, text, sizeof(text)) && !strcmp(text, value);
		if (found)
			snprintf(dev, len, "/dev/%s", d->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void open_tap(void)
{
	char dev[300];
	int i;

	/* The port is announced by a message that may be under way still. */
	for (i = 0; i < 500; i++) {
		if (find_device("/sys/class/virtio-ports", "name", "tap", dev, sizeof(dev))) {
			tap = open(dev, O_RDWR | O_CLOEXEC);
			if (tap >= 0)
				return;
		}
		usleep(10000);
	}
	log_line("no TAP port");
	end();
}

static void mount_disk(const char *serial, const char *where, const char *type,
		       unsigned long flags)
{
	char dev[300];

	if (!find_device("/sys/block", "serial", serial, dev, sizeof(dev)))
		return;
	if (mount(dev, where, type, flags, NULL))
		die("mounting disk", serial);
}

/* The disk "script", up to its padding, as a file. A VM without disks has it in its initrd. */
static void read_script(const char *to)
{
	char dev[300] = "/script", text[16384];
	ssize_t n;
	int fd;

	find_device("/sys/block", "serial", "script", dev, sizeof(dev));
	fd = open(dev, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	close(fd);
	if (n < 0)
		die("reading disk", "script");
	fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	n = strnlen(text, n);
	if (fd < 0 || write(fd, text, n) != n)
		die("writing", to);
	close(fd);
}

static void take_console(void)
{
	char name[64], dev[80], *last;
	int fd;

	read_file("/sys/class/tty/console/active", name, sizeof(name));
	last = strrchr(name, ' ');
	snprintf(dev, sizeof(dev), "/dev/%s", last ? last + 1 : name);
	fd = open(dev, O_RDWR);
	if (fd < 0)
		die("opening", dev);
	ioctl(fd, TIOCSCTTY, 0);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
}

static void run_child(bool shell)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setsid();
	if (shell) {
		take_console();
		chdir("/root");
		execl("/bin/sh", "-sh", NULL);
	} else {
		dup2(null, 0);
		dup2(tap, 1);
		dup2(tap, 2);
		execl("/bin/sh", "sh", "/run/script", NULL);
	}
	dprintf(2, "# init: cannot run a shell: %s\n", strerror(errno));
	_exit(127);
}

static void start_report(const char *stage)
{
	struct utsname u;
	char text[512];

	uname(&u);
	snprintf(text, sizeof(text), "stage %s, Linux %s", stage, u.release);
	report(text);
}

/* Where a person finds what each test finds by itself */
static void furnish(void)
{
	(void)!symlink("/selftests/samples/luo", "/samples");
	setenv("LUO_ITERATORS", "/iterators", 1);
}

int main(void)
{
	unsigned long long start = ticks();
	char value[32], text[64];
	int status = 0;
	pid_t pid, got;
	bool shell;

	mount_all();
	read_file("/proc/cmdline", cmdline, sizeof(cmdline));
	shell = word("luo_shell", value, sizeof(value));
	if (!shell)
		open_tap();
	mount_disk("selftests", "/selftests", "ext2", MS_RDONLY);
	mount_disk("boot", "/boot", "ext2", MS_RDONLY);
	if (word("luo_disk", value, sizeof(value))) {
		mkdir("/data", 0755);
		mount_disk("data", "/data", value, 0);
	}
	read_script("/run/script");

	sethostname("luo", 3);
	setenv("PATH", "/selftests:/selftests/base:/bin:/samples", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "linux", 0);
	setenv("LUO_STAGE", word("luo_stage", value, sizeof(value)) ?: "0", 1);
	snprintf(text, sizeof(text), "%llu", start);
	setenv("LUO_INIT_TICKS", text, 1);
	start_report(getenv("LUO_STAGE"));
	if (shell)
		furnish();

	pid = fork();
	if (!pid)
		run_child(shell);
	do {
		got = wait(&status);
	} while (got != pid && (got > 0 || errno == EINTR));

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "killed by signal %d", WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "exited with status %d", WEXITSTATUS(status));
	report(text);
	end();
}
