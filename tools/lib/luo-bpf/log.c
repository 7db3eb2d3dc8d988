// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/* Messages, ours and libbpf's, to one callback. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "internal.h"

static luo_print_fn print_fn;

/* Who the process had given to libbpf; set aside while @depth is not 0. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static libbpf_print_fn_t set_aside;
static int depth;

luo_print_fn luo_set_print(luo_print_fn fn)
{
	return __atomic_exchange_n(&print_fn, fn, __ATOMIC_ACQ_REL);
}

void luo_print(enum libbpf_print_level level, const char *format, ...)
{
	luo_print_fn fn = __atomic_load_n(&print_fn, __ATOMIC_ACQUIRE);
	int err = errno;
	va_list args;

	if (!fn)
		return;
	va_start(args, format);
	fn(level, format, args);
	va_end(args);
	errno = err;
}

static int forward(enum libbpf_print_level level, const char *format, va_list args)
{
	luo_print_fn fn = __atomic_load_n(&print_fn, __ATOMIC_ACQUIRE);

	return fn ? fn(level, format, args) : 0;
}

void luo_libbpf_begin(void)
{
	pthread_mutex_lock(&lock);
	if (!depth++)
		set_aside = libbpf_set_print(forward);
	pthread_mutex_unlock(&lock);
}

void luo_libbpf_end(void)
{
	int err = errno;

	pthread_mutex_lock(&lock);
	if (!--depth)
		libbpf_set_print(set_aside);
	pthread_mutex_unlock(&lock);
	errno = err;
}

void *luo_null(int err)
{
	errno = err < 0 ? -err : err;
	return NULL;
}

bool opts_tail_is_zero(const void *opts, size_t size, size_t known)
{
	const char *bytes = opts;

	if (!opts)
		return true;
	if (size < sizeof(size_t))
		return false;
	for (size_t i = known; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}
