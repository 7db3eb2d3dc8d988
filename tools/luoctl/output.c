// SPDX-License-Identifier: GPL-2.0
/* Tables for people, JSON for programs. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "luoctl.h"

void complain(const char *format, ...)
{
	va_list args;

	fputs("luoctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* UTF-8 is left as it is. */
static bool printable(unsigned char c)
{
	return c >= ' ' && c != 0x7f;
}

void print_text(const char *text)
{
	for (; *text; text++)
		putchar(printable(*text) ? *text : '?');
}

void print_json(struct json_object *json)
{
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
}

void *need(void *allocated)
{
	if (allocated)
		return allocated;
	complain("out of memory");
	exit(CODE_FAILED);
}

struct json_object *new_object(void)
{
	return need(json_object_new_object());
}

struct json_object *new_array(void)
{
	return need(json_object_new_array());
}

void put(struct json_object *json, const char *key, struct json_object *value)
{
	if (json_object_object_add(json, key, value))
		need(NULL);
}

void put_string(struct json_object *json, const char *key, const char *value)
{
	put(json, key, value ? need(json_object_new_string(value)) : NULL);
}

void put_number(struct json_object *json, const char *key, long long value)
{
	put(json, key, need(json_object_new_int64(value)));
}

void put_bool(struct json_object *json, const char *key, bool value)
{
	put(json, key, need(json_object_new_boolean(value)));
}

void append(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value))
		need(NULL);
}

const char *get_string(struct json_object *json, const char *key)
{
	struct json_object *field;

	return json_object_object_get_ex(json, key, &field) &&
	       json_object_is_type(field, json_type_string) ? json_object_get_string(field) : NULL;
}

static const char *cell(struct json_object *row, const char *key)
{
	struct json_object *field = NULL;
	const char *text;

	if (json_object_is_type(row, json_type_object))
		json_object_object_get_ex(row, key, &field);
	if (!field)
		return "-";
	if (json_object_is_type(field, json_type_boolean))
		return json_object_get_boolean(field) ? "yes" : "no";
	text = json_object_get_string(field);
	return *text ? text : "-";
}

/* Characters, not bytes: continuation bytes take no space. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static void print_cell(const char *text, size_t width, bool right, bool last)
{
	size_t own = width_of(text), space = own < width ? width - own : 0;

	if (right)
		printf("%*s", (int)space, "");
	print_text(text);
	if (!last)
		printf("%*s", (int)(2 + (right ? 0 : space)), "");
}

void print_table(const struct column *columns, size_t nr, struct json_object *rows)
{
	size_t count = json_object_is_type(rows, json_type_array) ?
		       json_object_array_length(rows) : 0;
	size_t width[16];

	for (size_t c = 0; c < nr; c++) {
		width[c] = width_of(columns[c].title);
		for (size_t r = 0; r < count; r++) {
			size_t own = width_of(cell(json_object_array_get_idx(rows, r),
						   columns[c].key));

			if (own > width[c])
				width[c] = own;
		}
	}
	for (size_t c = 0; c < nr; c++)
		print_cell(columns[c].title, width[c], columns[c].right, c + 1 == nr);
	putchar('\n');
	for (size_t r = 0; r < count; r++) {
		for (size_t c = 0; c < nr; c++)
			print_cell(cell(json_object_array_get_idx(rows, r), columns[c].key),
				   width[c], columns[c].right, c + 1 == nr);
		putchar('\n');
	}
}

static bool of_protocol(const char *key)
{
	return !strcmp(key, "cmd") || !strcmp(key, "status") || !strcmp(key, "seq");
}

static void print_field(const char *prefix, const char *key, struct json_object *value)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, k, v)
			print_field(name, k, v);
		return;
	}
	print_cell(name, 16, false, false);
	if (json_object_is_type(value, json_type_array))
		printf("%zu", json_object_array_length(value));
	else
		print_text(!value ? "-" : json_object_is_type(value, json_type_boolean) ?
			   (json_object_get_boolean(value) ? "yes" : "no") :
			   json_object_get_string(value));
	putchar('\n');
}

void print_fields(struct json_object *json)
{
	json_object_object_foreach(json, key, value) {
		if (!of_protocol(key))
			print_field("", key, value);
	}
}
