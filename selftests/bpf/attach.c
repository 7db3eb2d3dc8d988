// SPDX-License-Identifier: GPL-2.0
/*
 * What may be attached, what replaces what, and what is said about the rest: by the
 * library, which looks first, and by the kernel, when it is asked all the same.
 *
 *	bpf_attach [off]	on a kernel with liveupdate=off
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"

static void *member(struct luo_handler *handler, const char *name, const void *value, size_t size)
{
	return memcpy(handler_member(handler, name), value, size);
}

static void text(struct luo_handler *handler, const char *name, const char *value)
{
	member(handler, name, value, strlen(value) + 1);
}

static void no_callback(struct luo_handler *handler, const char *name)
{
	void *none = NULL;

	member(handler, name, &none, sizeof(none));
}

static void no_preserve(struct luo_handler *handler)
{
	no_callback(handler, "preserve");
}

static void no_retrieve(struct luo_handler *handler)
{
	no_callback(handler, "retrieve");
}

static void takes_nothing(struct luo_handler *handler)
{
	no_callback(handler, "can_preserve");
	text(handler, "fops", "");
}

static void no_name(struct luo_handler *handler)
{
	text(handler, "compatible", "");
}

static void long_name(struct luo_handler *handler)
{
	memset(handler_member(handler, "compatible"), 'n', 44);
}

static void odd_name(struct luo_handler *handler)
{
	text(handler, "compatible", "a/../b");
}

static void long_fops(struct luo_handler *handler)
{
	memset(handler_member(handler, "fops"), 'n', 128);
}

static void unknown_fops(struct luo_handler *handler)
{
	text(handler, "fops", "eventfd_fops no_such_fops");
}

static void ambiguous_fops(struct luo_handler *handler)
{
	text(handler, "fops", "ftrace_avail_fops");
}

static void many_fops(struct luo_handler *handler)
{
	static const char name[] = "eventfd_fops ";

	for (int i = 0; i < 9; i++)
		strcpy(handler_member(handler, "fops") + i * (sizeof(name) - 1), name);
}

static void versions(struct luo_handler *handler)
{
	uint32_t version = 2, min_version = 3;

	member(handler, "version", &version, sizeof(version));
	member(handler, "min_version", &min_version, sizeof(min_version));
}

static void too_large(struct luo_handler *handler)
{
	uint64_t bytes = (4ULL << 30) + 1;

	member(handler, "max_bytes", &bytes, sizeof(bytes));
}

static void no_link(struct luo_handler *handler)
{
	bpf_map__set_map_flags(handler_map(handler), 0);
}

static const struct {
	const char *name;
	void (*edit)(struct luo_handler *handler);
	int err;
	const char *said, *logged;	/* by the library and by the kernel */
} refused[] = {
	{ "no preserve", no_preserve, -ENOEXEC, "preserve is missing", "it has no preserve" },
	{ "no retrieve", no_retrieve, -ENOEXEC, "retrieve is missing", "it has no retrieve" },
	{ "takes no file", takes_nothing, -EDESTADDRREQ, "neither .fops nor .can_preserve",
	  "neither fops nor can_preserve" },
	{ "no name", no_name, -EINVAL, "compatible is empty", "string is empty" },
	{ "long name", long_name, -ENAMETOOLONG, "compatible is too long", "is longer than 43" },
	{ "odd name", odd_name, -EILSEQ, "letters, digits", "has characters other than" },
	{ "long fops", long_fops, -ENAMETOOLONG, "fops is too long", "fops are not terminated" },
	{ "unknown fops", unknown_fops, -ENOENT, "no symbol 'no_such_fops'",
	  "there is no 'no_such_fops'" },
	{ "ambiguous fops", ambiguous_fops, -ENOTUNIQ,
	  "more than one symbol 'ftrace_avail_fops'",
	  "there are several 'ftrace_avail_fops'" },
	{ "many fops", many_fops, -E2BIG, "too many names in .fops", "more than 8 fops" },
	{ "versions", versions, -ERANGE, "min_version is above .version", "version 3 at least" },
	{ "too large", too_large, -EFBIG, "max_bytes is above the limit",
	  "max_bytes is 4294967297" },
	{ "no link", no_link, -EOPNOTSUPP, "must be .struct_ops.link", "attach it by a link" },
};

/* The kernel's own answer: load and attach without the library. */
static int raw_attach(struct luo_handler *handler)
{
	struct bpf_link *link;
	int err;

	err = bpf_object__load(luo_handler__object(handler));
	if (err)
		return err;
	link = bpf_map__attach_struct_ops(handler_map(handler));
	if (!link)
		return -errno;
	bpf_link__destroy(link);
	return 0;
}

static void check_refused(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct luo_handler *handler = handler_open("probe");

		refused[i].edit(handler);
		handler_log_mark();
		check_eq(luo_handler__attach(handler), refused[i].err, "%s", refused[i].name);
		check(handler_logged(refused[i].said), "%s: the library says why", refused[i].name);
		luo_handler__close(handler);

		handler = handler_open("probe");
		refused[i].edit(handler);
		vm_log_mark();
		check_eq(raw_attach(handler), refused[i].err, "%s: by the kernel", refused[i].name);
		check_eq(vm_log_count(refused[i].logged), 1, "%s: and its log", refused[i].name);
		luo_handler__close(handler);
	}
}

/* glibc has no prototypes of these. */
static int drop_sys_admin(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[0].effective &= ~(1U << CAP_SYS_ADMIN);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static int attach_unprivileged(void *arg)
{
	struct luo_handler *handler = arg;

	if (luo_handler__load(handler) || drop_sys_admin())
		return 1;
	handler_log_mark();
	if (luo_handler__attach(handler) != -EPERM)
		return 2;
	return handler_logged("CAP_SYS_ADMIN in the initial user namespace") ? 0 : 3;
}

/* How is a /dev/net/tun taken by a handler that names it this way? */
static int preserve_tun(const char *fops)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_create(device, "names");
	struct luo_handler *handler = handler_open("any");
	int fd = must(open("/dev/net/tun", O_RDWR), "/dev/net/tun"), err;

	text(handler, "fops", fops);
	must(luo_handler__attach(handler), "attach %s", fops);
	err = luo_session__preserve_fd(session, fd, 1);
	luo_session__close(session);
	luo_handler__close(handler);
	luo_device__close(device);
	close(fd);
	return err;
}

static void check_module_names(void)
{
	check_eq(preserve_tun("tun:tun_fops"), 0, "of a module that is built in here");
	check_eq(preserve_tun("tu:tun_fops"), -ENOENT, "of one that is not there: not the kernel's");
	check_eq(preserve_tun("luo_testfh:tun_fops"), -ENOENT, "nor if it could be loaded");
}

static int count_handlers(const struct luo_handler_info *info, void *ctx)
{
	int *count = ctx;

	(*count)++;
	tap_note("  %s: fops %s, version %u to %u, link %u, map %u", info->compatible, info->fops,
		 info->min_version, info->version, info->link_id, info->map_id);
	return 0;
}

static int attached(void)
{
	int count = 0, err = luo_handler__list(count_handlers, &count);

	return err ?: count;
}

static void check_attached(void)
{
	struct luo_handler *handler;

	check_eq(attached(), 0, "list: none");
	handler_attach("eventfd");
	check_eq(attached(), 1, "list: the attached one");
	check_eq(access(LUO_PIN_DIR "/eventfd-v1", F_OK), 0, "pinned under its compatible string");

	handler_log_mark();
	check_eq(handler_try("eventfd"), -EEXIST, "attached twice");
	check(handler_logged("'eventfd-v1'.*link [0-9]+ has it"), "and by which link, the library says");
	check_eq(handler_try("probe"), -EBUSY, "another for the same files");
	check(handler_logged("another handler's, and not both have .can_preserve"), "so it says");

	handler_log_mark();
	handler = luo_handler__open_attached("nobody-v1");
	check(!handler && errno == ENOENT, "open_attached: one that is not there");
	check_eq(handler_detach("eventfd-v1"), 0, "detach");
	check_eq(access(LUO_PIN_DIR "/eventfd-v1", F_OK), -1, "its pin is gone");
	check_eq(attached(), 0, "and it is not listed");

	handler = handler_open("eventfd");
	check_eq(luo_handler__attach(handler), 0, "attached again, without a pin");
	check_eq(luo_handler__attach(handler), -EALREADY, "twice by one object");
	check(luo_handler__link_fd(handler) >= 0, "it has a link");
	luo_handler__close(handler);
	check_eq(attached(), 0, "gone with its last descriptor");
}

static void check_upgrade(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_create(device, "upgrade");
	struct luo_handler *handler;
	int fd = must(eventfd(1, 0), "eventfd");

	handler_log_mark();
	check_eq(handler_upgrade("eventfd-2"), -ENOENT, "upgrade: nothing to upgrade");
	handler_attach("eventfd");
	must(luo_session__preserve_fd(session, fd, 1), "preserve");
	check_eq(handler_upgrade("eventfd-2"), 0, "upgrade: with a file preserved");
	check_eq(handler_upgrade("eventfd"), 0, "upgrade: back, for no file is of the new version");

	handler_log_mark();
	handler = handler_open("probe");
	check_eq(luo_handler__upgrade(handler, LUO_PIN_DIR "/eventfd-v1"), -EINVAL,
		 "upgrade: another compatible string");
	check(handler_logged("another compatible string"), "upgrade: the library says why");
	luo_handler__close(handler);

	check_eq(handler_upgrade("eventfd-2"), 0, "upgrade: again");
	must(luo_session__preserve_fd(session, must(eventfd(2, 0), "eventfd"), 2), "preserve");
	check_eq(handler_upgrade("eventfd"), -EINVAL, "downgrade: a file is of the new version");
	luo_session__close(session);
	check_eq(handler_upgrade("eventfd"), 0, "downgrade: possible when that is gone");
	check_eq(handler_detach("eventfd-v1"), 0, "detach");
	close(fd);
	luo_device__close(device);
}

/* What is preserved keeps the programs; a new file finds none. */
static void check_detach(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_create(device, "detach");
	int fd = must(eventfd(1, 0), "eventfd"), other = must(eventfd(2, 0), "eventfd");

	handler_attach("eventfd");
	must(luo_session__preserve_fd(session, fd, 1), "preserve");
	check_eq(handler_detach("eventfd-v1"), 0, "detach: with a file preserved");
	check_eq(luo_session__preserve_fd(session, other, 2), -ENOENT, "detach: none for a new file");
	handler_attach("eventfd-2");
	check_eq(luo_session__preserve_fd(session, other, 2), 0, "detach: and attached again");
	check_eq(handler_detach("eventfd-v1"), 0, "detach: again");
	luo_session__close(session);
	close(fd);
	close(other);
	luo_device__close(device);
}

/* No handler at all on this kernel */
static void check_off(void)
{
	vm_log_mark();
	check_eq(handler_try("eventfd"), -EOPNOTSUPP, "refused");
	check(handler_logged("no live update here: liveupdate=on"), "the library says why");
	check_eq(vm_log_count("handler refused: live update is off"), 1, "the kernel too");
	tap_finish();
}

int main(int argc, char **argv)
{
	struct luo_handler *handler;

	tap_start(true, 0);
	handler_log_mark();
	if (argc > 1 && !strcmp(argv[1], "off"))
		check_off();
	handler_log_libbpf();
	check_refused();
	handler = handler_open("probe");
	check_eq(vm_in_child(attach_unprivileged, handler), 0, "no CAP_SYS_ADMIN: refused");
	luo_handler__close(handler);
	check_attached();
	check_upgrade();
	check_detach();
	check_module_names();
	check_eq(attached(), 0, "nothing is left attached");
	tap_finish();
}
