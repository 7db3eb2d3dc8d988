/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a test program needs of its machine: which kernel of the chain this is,
 * the next kexec, the kernel's log, and small files under /proc and /sys.
 */
#ifndef SELFTESTS_VM_H
#define SELFTESTS_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Kexecs since the machine started. */
int vm_stage(void);
/* Value of KEY=VALUE on the kernel's command line, or NULL. */
const char *vm_arg(const char *key);
long vm_arg_num(const char *key, long otherwise);

/* Add KEY=VALUE to the next kernel's command line; a former KEY goes. */
void vm_kexec_arg(const char *key, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * Boot @image (/boot/kernel or /boot/kernel2) next; without this the same kernel, or
 * with luo_other on the command line the other one.
 */
void vm_kexec_image(const char *image);
/*
 * Load the next kernel, so that vm_kexec() has only the jump left to do. No
 * result may be printed between the two: their number is in the command line.
 */
int vm_kexec_load(void);
/* What that would load, for who loads it himself; the same holds for results. */
#define VM_CMDLINE_MAX 2048
const char *vm_kexec_kernel(void);
void vm_kexec_cmdline(char line[VM_CMDLINE_MAX]);
/* Returns only if the kernel refuses: -errno. */
int vm_kexec(void);

typedef void (*vm_stage_fn)(void);
/*
 * Runs the function of this kernel, and kexecs when it returns; after the last
 * one prints the plan and exits.
 */
void vm_run_stages(const vm_stage_fn *stages, int count) __attribute__((noreturn));

/*
 * Independent cases that share one kexec. Each has a session of its own,
 * named after it; it is finished when after() returns.
 */
struct vm_case {
	const char *name;
	void (*before)(int session);
	void (*after)(int session);
};

void vm_run_cases(const struct vm_case *cases, int count) __attribute__((noreturn));
/* The open /dev/liveupdate of vm_run_cases(). */
extern int vm_luo;

/* Whole file without the last newline; -errno. @buf is always terminated. */
int read_file(const char *path, char *buf, size_t len);
long read_file_num(const char *path);
int write_file(const char *path, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A field of /proc/meminfo in bytes. */
long vm_meminfo(const char *field);

/* Forget what the kernel has logged so far; count lines logged since. */
void vm_log_mark(void);
int vm_log_count(const char *regex);
/* The @n th (from 0) matching line since the mark; false if there is none. */
bool vm_log_line(const char *regex, int n, char *line, size_t len);

/* Load and unload the test module built for the running kernel; -errno. */
int vm_insmod(const char *name, const char *params);
int vm_rmmod(const char *name);
/* Set a parameter of a module that is loaded. */
void vm_module_set(const char *name, const char *param, long value);
/* How often the module has logged @call ("freeze 3", ...) since the mark. */
int vm_module_calls(const char *name, const char *call);

/* Run @fn in a child; returns its exit status, or -signal. */
int vm_in_child(int (*fn)(void *arg), void *arg);

#endif
