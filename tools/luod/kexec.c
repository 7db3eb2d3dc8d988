// SPDX-License-Identifier: GPL-2.0
/* The next kernel: loading it, and going there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "luod.h"

#define CMDLINE_MAX	4096
/* Of a record in /dev/kmsg: where its text begins if it is from luo */
#define LUO_RECORD	";luo: "

static ssize_t read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return n;
}

bool kexec_is_loaded(void)
{
	char text[4];

	return read_text("/sys/kernel/kexec_loaded", text, sizeof(text)) > 0 && text[0] == '1';
}

static const char *advice(int err)
{
	switch (err) {
	case ENOEXEC: return "it is not a kernel, or not one for this machine";
	case EPERM: return "loading a kernel is not allowed here: see kexec_load_disabled";
	case EKEYREJECTED:
	case ENODATA: return "it has no valid signature";
	case EBUSY: return "another kernel is being loaded";
	case EADDRNOTAVAIL: return "there is no place in memory for it";
	default: return strerror(err);
	}
}

int kexec_load(int kernel, int initrd, const char *cmdline, bool reuse, char message[ERROR_MAX])
{
	char line[CMDLINE_MAX], running[CMDLINE_MAX] = "";
	unsigned long flags = initrd < 0 ? KEXEC_FILE_NO_INITRAMFS : 0;
	int n;

	if (is_served_by_program(kernel) || (initrd >= 0 && is_served_by_program(initrd))) {
		snprintf(message, ERROR_MAX, "kernel or initrd: " IS_SERVED);
		return -EOPNOTSUPP;
	}
	if (reuse)
		read_text("/proc/cmdline", running, sizeof(running));
	n = snprintf(line, sizeof(line), "%s%s%s", running, *running && cmdline ? " " : "",
		     cmdline ?: "");
	if (n >= (int)sizeof(line)) {
		snprintf(message, ERROR_MAX, "the command line has more than %d bytes",
			 CMDLINE_MAX - 1);
		return -E2BIG;
	}
	if (syscall(SYS_kexec_file_load, kernel, initrd, n + 1UL, line, flags)) {
		int err = errno;

		snprintf(message, ERROR_MAX, "the kernel can't be loaded: %s", advice(err));
		return -err;
	}
	log_text(LOG_INFO, "a kernel is loaded, with the command line: %s", line);
	return 0;
}

/*
 * What luo has said about a refusal, in the kernel's log after @fd was opened: which file
 * failed comes first, and what that means after it.
 */
static void read_report(int fd, char *report, size_t size)
{
	char record[2048], *text;
	size_t used = 0;
	ssize_t n;

	report[0] = '\0';
	while (fd >= 0 && ((n = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE)) {
		if (n <= 0)
			continue;
		record[n] = '\0';
		text = strstr(record, LUO_RECORD);
		if (!text)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (used < size)
			used += snprintf(report + used, size - used, "%s%s", used ? "; " : "",
					 text + strlen(LUO_RECORD));
	}
}

static int reboot_to_it(char message[ERROR_MAX])
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;
	char report[400];

	if (log >= 0)
		lseek(log, 0, SEEK_END);
	sync();
	reboot(RB_KEXEC);
	err = errno;
	read_report(log, report, sizeof(report));
	if (log >= 0)
		close(log);
	snprintf(message, ERROR_MAX, "the kernel refuses the kexec: %s%s%s", strerror(err),
		 *report ? ": " : "", report);
	return -err;
}

static int ask_systemd(char message[ERROR_MAX])
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;
	int err;

	device_close();
	err = sd_bus_open_system(&bus);
	if (err >= 0)
		err = sd_bus_call_method(bus, "org.freedesktop.systemd1",
					 "/org/freedesktop/systemd1",
					 "org.freedesktop.systemd1.Manager", "StartUnit", &error,
					 NULL, "ss", "kexec.target", "replace-irreversibly");
	if (err < 0)
		snprintf(message, ERROR_MAX, "systemd does not start kexec.target: %s",
			 error.message ?: strerror(-err));
	sd_bus_error_free(&error);
	sd_bus_unref(bus);
	return err < 0 ? err : 0;
}

bool kexec_is_coming(void)
{
	sd_bus_message *reply = NULL;
	const char *path;
	sd_bus *bus = NULL;
	uint32_t job = 0;
	int err;

	err = sd_bus_open_system(&bus);
	if (err >= 0)
		err = sd_bus_get_property(bus, "org.freedesktop.systemd1",
					  "/org/freedesktop/systemd1/unit/kexec_2etarget",
					  "org.freedesktop.systemd1.Unit", "Job", NULL, &reply,
					  "(uo)");
	if (err >= 0)
		err = sd_bus_message_read(reply, "(uo)", &job, &path);
	sd_bus_message_unref(reply);
	sd_bus_unref(bus);
	/* It does not answer once the machine goes down. */
	return err < 0 || job;
}

int kexec_go(char message[ERROR_MAX])
{
	return store_is_systemd() ? ask_systemd(message) : reboot_to_it(message);
}
