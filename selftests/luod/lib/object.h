/* SPDX-License-Identifier: GPL-2.0 */
/* Objects of handlers, to be damaged */
#ifndef SELFTESTS_OBJECT_H
#define SELFTESTS_OBJECT_H

#include <bpf/btf.h>
#include <stddef.h>

/* A type of its BTF, in these bytes of it; bails out if there is none. */
struct btf_type *object_type(unsigned char *object, size_t size, const char *name, int kind);
/*
 * So that libbpf does not survive it: a variable of struct_ops begins so far behind the end of its
 * section that the sum with its size is before it again, in 32 bits.
 */
void object_make_fatal(unsigned char *object, size_t size);

#endif
