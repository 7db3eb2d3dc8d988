/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TAP output that goes on where the kernel before left off: one program, one
 * stream of numbered results, however many kexecs lie in between.
 */
#ifndef SELFTESTS_TAP_H
#define SELFTESTS_TAP_H

#include <stdbool.h>

#define TAP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

void tap_start(bool first, unsigned int results_before);
unsigned int tap_results(void);
/* Prints the plan, so only the last kernel's program may call it. */
__attribute__((noreturn)) void tap_finish(void);

void tap_note(const char *fmt, ...) TAP_PRINTF(1, 2);
void tap_skip(const char *fmt, ...) TAP_PRINTF(1, 2);
/* The rest of the program makes no sense: no plan is printed, so it fails. */
void tap_bail(const char *fmt, ...) TAP_PRINTF(1, 2) __attribute__((noreturn));

bool tap_check(bool good, const char *where, const char *fmt, ...) TAP_PRINTF(3, 4);
bool tap_check_eq(long got, long want, const char *where, const char *fmt, ...) TAP_PRINTF(4, 5);

#define TAP_STR_(x) #x
#define TAP_STR(x) TAP_STR_(x)
#define TAP_HERE __FILE__ ":" TAP_STR(__LINE__)

/* One result each; the value is whether it was good. */
#define check(good, ...) tap_check(good, TAP_HERE, __VA_ARGS__)
/* Values below zero are shown as errnos. */
#define check_eq(got, want, ...) tap_check_eq(got, want, TAP_HERE, __VA_ARGS__)
/* A step that must succeed for the rest to mean anything. */
#define must(value, ...)						\
({									\
	long must_value = (value);					\
	if (must_value < 0)						\
		tap_bail_at(must_value, TAP_HERE, __VA_ARGS__);		\
	must_value;							\
})

void tap_bail_at(long value, const char *where, const char *fmt, ...)
	TAP_PRINTF(3, 4) __attribute__((noreturn));

#endif
