/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What the library's parts share. */
#ifndef LUO_INTERNAL_H
#define LUO_INTERNAL_H

#include <bpf/btf.h>
#include <stdbool.h>

#include "libluo-bpf.h"

/* Names in the kernel's BTF */
#define OPS_TYPE	"luo_bpf_ops"
#define VALUE_TYPE	"bpf_struct_ops_" OPS_TYPE

/* Options: the caller's may be shorter or longer than what this library knows. */
#define opts_has(opts, field) \
	((opts) && (opts)->sz >= offsetofend(typeof(*(opts)), field))
#define opts_get(opts, field, otherwise) \
	(opts_has(opts, field) ? (opts)->field : (otherwise))
#define opts_valid(opts, type) \
	opts_tail_is_zero(opts, opts_has(opts, sz) ? (opts)->sz : 0, \
			  offsetofend(struct type, type##__last_field))
#define offsetofend(type, field) \
	(offsetof(type, field) + sizeof(((type *)0)->field))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

bool opts_tail_is_zero(const void *opts, size_t size, size_t known);

/* log.c */
void luo_print(enum libbpf_print_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
#define warn(...) luo_print(LIBBPF_WARN, __VA_ARGS__)

/* Around calls into libbpf, whose messages then come to us; they nest. */
void luo_libbpf_begin(void);
void luo_libbpf_end(void);

/* Sets errno, for functions that return a pointer. */
void *luo_null(int err);

/* layout.c: members of struct luo_bpf_ops, by an object's BTF or the kernel's. */
struct luo_member {
	const char *name;
	__u32 offset;			/* in a value */
	__u32 size;
	bool callback;
};

#define LUO_MEMBERS_MAX 64

struct luo_layout {
	struct luo_member members[LUO_MEMBERS_MAX];
	__u32 nr_members;
	__u32 size;			/* of a value */
	__u32 value_type;		/* its number in the kernel's BTF */
};

/* handler.c and its parts */
struct luo_handler {
	struct bpf_object *object;	/* NULL: opened from its pin */
	struct bpf_map *map;
	struct luo_layout layout;	/* of the map's value, checked */
	char *compatible;
	char *pin;
	char *fops;			/* of @info */
	struct luo_handler_info info;
	int link_fd;			/* negative: not attached */
	bool loaded;
};

/* Of a map's value of @size bytes, good for as long as the BTF */
int luo_layout_of_object(const struct btf *btf, const struct btf_type *ops, size_t size,
			 struct luo_layout *layout);
/*
 * The kernel's BTF has millions of bytes, all of which are read for this: once for a process.
 * NULL with -errno in *err.
 */
const struct luo_layout *luo_layout_of_kernel(int *err);

bool luo_layout_member(const struct luo_layout *layout, __u32 i, struct luo_member *member);
bool luo_layout_find(const struct luo_layout *layout, const char *name,
		     struct luo_member *member);
/* A member of a value; 0 or "" if this layout has none of the name, or it is nothing like that. */
__u64 luo_layout_number(const struct luo_layout *layout, const void *value, const char *name);
const char *luo_layout_text(const struct luo_layout *layout, const void *value,
			    const char *name);

/* A struct_ops map's value for the kernel, to be freed; errno in *err. */
void *luo_value_for_kernel(const struct luo_handler *handler, int *err);

/* find.c: 0 for a plain file; what is none may wait for ever when it is opened. */
int luo_check_plain(const char *path);

/* explain.c: nothing that the kernel would refuse at once; it has not been loaded yet. */
int luo_check_object(const struct luo_handler *handler);
void luo_explain_attach(const struct luo_handler *handler, const char *what, int err);

/* list.c: value of the handler's map behind a link, for the kernel's layout. */
int luo_value_of_link(const struct luo_layout *kernel, int link_fd, void **value,
		      struct bpf_link_info *info);

#endif /* LUO_INTERNAL_H */
