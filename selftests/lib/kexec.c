// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "tap.h"
#include "vm.h"

static const char *next_image;
static char next_args[512];
static bool loaded;

const char *vm_arg(const char *key)
{
	static char value[256];
	char line[VM_CMDLINE_MAX];
	size_t n = strlen(key);

	if (read_file("/proc/cmdline", line, sizeof(line)) < 0)
		return NULL;
	for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
		if (strncmp(word, key, n) || word[n] != '=')
			continue;
		snprintf(value, sizeof(value), "%s", word + n + 1);
		return value;
	}
	return NULL;
}

long vm_arg_num(const char *key, long otherwise)
{
	const char *value = vm_arg(key);

	return value ? strtol(value, NULL, 0) : otherwise;
}

/* Take each word that starts with "@key=" out of @line. */
static void drop_word(char *line, const char *key)
{
	char kept[VM_CMDLINE_MAX] = "", *save = NULL;
	size_t n = strlen(key);

	for (char *word = strtok_r(line, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (!strncmp(word, key, n) && word[n] == '=')
			continue;
		if (kept[0])
			strcat(kept, " ");
		strcat(kept, word);
	}
	strcpy(line, kept);
}

void vm_kexec_arg(const char *key, const char *fmt, ...)
{
	size_t n;
	va_list args;

	drop_word(next_args, key);
	n = strlen(next_args);
	n += snprintf(next_args + n, sizeof(next_args) - n, "%s%s=", n ? " " : "", key);
	va_start(args, fmt);
	vsnprintf(next_args + n, sizeof(next_args) - n, fmt, args);
	va_end(args);
}

void vm_kexec_image(const char *image)
{
	next_image = image;
}

/* With luo_other, each kexec goes to the other of two kernels. */
const char *vm_kexec_kernel(void)
{
	if (next_image)
		return next_image;
	return vm_arg("luo_other") && vm_stage() % 2 == 0 ? "/boot/kernel2" : "/boot/kernel";
}

void vm_kexec_cmdline(char line[VM_CMDLINE_MAX])
{
	char words[sizeof(next_args)], *save = NULL;

	if (read_file("/proc/cmdline", line, VM_CMDLINE_MAX) < 0)
		tap_bail("/proc/cmdline");
	vm_kexec_arg("luo_stage", "%d", vm_stage() + 1);
	vm_kexec_arg("luo_results", "%u", tap_results());
	strcpy(words, next_args);
	for (char *word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		word[strcspn(word, "=")] = '\0';
		drop_word(line, word);
	}
	if (strlen(line) + strlen(next_args) + 2 > VM_CMDLINE_MAX)
		tap_bail("kernel command line too long");
	strcat(line, " ");
	strcat(line, next_args);
}

int vm_kexec_load(void)
{
	int kernel, initrd, ret = 0;
	char line[VM_CMDLINE_MAX];

	if (access("/boot/initrd", R_OK) && system("vm-boot-files"))
		return -ENOENT;
	vm_kexec_cmdline(line);
	kernel = open(vm_kexec_kernel(), O_RDONLY | O_CLOEXEC);
	initrd = open("/boot/initrd", O_RDONLY | O_CLOEXEC);
	if (kernel < 0 || initrd < 0 ||
	    syscall(SYS_kexec_file_load, kernel, initrd, strlen(line) + 1, line, 0UL))
		ret = -errno;
	close(kernel);
	close(initrd);
	loaded = !ret;
	return ret;
}

int vm_kexec(void)
{
	int ret = loaded ? 0 : vm_kexec_load();

	if (ret)
		return ret;
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	/* If it is refused, results may follow that this image does not know of. */
	loaded = false;
	reboot(RB_KEXEC);
	return -errno;
}
