// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "luo.h"
#include "tap.h"
#include "vm.h"

int vm_luo = -1;

int vm_stage(void)
{
	const char *stage = getenv("LUO_STAGE");

	return stage ? atoi(stage) : 0;
}

void vm_run_stages(const vm_stage_fn *stages, int count)
{
	int stage = vm_stage();

	tap_start(!vm_stage(), vm_arg_num("luo_results", 0));
	if (stage >= count)
		tap_bail("kernel %d of %d", stage, count);
	stages[stage]();
	if (stage == count - 1)
		tap_finish();
	tap_bail_at(vm_kexec(), "vm_run_stages", "kexec %d", stage);
}

static void cases_before(const struct vm_case *cases, int count)
{
	vm_luo = must(luo_open(), "/dev/liveupdate");
	for (int i = 0; i < count; i++)
		cases[i].before(must(luo_create(vm_luo, cases[i].name),
				     "create %s", cases[i].name));
}

/* A case may have finished its session itself: then it is gone. */
static int case_finish(int session, const char *name)
{
	int ret = luo_finish(session);

	return luo_retrieve(vm_luo, name) == -ENOENT ? 0 : ret;
}

static void cases_after(const struct vm_case *cases, int count)
{
	vm_luo = must(luo_open(), "/dev/liveupdate");
	for (int i = 0; i < count; i++) {
		int session = luo_retrieve(vm_luo, cases[i].name);

		if (!check(session >= 0, "%s: session is back", cases[i].name))
			continue;
		cases[i].after(session);
		check_eq(case_finish(session, cases[i].name), 0, "%s: finish", cases[i].name);
		close(session);
	}
}

void vm_run_cases(const struct vm_case *cases, int count)
{
	tap_start(!vm_stage(), vm_arg_num("luo_results", 0));
	if (!vm_stage()) {
		cases_before(cases, count);
		tap_bail_at(vm_kexec(), "vm_run_cases", "kexec");
	}
	cases_after(cases, count);
	tap_finish();
}

int read_file(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t n = 0;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	while (done < len - 1) {
		n = read(fd, buf + done, len - 1 - done);
		if (n <= 0)
			break;
		done += n;
	}
	n = n < 0 ? -errno : 0;
	close(fd);
	if (done && buf[done - 1] == '\n')
		done--;
	buf[done] = '\0';
	return n;
}

long read_file_num(const char *path)
{
	char buf[64];
	int ret = read_file(path, buf, sizeof(buf));

	return ret < 0 ? ret : strtol(buf, NULL, 0);
}

int write_file(const char *path, const char *fmt, ...)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char buf[256];
	va_list args;
	int ret;

	if (fd < 0)
		return -errno;
	va_start(args, fmt);
	ret = vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	ret = write(fd, buf, ret) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

long vm_meminfo(const char *field)
{
	FILE *f = fopen("/proc/meminfo", "re");
	size_t n = strlen(field);
	char line[128];
	long kib = -1;

	if (!f)
		return -errno;
	while (kib < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, n) && line[n] == ':')
			kib = atol(line + n + 1);
	fclose(f);
	return kib < 0 ? -ENOENT : kib << 10;
}

/* Which build of our kernel this is; the debug kernel is called like the first. */
static const char *kernel_variant(void)
{
	struct utsname name;

	uname(&name);
	if (strstr(name.release, "-bench"))
		return "bench-luo";
	if (strstr(name.release, "-nothp"))
		return "nothp";
	return access("/proc/lockdep_stats", F_OK) ? "luo" : "debug";
}

int vm_insmod(const char *name, const char *params)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), "/selftests/modules/%s/%s.ko", kernel_variant(), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, params, 0) ? -errno : 0;
	close(fd);
	return ret;
}

int vm_rmmod(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

void vm_module_set(const char *name, const char *param, long value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", name, param);
	must(write_file(path, "%ld", value), "%s", path);
}

int vm_module_calls(const char *name, const char *call)
{
	char regex[128];

	snprintf(regex, sizeof(regex), "^%s: %s( |$)", name, call);
	return vm_log_count(regex);
}

int vm_in_child(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(fn(arg));
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
