/* SPDX-License-Identifier: GPL-2.0 */
/* Who takes part in an update: between update.c and participants.c. */
#ifndef LUOD_PARTICIPANTS_H
#define LUOD_PARTICIPANTS_H

#include "luod.h"

/* Gives each subscriber its session. */
void participants_start(int timeout);
bool participants_are_ready(void);
/* Names, as arrays, to be put: of those that are waited for; that subscribe; that are void */
struct json_object *participants_waiting(void);
struct json_object *participants_would(void);
struct json_object *participants_voided(void);
/* The deadline: those that are not ready have failed. */
void participants_too_late(void);
void participants_kexec(void);
void participants_cancel(int err, const char *message);
void participants_client_gone(struct client *client);

/* update.c */
/* Sessions are given out, and READY and FAILED count. */
bool update_is_preserving(void);
void update_advance(void);
void update_participant_ready(const char *name);
/* False if that ended the update, and no participant is left. */
bool update_participant_failed(int err, const char *name, const char *why);

#endif
