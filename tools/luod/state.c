// SPDX-License-Identifier: GPL-2.0
/*
 * What luod tells the luod of the next kernel: a memfd in the session luod.state. It is
 * one line of JSON, {"luod_state": 1, "voided": [NAME], "handlers": [{"name", "size"}]},
 * followed by the objects of the handlers, in that order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

#define FORMAT		1
#define TOKEN		1
#define LINE_LIMIT	(1 << 20)
#define COUNT_MAX	10000

/* The session: outgoing in an update, incoming from start to state_done() */
static struct luo_session *state;

void state_drop(void)
{
	if (!state)
		return;
	store_remove(STORE_STATE);
	luo_session__close(state);
	state = NULL;
}

/* Writing */

static struct json_object *describe_handlers(void)
{
	struct json_object *list = json_object_new_array();

	for (struct handler *h = handlers; h; h = h->next) {
		struct json_object *object;

		if (!h->attached)
			continue;
		object = json_object_new_object();
		message_add_string(object, "name", h->name);
		message_add_int(object, "size", object_size(h->object));
		json_object_array_add(list, object);
	}
	return list;
}

static int append_objects(int fd)
{
	for (struct handler *h = handlers; h; h = h->next) {
		off_t offset = 0, size = object_size(h->object);

		while (h->attached && offset < size) {
			ssize_t n = sendfile(fd, h->object, &offset, size - offset);

			if (n <= 0)
				return n < 0 ? -errno : -EIO;
		}
	}
	return 0;
}

static int write_state(int fd, struct json_object *voided)
{
	struct json_object *head = json_object_new_object();
	char *line = NULL;
	size_t len;
	int err;

	message_add_int(head, "luod_state", FORMAT);
	json_object_object_add(head, "voided", json_object_get(voided));
	json_object_object_add(head, "handlers", describe_handlers());
	line = message_line(head, &len);
	err = !line ? -ENOMEM : write(fd, line, len) == (ssize_t)len ? 0 : -EIO;
	free(line);
	json_object_put(head);
	return err ?: append_objects(fd);
}

static int preserve_state(int fd)
{
	int session = device_create(STORE_STATE), err;

	if (session < 0)
		return session;
	state = luo_session__from_fd(session);
	if (!state) {
		close(session);
		return -ENOMEM;
	}
	err = luo_session__preserve_fd(state, fd, TOKEN);
	return err ?: store_add(STORE_STATE, session);
}

int state_save(struct json_object *voided, char message[ERROR_MAX])
{
	int fd = memfd_create("luod-state", MFD_CLOEXEC), err;

	log_said_forget();
	err = fd < 0 ? -errno : write_state(fd, voided);
	if (!err)
		err = preserve_state(fd);
	if (fd >= 0)
		close(fd);
	if (err) {
		snprintf(message, ERROR_MAX, "session " STORE_STATE ": %s",
			 *log_said() ? log_said() : strerror(-err));
		state_drop();
	}
	return err;
}

/* Reading: what another kernel left is checked, down to each number. */

static void void_session(const char *name)
{
	int fd = device_retrieve(name);

	if (fd < 0)
		return;
	log_text(LOG_WARNING, "session '%s': dropped, for its client was not ready: %s", name,
		 device_finish(fd) ? "it can't be finished" : "finished");
	close(fd);
}

static void take_voided(struct json_object *head)
{
	struct json_object *voided, *name;

	if (!json_object_object_get_ex(head, "voided", &voided) ||
	    !json_object_is_type(voided, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(voided) && i < COUNT_MAX; i++) {
		name = json_object_array_get_idx(voided, i);
		if (json_object_is_type(name, json_type_string) &&
		    name_is_valid(json_object_get_string(name), json_object_get_string_len(name)))
			void_session(json_object_get_string(name));
	}
}

static int copy_part(const char *data, size_t size)
{
	int object = object_empty();

	if (object >= 0 && write(object, data, size) != (ssize_t)size) {
		close(object);
		return -EIO;
	}
	return object;
}

/* How many bytes its object has, or 0 if something is wrong with it. */
static size_t take_handler(struct json_object *element, const char *data, size_t rest)
{
	static const struct field fields[] = {
		{ "name", FIELD_FILE_NAME, .optional = false },
		{ "size", FIELD_INT, .min = 1, .max = INT32_MAX },
	};
	struct json_object *name, *value;
	char wrong[160];
	const char *at;
	size_t size;
	int object;

	if (!json_object_is_type(element, json_type_object) ||
	    !fields_check(element, fields, 2, NULL, wrong, sizeof(wrong), &at))
		return 0;
	json_object_object_get_ex(element, "name", &name);
	json_object_object_get_ex(element, "size", &value);
	size = json_object_get_int64(value);
	object = size > rest ? -EINVAL : copy_part(data, size);
	if (object < 0)
		return 0;
	handlers_propose(json_object_get_string(name), object);
	return size;
}

static bool take_handlers(struct json_object *head, const char *data, size_t rest)
{
	struct json_object *list;
	size_t size;

	if (!json_object_object_get_ex(head, "handlers", &list) ||
	    !json_object_is_type(list, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(list) && i < COUNT_MAX; i++) {
		size = take_handler(json_object_array_get_idx(list, i), data, rest);
		if (!size)
			return false;
		data += size;
		rest -= size;
	}
	return true;
}

static bool take_state(const char *data, size_t size)
{
	const char *end = memchr(data, '\n', size < LINE_LIMIT ? size : LINE_LIMIT);
	struct json_object *head = end ? object_parse(data, end - data, true, NULL) : NULL, *format;
	bool good;

	good = json_object_object_get_ex(head, "luod_state", &format) &&
	       json_object_get_int(format) == FORMAT;
	if (good) {
		take_voided(head);
		good = take_handlers(head, end + 1, size - (end + 1 - data));
	}
	json_object_put(head);
	return good;
}

static void read_state(int fd)
{
	size_t size = object_size(fd);
	void *data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;

	if (data == MAP_FAILED || !take_state(data, size))
		log_text(LOG_ERR, "session " STORE_STATE ": what the luod before left can't be read: handlers come from the disk only");
	if (data != MAP_FAILED)
		munmap(data, size);
}

void state_restore(void)
{
	int session = device_retrieve(STORE_STATE), fd;

	if (session == -ENOENT || session == -ENODEV)
		return;
	state = session < 0 ? NULL : luo_session__from_fd(session);
	if (!state) {
		log_text(LOG_ERR, "session " STORE_STATE ": %s: handlers come from the disk only",
			 session < 0 ? strerror(-session) : strerror(errno));
		return;
	}
	fd = luo_session__retrieve_fd(state, TOKEN);
	if (fd < 0) {
		log_text(LOG_ERR, "session " STORE_STATE ": %s: handlers come from the disk only",
			 strerror(-fd));
		return;
	}
	read_state(fd);
	close(fd);
}

void state_done(void)
{
	if (!state)
		return;
	if (luo_session__finish(state))
		log_text(LOG_ERR, "session " STORE_STATE ": can't be finished: %s", log_said());
	luo_session__close(state);
	state = NULL;
}
