// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "kselftest.h"
#include "tap.h"

void tap_start(bool first, unsigned int results_before)
{
	if (first)
		ksft_print_header();
	else
		setvbuf(stdout, NULL, _IOLBF, 0);
	ksft_cnt.ksft_pass = results_before;
}

unsigned int tap_results(void)
{
	return ksft_test_num();
}

void tap_finish(void)
{
	ksft_set_plan(ksft_test_num());
	ksft_finished();
}

static void show(char *buf, size_t len, long value)
{
	const char *name = value < 0 && value > -4096 ? strerrorname_np(-value) : NULL;

	if (name)
		snprintf(buf, len, "-%s", name);
	else
		snprintf(buf, len, "%ld", value);
}

static void vresult(bool good, const char *fmt, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, args);
	ksft_test_result(good, "%s\n", text);
}

void tap_note(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ksft_print_msg("%s\n", text);
}

void tap_skip(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ksft_test_result_skip("%s\n", text);
}

void tap_bail(const char *fmt, ...)
{
	va_list args;

	printf("Bail out! ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	exit(KSFT_FAIL);
}

void tap_bail_at(long value, const char *where, const char *fmt, ...)
{
	char text[512], got[32];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	show(got, sizeof(got), value);
	tap_bail("%s: %s (%s)", text, got, where);
}

bool tap_check(bool good, const char *where, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vresult(good, fmt, args);
	va_end(args);
	if (!good)
		ksft_print_msg("  %s\n", where);
	return good;
}

bool tap_check_eq(long got, long want, const char *where, const char *fmt, ...)
{
	char a[32], b[32];
	va_list args;

	va_start(args, fmt);
	vresult(got == want, fmt, args);
	va_end(args);
	show(a, sizeof(a), got);
	show(b, sizeof(b), want);
	if (got != want)
		ksft_print_msg("  got %s, want %s (%s)\n", a, b, where);
	return got == want;
}
