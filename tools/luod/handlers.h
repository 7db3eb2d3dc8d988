/* SPDX-License-Identifier: GPL-2.0 */
/* One handler of luod's, for handlers.c and handlers_request.c */
#ifndef LUOD_HANDLERS_H
#define LUOD_HANDLERS_H

#include "luod.h"

/* Takes @object. Reads it as well: which files it is for, and its version. */
struct handler *handler_new(const char *name, const char *file, int object);
void handler_free(struct handler *handler);
struct handler *handler_find(const char *name);
void handler_add(struct handler *handler);
/* One of that name that is not attached: was there one? It may be stored still. */
bool handler_forget(const char *name);
/* OBJECT_ATTACH or OBJECT_UPGRADE; logs that, or why not, which is in its error */
int handler_attach(struct handler *handler, enum object_verb verb);
void handler_store(const struct handler *handler);
void handler_unstore(const char *handler);

#endif
