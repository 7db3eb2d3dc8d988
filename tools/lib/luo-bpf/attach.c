// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/* Handlers in the kernel: the link, its pin, what replaces it. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

static char *pin_path(const char *path, const char *compatible)
{
	char *copy;

	if (path)
		return strdup(path);
	return asprintf(&copy, LUO_PIN_DIR "/%s", compatible) < 0 ? NULL : copy;
}

/* A map takes its value once; what comes after is up to its link. */
static int set_value(const struct luo_handler *handler)
{
	__u32 zero = 0;
	void *value;
	int err;

	value = luo_value_for_kernel(handler, &err);
	if (!value)
		return err;
	err = bpf_map_update_elem(bpf_map__fd(handler->map), &zero, value, 0);
	free(value);
	return err == -EBUSY ? 0 : err;
}

int luo_handler__attach(struct luo_handler *handler)
{
	int err = luo_handler__load(handler), fd;

	if (err)
		return err;
	if (handler->link_fd >= 0)
		return -EALREADY;

	luo_libbpf_begin();
	err = set_value(handler);
	fd = err ?: bpf_link_create(bpf_map__fd(handler->map), 0, BPF_STRUCT_OPS, NULL);
	luo_libbpf_end();
	if (fd < 0) {
		luo_explain_attach(handler, "attach", fd);
		return fd;
	}
	handler->link_fd = fd;
	return 0;
}

/* A link that was detached behind its pin does nothing any more. */
static bool is_stale(const char *pin)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(pin), err;

	if (fd < 0)
		return false;
	err = bpf_link_get_info_by_fd(fd, &info, &len);
	close(fd);
	return !err && info.type == BPF_LINK_TYPE_STRUCT_OPS && !info.struct_ops.map_id;
}

static int pin_link(int fd, const char *pin)
{
	int err = bpf_obj_pin(fd, pin);

	if (err == -EEXIST && is_stale(pin) && !unlink(pin))
		err = bpf_obj_pin(fd, pin);
	return err;
}

int luo_handler__pin(struct luo_handler *handler, const char *path)
{
	char *pin;
	int err;

	if (handler->link_fd < 0)
		return -EINVAL;
	pin = pin_path(path, handler->compatible);
	if (!pin)
		return -ENOMEM;
	if (!path && mkdir(LUO_PIN_DIR, 0700) && errno != EEXIST)
		err = -errno;
	else
		err = pin_link(handler->link_fd, pin);
	if (err) {
		warn("handler '%s': pin to %s: %s%s\n", handler->compatible, pin, strerror(-err),
		     err == -EPERM || err == -ENOENT ? ": is a BPF file system mounted there?" : "");
		free(pin);
		return err;
	}
	free(handler->pin);
	handler->pin = pin;
	return 0;
}

int luo_handler__upgrade(struct luo_handler *handler, const char *old)
{
	int err = luo_handler__load(handler), fd;
	char *pin;

	if (err)
		return err;
	if (handler->link_fd >= 0)
		return -EALREADY;
	pin = pin_path(old, handler->compatible);
	if (!pin)
		return -ENOMEM;

	luo_libbpf_begin();
	fd = bpf_obj_get(pin);
	err = fd < 0 ? fd : set_value(handler);
	if (!err)
		err = bpf_link_update(fd, bpf_map__fd(handler->map), NULL);
	luo_libbpf_end();
	if (!err) {
		handler->link_fd = fd;
		handler->pin = pin;
		return 0;
	}

	if (fd < 0) {
		warn("handler '%s': upgrade: %s: %s\n", handler->compatible, pin, strerror(-err));
	} else {
		luo_explain_attach(handler, "upgrade", err);
		close(fd);
	}
	free(pin);
	return err;
}

static int compatible_of_link(struct luo_handler *handler)
{
	const struct luo_layout *kernel;
	struct bpf_link_info info;
	void *value;
	int err;

	kernel = luo_layout_of_kernel(&err);
	if (kernel)
		err = luo_value_of_link(kernel, handler->link_fd, &value, &info);
	if (!err) {
		handler->compatible = strdup(luo_layout_text(kernel, value, "compatible"));
		err = handler->compatible ? 0 : -ENOMEM;
		free(value);
	}
	return err;
}

/* Takes @pin, and opens the link of the handler: @link_fd, or -errno. */
static struct luo_handler *from_link(int link_fd, char *pin, const char *name)
{
	struct luo_handler *handler = calloc(1, sizeof(*handler));
	int err = link_fd < 0 ? link_fd : 0;

	if (!handler) {
		if (link_fd >= 0)
			close(link_fd);
		free(pin);
		return luo_null(ENOMEM);
	}
	handler->pin = pin;
	handler->link_fd = link_fd;
	luo_libbpf_begin();
	err = err ?: compatible_of_link(handler);
	luo_libbpf_end();
	if (!err)
		return handler;
	warn("%s: %s\n", name,
	     err == -ENOENT && link_fd >= 0 ? "not an attached handler" : strerror(-err));
	luo_handler__close(handler);
	return luo_null(err);
}

struct luo_handler *luo_handler__open_attached(const char *name)
{
	char *pin = pin_path(strchr(name, '/') ? name : NULL, name);

	return from_link(pin ? bpf_obj_get(pin) : -ENOMEM, pin, pin ?: name);
}

struct luo_handler *luo_handler__open_link(__u32 link_id)
{
	char name[32];

	snprintf(name, sizeof(name), "link %u", link_id);
	return from_link(bpf_link_get_fd_by_id(link_id), NULL, name);
}

int luo_handler__detach(struct luo_handler *handler)
{
	int err;

	if (handler->link_fd < 0)
		return -EINVAL;
	err = bpf_link_detach(handler->link_fd);
	if (err) {
		luo_explain_attach(handler, "detach", err);
		return err;
	}
	close(handler->link_fd);
	handler->link_fd = -EINVAL;
	if (handler->pin && unlink(handler->pin) && errno != ENOENT)
		err = -errno;
	free(handler->pin);
	handler->pin = NULL;
	return err;
}
