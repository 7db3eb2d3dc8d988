/* SPDX-License-Identifier: GPL-2.0 */
/* Handlers in a test: attached in a line, and what libluo-bpf said about them. */
#ifndef SELFTESTS_HANDLER_H
#define SELFTESTS_HANDLER_H

#include <stdbool.h>

#include "libluo-bpf.h"

/* Open /handlers/@name.bpf.o or, failing that, progs/@name.bpf.o of the tests. */
struct luo_handler *handler_open(const char *name);
/* Attach and pin it, so that it stays; bails out if that fails. */
void handler_attach(const char *name);
/* Put it in the place of the attached one, -errno. */
int handler_upgrade(const char *name);
/* Detach what is attached as @compatible, -errno. */
int handler_detach(const char *compatible);
/*
 * Where the object has a member of struct luo_bpf_ops: a value, or for a callback a
 * struct bpf_program *. What is written there before it is loaded counts.
 */
void *handler_member(struct luo_handler *handler, const char *name);
struct bpf_map *handler_map(struct luo_handler *handler);
/* The handler's global variable @name, once it is loaded; shared with its programs. */
void *handler_variable(struct luo_handler *handler, const char *name);
/* -errno of attaching it; if it succeeds, it is gone again when this returns. */
int handler_try(const char *name);

/* Collect what the library says from now on. */
void handler_log_mark(void);
/* And what libbpf says when it is called without the library. */
void handler_log_libbpf(void);
/* Was there a line since the mark that matches? Shows what there was if not. */
bool handler_logged(const char *regex);

/* Bailing out: sessions by libluo-bpf */
struct luo_device *device_open(void);
struct luo_session *session_create(struct luo_device *device, const char *name);
struct luo_session *session_retrieve(struct luo_device *device, const char *name);

#endif
