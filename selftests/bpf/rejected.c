// SPDX-License-Identifier: GPL-2.0
/* Programs that must not load, and what the verifier says about each. */
#include <errno.h>
#include <stdio.h>

#include "handler.h"
#include "tap.h"

static const struct {
	const char *name, *message;
} programs[] = {
	{ "unreleased", "Unreleased reference" },
	{ "used_later", "release k.* bpf_luo_set_file expects ref" },
	{ "not_checked", "Possibly NULL pointer passed to trusted" },
	{ "state_overrun", "invalid access to memory, mem_size=16 off=12 size=8" },
	{ "state_not_checked", "invalid mem access '.*or_null'" },
	{ "state_size", "R2 is not a const" },
	{ "constructor_in_preserve", "bpf_luo_eventfd is not allowed" },
	{ "write_in_retrieve", "bpf_luo_blob_resize is not allowed" },
	{ "preserved_file", "bpf_luo_put_file is not allowed" },
	{ "write_file", "only read is supported" },
	{ "write_context", "only read is supported" },
	/* Of two, the first is what Linux 7.3 says, the other 7.2. */
	{ "private_memory", "R3 and R4 memory, len pair leads to invalid memory access"
			    "|bpf_luo_blob_write R3 pointer type UNKNOWN *is not supported" },
	{ "join_in_freeze", "bpf_luo_object_join is not allowed" },
	{ "claim_in_preserve", "bpf_luo_object_claim is not allowed" },
	{ "filled_in_freeze", "bpf_luo_pipe_fill is not allowed" },
	{ "pipe_in_preserve", "bpf_luo_pipe is not allowed" },
	{ "pipe_saved_in_retrieve", "bpf_luo_pipe_save is not allowed" },
	{ "part_unreleased", "Unreleased reference" },
	{ "watch_released", "R2 .*(expected|must be|invalid)|R2 pointer type STRUCT file must" },
	{ "inotify_in_preserve", "bpf_luo_inotify_event is not allowed" },
	{ "inotify_overrun", "R3 and R4 memory, len pair leads to invalid memory access" },
	{ "inotify_unreleased", "Unreleased reference" },
	{ "timerfd_overrun", "R3 and R4 memory, len pair leads to invalid memory access" },
	{ "timerfd_irqs_off", "bpf_luo_timerfd_save is sleepable within IRQ-disabled" },
	{ "setopt_in_preserve", "bpf_luo_sock_setopt is not allowed" },
	{ "open_same_in_preserve", "bpf_luo_open_same is not allowed" },
	{ "path_in_retrieve", "bpf_luo_path is not allowed" },
	{ "path_overrun", "R3 and R4 memory, len pair leads to invalid memory access" },
	{ "same_unreleased", "Unreleased reference" },
	{ "sync_other", "R2 (is|must be)|R2 pointer type STRUCT file must" },
	{ "ioctl_in_unpreserve", "bpf_luo_ioctl_value is not allowed" },
	{ "other_type", "bpf_luo_error is not allowed" },
};

static void check_program(const char *name, const char *message)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct bpf_object *object;
	char path[128];
	int err;

	handler_log_mark();
	snprintf(path, sizeof(path), "/selftests/progs/fail_%s.bpf.o", name);
	object = bpf_object__open_file(path, &opts);
	must(object ? 0 : -errno, "open %s", path);
	err = bpf_object__load(object);
	check(err == -EINVAL || err == -EACCES, "%s: not loaded (%d)", name, err);
	check(handler_logged(message), "%s: the verifier says why", name);
	bpf_object__close(object);
}

int main(void)
{
	tap_start(true, 0);
	handler_log_libbpf();
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		check_program(programs[i].name, programs[i].message);

	/* Stopped by the library, before the kernel is asked; and by the kernel. */
	check_program("not_sleepable", "attach to unsupported member preserve");
	check_eq(handler_try("fail_not_sleepable"), -EINVAL, "not_sleepable: as a handler");
	check(handler_logged("preserve can't sleep.*struct_ops.s/preserve"),
	      "not_sleepable: the library says what to do");
	tap_finish();
}
