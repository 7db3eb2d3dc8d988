// SPDX-License-Identifier: GPL-2.0
/* What is said to us on the kernel's command line */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

/* For a handler that keeps a machine from starting */
bool attach_is_off(void)
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
		if (!strncmp(word, ATTACH_SWITCH, strlen(ATTACH_SWITCH))) {
			word += strlen(ATTACH_SWITCH);
			off = !strcmp(word, "0") || !strcmp(word, "no") || !strcmp(word, "off");
		}
	}
	return off;
}
