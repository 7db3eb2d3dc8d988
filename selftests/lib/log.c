// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "vm.h"

static unsigned long long log_since;

/*
 * Calls @line for each record after the mark, oldest first, until it returns
 * true. Returns the sequence number after the last one read.
 */
static unsigned long long log_walk(bool (*line)(const char *text, void *arg), void *arg)
{
	unsigned long long seq = log_since;
	char record[8192];
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		tap_bail("/dev/kmsg: %s", strerror(errno));
	for (;;) {
		ssize_t n = read(fd, record, sizeof(record) - 1);
		char *text;

		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;
		record[n] = '\0';
		text = strchr(record, ';');
		seq = strtoull(strchr(record, ',') + 1, NULL, 10) + 1;
		if (seq <= log_since || !text)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (line && line(text + 1, arg))
			break;
	}
	close(fd);
	return seq;
}

struct log_search {
	regex_t regex;
	int left;
	int count;
	char *line;
	size_t len;
};

static bool log_match(const char *text, void *arg)
{
	struct log_search *search = arg;

	if (regexec(&search->regex, text, 0, NULL, 0))
		return false;
	search->count++;
	if (!search->line || search->left--)
		return false;
	snprintf(search->line, search->len, "%s", text);
	return true;
}

static int log_search(struct log_search *search, const char *regex)
{
	if (regcomp(&search->regex, regex, REG_EXTENDED | REG_NOSUB))
		tap_bail("bad regular expression: %s", regex);
	log_walk(log_match, search);
	regfree(&search->regex);
	return search->count;
}

void vm_log_mark(void)
{
	log_since = log_walk(NULL, NULL);
}

int vm_log_count(const char *regex)
{
	struct log_search search = { };

	return log_search(&search, regex);
}

bool vm_log_line(const char *regex, int n, char *line, size_t len)
{
	struct log_search search = { .left = n, .line = line, .len = len };

	return log_search(&search, regex) > n;
}
