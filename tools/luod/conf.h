/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of reading luod.conf share. */
#ifndef LUOD_CONF_H
#define LUOD_CONF_H

#include "policy.h"

/* What is wrong, and where */
struct complaint {
	char *message;
	size_t size;
	struct place place;
};

/* -EINVAL */
int conf_wrong(struct complaint *complaint, const char *text, const char *what);
int conf_wrong_at(struct complaint *complaint, const char *key, const char *text);

/* An array of strings, to one that ends with NULL. */
int conf_take_strings(struct json_object *object, const char *key, char ***strings);
void conf_free_strings(char **strings);

/* Takes "allow"; NULL for who has no use for it. */
typedef int (*take_policy_fn)(struct policy *policy, struct json_object *conf,
			      struct complaint *complaint);

int conf_parse_by(struct conf *conf, const char *text, size_t len, take_policy_fn take_policy,
		  char *message, size_t size);
int conf_read_by(struct conf *conf, const char *path, take_policy_fn take_policy,
		 char *message, size_t size);

#endif
