// SPDX-License-Identifier: GPL-2.0
/* luod.conf: one JSON object, in which comments are allowed. Rules are in conf_rules.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"

#define CONF_MAX	(1 << 20)
#define TIMEOUT_DEFAULT	30000

static const char *const usual_dirs[] = { "/usr/lib/luo/handlers", "/etc/luo/handlers" };

static const struct field conf_fields[] = {
	{ "timeout", FIELD_INT, .optional = true, .min = 0, .max = 24 * 60 * 60 * 1000 },
	{ "policy", FIELD_POLICY, .optional = true },
	{ "iterators", FIELD_STRING, .optional = true },
};

int conf_wrong(struct complaint *complaint, const char *text, const char *what)
{
	snprintf(complaint->message, complaint->size, "%s%s", text, what ?: "");
	return -EINVAL;
}

int conf_wrong_at(struct complaint *complaint, const char *key, const char *text)
{
	complaint->place.key = key;
	complaint->place.element = -1;
	return conf_wrong(complaint, text, NULL);
}

int conf_take_strings(struct json_object *object, const char *key, char ***strings)
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

void conf_free_strings(char **strings)
{
	for (char **s = strings; s && *s; s++)
		free(*s);
	free(strings);
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
		conf_free_strings(conf->handlers);
		conf->handlers = NULL;
		if (conf_take_strings(object, "handlers", &conf->handlers))
			return conf_wrong_at(complaint, "handlers",
					     "'handlers' must be an array of strings");
	}
	return 0;
}

int conf_default(struct conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->timeout = TIMEOUT_DEFAULT;
	conf->iterators = strdup("/usr/lib/luo/iterators");
	conf->handlers = calloc(3, sizeof(*conf->handlers));
	if (!conf->iterators || !conf->handlers)
		return -ENOMEM;
	conf->handlers[0] = strdup(usual_dirs[0]);
	conf->handlers[1] = strdup(usual_dirs[1]);
	return conf->handlers[0] && conf->handlers[1] ? 0 : -ENOMEM;
}

bool conf_is_usual_dir(const char *dir)
{
	return !strcmp(dir, usual_dirs[0]) || !strcmp(dir, usual_dirs[1]);
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

int conf_parse_by(struct conf *conf, const char *text, size_t len, take_policy_fn take_policy,
		  char *message, size_t size)
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
		if (!err && take_policy)
			err = take_policy(&conf->policy, object, &complaint);
		if (err == -EINVAL)
			add_line(&complaint, conf_line_of(text, len, &complaint.place));
	} else if (!err) {
		err = conf_wrong(&complaint, "it must be one JSON object", NULL);
		add_line(&complaint, conf_line_at(text, end));
	}
	json_object_put(object);
	if (err)
		conf_free(conf);
	return err;
}

int conf_read_by(struct conf *conf, const char *path, take_policy_fn take_policy,
		 char *message, size_t size)
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
		err = conf_parse_by(conf, text, n, take_policy, message, size);
	free(text);
	if (fd >= 0)
		close(fd);
	return err;
}

int conf_read_no_rules(struct conf *conf, const char *path, char *message, size_t size)
{
	return conf_read_by(conf, path, NULL, message, size);
}

void conf_free(struct conf *conf)
{
	for (size_t i = 0; i < conf->policy.count; i++)
		conf_free_strings(conf->policy.rules[i].names);
	free(conf->policy.rules);
	conf_free_strings(conf->handlers);
	free(conf->iterators);
	memset(conf, 0, sizeof(*conf));
}
