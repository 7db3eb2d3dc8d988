// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "trace.h"
#include "vm.h"

static void tracefs(const char *instance, const char *file, char *path, size_t len)
{
	snprintf(path, len, "/sys/kernel/tracing/%s/%s", instance, file);
}

static void trace_write(const char *instance, const char *file, const char *text)
{
	char path[128];

	tracefs(instance, file, path, sizeof(path));
	must(write_file(path, "%s", text), "%s", path);
}

void trace_start(const char *instance)
{
	trace_write(instance, "events/luo/enable", "1");
	trace_write(instance, "tracing_on", "1");
}

void trace_mark(const char *instance, const char *text)
{
	trace_write(instance, "trace_marker", text);
}

/* "   program-47      [001] .....     3.141593: luo_file_end: session=..." */
static bool parse(char *line, struct trace_event *event)
{
	char *cpu = strstr(line, " ["), *name, *text;

	if (line[0] == '#' || !cpu ||
	    sscanf(cpu, " [%*d] %*s %lf: ", &event->at) != 1)
		return false;
	name = strstr(cpu, ": ");
	text = name ? strstr(name + 2, ": ") : NULL;
	if (!text)
		return false;
	*text = '\0';
	snprintf(event->name, sizeof(event->name), "%s", name + 2);
	snprintf(event->text, sizeof(event->text), "%.*s", (int)strcspn(text + 2, "\n"), text + 2);
	return true;
}

size_t trace_read(const char *instance, struct trace_event **events)
{
	char path[128], line[512];
	size_t n = 0, room = 0;
	FILE *f;

	tracefs(instance, "trace", path, sizeof(path));
	f = fopen(path, "re");
	if (!f)
		tap_bail("%s", path);
	*events = NULL;
	while (fgets(line, sizeof(line), f)) {
		if (n == room) {
			room = room * 2 ?: 64;
			*events = realloc(*events, room * sizeof(**events));
			must(*events ? 0 : -1, "realloc");
		}
		n += parse(line, &(*events)[n]);
	}
	fclose(f);
	return n;
}

void trace_field(const struct trace_event *event, const char *key, char *value, size_t len)
{
	size_t n = strlen(key);

	value[0] = '\0';
	for (const char *word = event->text; *word; word += strspn(word, " ")) {
		if (!strncmp(word, key, n) && word[n] == '=') {
			snprintf(value, len, "%.*s", (int)strcspn(word + n + 1, " "), word + n + 1);
			return;
		}
		word += strcspn(word, " ");
	}
}

long trace_number(const struct trace_event *event, const char *key)
{
	char value[32];

	trace_field(event, key, value, sizeof(value));
	return strtol(value, NULL, 0);
}
