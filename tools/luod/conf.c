// SPDX-License-Identifier: GPL-2.0
/* luod.conf: one JSON object, in which comments are allowed. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy.h"

#define CONF_MAX	(1 << 20)
#define TIMEOUT_DEFAULT	30000

static const struct field conf_fields[] = {
	{ "timeout", FIELD_INT, .optional = true, .min = 0, .max = 24 * 60 * 60 * 1000 },
	{ "policy", FIELD_POLICY, .optional = true },
	{ "iterators", FIELD_STRING, .optional = true },
};

static const struct field rule_fields[] = {
	{ "user", FIELD_STRING, .optional = true },
	{ "group", FIELD_STRING, .optional = true },
};

/* What is wrong, and where */
struct complaint {
	char *message;
	size_t size;
	struct place place;
};

static int wrong(struct complaint *complaint, const char *text, const char *what)
{
	snprintf(complaint->message, complaint->size, "%s%s", text, what ?: "");
	return -EINVAL;
}

/* Of an element, with @inner its key */
static int wrong_in(struct complaint *complaint, const char *inner, const char *text,
		    const char *what)
{
	complaint->place.inner = inner;
	return wrong(complaint, text, what);
}

static int wrong_at(struct complaint *complaint, const char *key, const char *text)
{
	complaint->place.key = key;
	complaint->place.element = -1;
	return wrong(complaint, text, NULL);
}

/* An array of strings, to one that ends with NULL. */
static int take_strings(struct json_object *object, const char *key, char ***strings)
{
	struct json_object *array;
	size_t count;

	if (!json_object_object_get_ex(object, key, &array))
		return 0;
	if (!json_object_is_type(array, json_type_array))
		return -EINVAL;
	count = json_object_array_length(array);
	*strings = calloc(count + 1, sizeof(**strings));
	for (size_t i = 0; *strings && i < count; i++) {
		struct json_object *value = json_object_array_get_idx(array, i);

		if (!json_object_is_type(value, json_type_string))
			return -EINVAL;
		(*strings)[i] = strdup(json_object_get_string(value));
		if (!(*strings)[i])
			return -ENOMEM;
	}
	return *strings ? 0 : -ENOMEM;
}

static void free_strings(char **strings)
{
	for (char **s = strings; s && *s; s++)
		free(*s);
	free(strings);
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
	int err = take_strings(object, "rights", &names);

	for (char **name = names; !err && name && *name; name++) {
		size_t i = 0;

		while (i < 3 && strcmp(rights[i].name, *name))
			i++;
		if (i < 3)
			rule->rights |= rights[i].right;
		else
			err = -EINVAL;
	}
	free_strings(names);
	return err;
}

static int take_rule(struct rule *rule, struct json_object *object, struct complaint *complaint)
{
	static const char *const known[] = { "names", "rights", NULL };
	struct json_object *user = NULL, *group = NULL;
	const char *name;

	if (!json_object_is_type(object, json_type_object))
		return wrong(complaint, "an element of 'allow' must be an object", NULL);
	if (!fields_check(object, rule_fields, 2, known, complaint->message, complaint->size,
			  &complaint->place.inner))
		return -EINVAL;
	json_object_object_get_ex(object, "user", &user);
	json_object_object_get_ex(object, "group", &group);
	if (!user == !group)
		return wrong(complaint, "an element of 'allow' needs one of user and group",
			     NULL);
	rule->by_group = group;
	name = json_object_get_string(user ?: group);
	if (!find_id(rule, name))
		return wrong_in(complaint, user ? "user" : "group", "there is no user or group ",
				name);
	if (take_rights(rule, object))
		return wrong_in(complaint, "rights",
				"'rights' is an array of update, handlers, status", NULL);
	if (take_strings(object, "names", &rule->names))
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
		return wrong_at(complaint, "allow", "'allow' must be an array");
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

static int take_values(struct conf *conf, struct json_object *object,
		       struct complaint *complaint)
{
	static const char *const known[] = { "allow", "handlers", NULL };
	struct json_object *value;

	complaint->place.element = -1;
	if (!fields_check(object, conf_fields, 3, known, complaint->message, complaint->size,
			  &complaint->place.key))
		return -EINVAL;
	if (json_object_object_get_ex(object, "timeout", &value))
		conf->timeout = json_object_get_int(value);
	if (json_object_object_get_ex(object, "policy", &value))
		conf->go = !strcmp(json_object_get_string(value), "go");
	if (json_object_object_get_ex(object, "iterators", &value)) {
		free(conf->iterators);
		conf->iterators = strdup(json_object_get_string(value));
	}
	if (json_object_object_get_ex(object, "handlers", NULL)) {
		free_strings(conf->handlers);
		conf->handlers = NULL;
		if (take_strings(object, "handlers", &conf->handlers))
			return wrong_at(complaint, "handlers",
					"'handlers' must be an array of strings");
	}
	return take_policy(&conf->policy, object, complaint);
}

static int conf_default(struct conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->timeout = TIMEOUT_DEFAULT;
	conf->iterators = strdup("/usr/lib/luo/iterators");
	conf->handlers = calloc(3, sizeof(*conf->handlers));
	if (!conf->iterators || !conf->handlers)
		return -ENOMEM;
	conf->handlers[0] = strdup("/usr/lib/luo/handlers");
	conf->handlers[1] = strdup("/etc/luo/handlers");
	return conf->handlers[0] && conf->handlers[1] ? 0 : -ENOMEM;
}

/* "line 3: " before what is said already */
static void add_line(struct complaint *complaint, size_t line)
{
	char text[256];

	if (!line)
		return;
	snprintf(text, sizeof(text), "%s", complaint->message);
	snprintf(complaint->message, complaint->size, "line %zu: %s", line, text);
}

int conf_parse(struct conf *conf, const char *text, size_t len, char *message, size_t size)
{
	struct complaint complaint = { .message = message, .size = size };
	struct json_object *object;
	int err = conf_default(conf);
	size_t end;

	message[0] = '\0';
	while (len && strchr(" \t\r\n", text[len - 1]))
		len--;
	object = err ? NULL : object_parse(text, len, false, &end);
	if (object) {
		err = take_values(conf, object, &complaint);
		if (err == -EINVAL)
			add_line(&complaint, conf_line_of(text, len, &complaint.place));
	} else if (!err) {
		err = wrong(&complaint, "it must be one JSON object", NULL);
		add_line(&complaint, conf_line_at(text, end));
	}
	json_object_put(object);
	if (err)
		conf_free(conf);
	return err;
}

int conf_read(struct conf *conf, const char *path, char *message, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	char *text;
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return conf_default(conf);
	text = fd < 0 ? NULL : malloc(CONF_MAX);
	n = text ? read(fd, text, CONF_MAX) : -1;
	err = n < 0 ? -errno : n == CONF_MAX ? -EFBIG : 0;
	if (err)
		snprintf(message, size, "%s", strerror(-err));
	else
		err = conf_parse(conf, text, n, message, size);
	free(text);
	if (fd >= 0)
		close(fd);
	return err;
}

void conf_free(struct conf *conf)
{
	for (size_t i = 0; i < conf->policy.count; i++)
		free_strings(conf->policy.rules[i].names);
	free(conf->policy.rules);
	free_strings(conf->handlers);
	free(conf->iterators);
	memset(conf, 0, sizeof(*conf));
}
