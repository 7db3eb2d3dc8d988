// SPDX-License-Identifier: GPL-2.0
/* luod.conf: who may do what. Users are looked up for that, which can't be done at any time. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

static const struct field rule_fields[] = {
	{ "user", FIELD_STRING, .optional = true },
	{ "group", FIELD_STRING, .optional = true },
};

/* Of an element, with @inner its key */
static int wrong_in(struct complaint *complaint, const char *inner, const char *text,
		    const char *what)
{
	complaint->place.inner = inner;
	return conf_wrong(complaint, text, what);
}

static bool take_number(const char *text, id_t *id)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n >= (id_t)-1)
		return false;
	*id = n;
	return true;
}

static bool find_group(const char *name, id_t *id)
{
	struct group *group = getgrnam(name);

	*id = group ? group->gr_gid : 0;
	return group;
}

static bool find_user(const char *name, id_t *id)
{
	struct passwd *user = getpwnam(name);

	*id = user ? user->pw_uid : 0;
	return user;
}

static bool find_id(struct rule *rule, const char *name)
{
	if (take_number(name, &rule->id))
		return true;
	return rule->by_group ? find_group(name, &rule->id) : find_user(name, &rule->id);
}

static int take_rights(struct rule *rule, struct json_object *object)
{
	static const struct { const char *name; enum right right; } rights[] = {
		{ "update", RIGHT_UPDATE }, { "handlers", RIGHT_HANDLERS },
		{ "status", RIGHT_STATUS },
	};
	char **names = NULL;
	int err = conf_take_strings(object, "rights", &names);

	for (char **name = names; !err && name && *name; name++) {
		size_t i = 0;

		while (i < 3 && strcmp(rights[i].name, *name))
			i++;
		if (i < 3)
			rule->rights |= rights[i].right;
		else
			err = -EINVAL;
	}
	conf_free_strings(names);
	return err;
}

static int take_rule(struct rule *rule, struct json_object *object, struct complaint *complaint)
{
	static const char *const known[] = { "names", "rights", NULL };
	struct json_object *user = NULL, *group = NULL;
	const char *name;

	if (!json_object_is_type(object, json_type_object))
		return conf_wrong(complaint, "an element of 'allow' must be an object", NULL);
	if (!fields_check(object, rule_fields, 2, known, complaint->message, complaint->size,
			  &complaint->place.inner))
		return -EINVAL;
	json_object_object_get_ex(object, "user", &user);
	json_object_object_get_ex(object, "group", &group);
	if (!user == !group)
		return conf_wrong(complaint, "an element of 'allow' needs one of user and group",
			     NULL);
	rule->by_group = group;
	name = json_object_get_string(user ?: group);
	if (!find_id(rule, name))
		return wrong_in(complaint, user ? "user" : "group", "there is no user or group ",
				name);
	if (take_rights(rule, object))
		return wrong_in(complaint, "rights",
				"'rights' is an array of update, handlers, status", NULL);
	if (conf_take_strings(object, "names", &rule->names))
		return wrong_in(complaint, "names", "'names' must be an array of strings", NULL);
	return 0;
}

static int take_policy(struct policy *policy, struct json_object *conf,
		       struct complaint *complaint)
{
	struct json_object *allow;
	size_t count;
	int err = 0;

	if (!json_object_object_get_ex(conf, "allow", &allow))
		return 0;
	if (!json_object_is_type(allow, json_type_array))
		return conf_wrong_at(complaint, "allow", "'allow' must be an array");
	count = json_object_array_length(allow);
	policy->rules = calloc(count + 1, sizeof(*policy->rules));
	if (!policy->rules)
		return -ENOMEM;
	for (; !err && policy->count < count; policy->count++) {
		complaint->place = (struct place) { "allow", policy->count, NULL };
		err = take_rule(&policy->rules[policy->count],
				json_object_array_get_idx(allow, policy->count), complaint);
	}
	return err;
}

int conf_parse(struct conf *conf, const char *text, size_t len, char *message, size_t size)
{
	return conf_parse_by(conf, text, len, take_policy, message, size);
}

int conf_read(struct conf *conf, const char *path, char *message, size_t size)
{
	return conf_read_by(conf, path, take_policy, message, size);
}
