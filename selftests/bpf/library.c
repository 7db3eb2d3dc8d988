// SPDX-License-Identifier: GPL-2.0
/* libluo-bpf where the other tests don't lead: options, names, what is not a handler. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler.h"
#include "tap.h"
#include "vm.h"

#define OBJECT "/handlers/eventfd.bpf.o"

static void check_device(void)
{
	LIBBPF_OPTS(luo_device_opts, opts, .path = "/dev/null/none");
	struct {
		struct luo_device_opts known;
		long unknown;
	} larger = { .known = { .sz = sizeof(larger) } };
	struct luo_device *device;

	handler_log_mark();
	device = luo_device__open(&opts);
	check(!device && errno == ENOTDIR, "device: a path that can't be");
	check(handler_logged("^/dev/null/none: Not a directory"), "device: the library says why");

	device = luo_device__open(&larger.known);
	check(device, "device: larger options, and nothing in what is unknown");
	check(luo_device__fd(device) >= 0, "device: its descriptor");
	luo_device__close(device);
	larger.unknown = 1;
	device = luo_device__open(&larger.known);
	check(!device && errno == EINVAL, "device: something in what is unknown");
	luo_device__close(NULL);
}

static void check_sessions(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session = session_create(device, "a name"), *other;
	struct luo_report report = { .sz = sizeof(report) };
	char name[64], longest[65];

	memset(longest, 'n', 64);
	longest[64] = '\0';
	handler_log_mark();
	other = luo_session__create(device, longest);
	check(!other && errno == EINVAL, "session: 64 bytes of name");
	check(handler_logged("longer than 63 bytes"), "session: the library says why");
	other = luo_session__create(device, "a name");
	check(!other && errno == EEXIST, "session: a name that is taken");
	other = luo_session__retrieve(device, "another");
	check(!other && errno == ENOENT, "session: a name that is not there");

	check(!luo_session__get_name(session, name, sizeof(name)) && !strcmp(name, "a name"),
	      "session: its name");
	check_eq(luo_session__get_name(session, name, 7), 0, "session: that just fits");
	check_eq(luo_session__get_name(session, name, 6), -ENOSPC, "session: and does not");
	check_eq(luo_session__report(session, &report), -ENODATA, "session: nothing to report");
	report.sz = 8;
	check_eq(luo_session__report(session, &report), -EINVAL, "session: no room for a report");

	other = luo_session__from_fd(dup(luo_session__fd(session)));
	check(other && !luo_session__get_name(other, name, sizeof(name)) && !strcmp(name, "a name"),
	      "session: from a descriptor");
	luo_session__close(other);
	other = luo_session__from_fd(luo_device__fd(device));
	check(!other && errno == EINVAL, "session: from another descriptor");
	check_eq(luo_session__preserve_fd(session, -1, 0), -EBADF, "session: preserve nothing");
	luo_session__close(session);
	luo_session__close(NULL);
	luo_device__close(device);
}

static void check_open(void)
{
	LIBBPF_OPTS(luo_handler_opts, opts, .map_name = "eventfd");
	struct luo_handler *handler;
	struct stat st;
	void *object;
	int fd;

	handler = luo_handler__open(OBJECT, &opts);
	check(handler && !strcmp(luo_handler__compatible(handler), "eventfd-v1"), "open: by name");
	check_eq(luo_handler__link_fd(handler), -EINVAL, "open: no link yet");
	check_eq(luo_handler__pin(handler, NULL), -EINVAL, "open: nothing to pin");
	check_eq(luo_handler__detach(handler), -EINVAL, "open: nothing to detach");
	luo_handler__close(handler);
	luo_handler__close(NULL);

	handler_log_mark();
	opts.map_name = "nothing";
	handler = luo_handler__open(OBJECT, &opts);
	check(!handler && errno == ENOENT, "open: a name that it does not have");
	check(handler_logged("no struct luo_bpf_ops nothing in it"), "open: the library says why");
	handler = luo_handler__open("/selftests/progs/fail_other_type.bpf.o", NULL);
	check(!handler && errno == ENOENT, "open: no handler at all");
	handler = luo_handler__open("/selftests/bpftool.sh", NULL);
	check(!handler, "open: not an object");

	fd = must(open(OBJECT, O_RDONLY), "open");
	fstat(fd, &st);
	object = malloc(st.st_size);
	must(read(fd, object, st.st_size) == st.st_size ? 0 : -EIO, "read");
	handler = luo_handler__open_mem(object, st.st_size, NULL);
	free(object);
	check(handler && !luo_handler__attach(handler), "open_mem: and attached");
	check(luo_handler__object(handler), "open_mem: its object");
	luo_handler__close(handler);
	close(fd);
}

static void check_pins(void)
{
	struct luo_handler *handler = handler_open("eventfd"), *attached;

	must(luo_handler__attach(handler), "attach");
	check_eq(luo_handler__pin(handler, "/tmp/eventfd"), -EPERM, "pin: not in a BPF file system");
	check_eq(luo_handler__pin(handler, "/sys/fs/bpf/mine"), 0, "pin: anywhere in one");
	attached = luo_handler__open_attached("/sys/fs/bpf/mine");
	check(attached && !strcmp(luo_handler__compatible(attached), "eventfd-v1"),
	      "open_attached: by its pin");
	check(!luo_handler__object(attached), "open_attached: has no object");
	check_eq(luo_handler__attach(attached), -EINVAL, "open_attached: can't be attached again");
	check_eq(bpf_link_detach(luo_handler__link_fd(attached)), 0, "detach behind its back");
	luo_handler__close(attached);
	luo_handler__close(handler);
	attached = luo_handler__open_attached("/sys/fs/bpf/mine");
	check(!attached && errno == ENOENT, "open_attached: a pin of what was detached");

	handler = handler_open("eventfd");
	must(luo_handler__attach(handler), "attach");
	check_eq(luo_handler__pin(handler, "/sys/fs/bpf/mine"), 0, "pin: over such a one");
	check_eq(luo_handler__pin(handler, "/sys/fs/bpf/mine"), -EEXIST, "pin: not over a living one");
	luo_handler__close(handler);
	attached = luo_handler__open_attached("/sys/fs/bpf/mine");
	check_eq(luo_handler__detach(attached), 0, "detach");
	check_eq(access("/sys/fs/bpf/mine", F_OK), -1, "detach: with its pin");
	luo_handler__close(attached);
}

static int stop(const struct luo_handler_info *info, void *ctx)
{
	(void)ctx;
	return !strcmp(info->compatible, "eventfd-v1") && !strcmp(info->fops, "eventfd_fops") &&
	       info->version == 1 && info->min_version == 1 && info->link_id && info->map_id ?
	       42 : 0;
}

/* Whoever else uses libbpf in this process keeps what it has set. */
static int others;

static int other_print(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return ++others;
}

static void check_print(void)
{
	libbpf_print_fn_t before = libbpf_set_print(other_print);
	struct luo_handler *handler;

	handler_log_mark();
	handler = luo_handler__open("/selftests/bpftool.sh", NULL);
	check(!handler && handler_logged("elf: "), "print: what libbpf says for us comes to us");
	check_eq(others, 0, "print: and to nobody else");
	handler = luo_handler__open("/none.bpf.o", NULL);
	check(!handler && handler_logged("none.bpf.o: No such file"), "print: as does what we say");
	bpf_object__open_file("/none.bpf.o", NULL);
	check(others > 0, "print: what it says for others goes to them");
	libbpf_set_print(before);
	luo_set_print(NULL);
	check(!luo_handler__open("/none.bpf.o", NULL), "print: into the void");
}

int main(void)
{
	tap_start(true, 0);
	check_device();
	check_sessions();
	check_open();
	check_pins();
	handler_attach("eventfd");
	check_eq(luo_handler__list(stop, NULL), 42, "list: what it tells, and how it stops");
	check_eq(handler_detach("eventfd-v1"), 0, "detach");
	check_print();
	tap_finish();
}
