// SPDX-License-Identifier: GPL-2.0
/*
 * Blobs of many sizes through a kexec, and quotas.
 *
 *	bpf_blob MIB	the largest one
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handler.h"
#include "kho.h"
#include "progs/zero.h"
#include "tap.h"
#include "vm.h"

#define SESSION "blobs"

static const uint64_t sizes[] = {
	0, 1, 8, 4095, 4096, 4097, 3 * 4096, (1 << 20) - 1, (3 << 20) + 5
};

#define SIZES ((int)(sizeof(sizes) / sizeof(*sizes)))

static struct zero_control *zero;
static uint64_t largest;

static void load_handler(void)
{
	struct luo_handler *handler = handler_open("zero");

	memcpy(handler_member(handler, "max_bytes"), &(uint64_t){ largest + 4096 }, 8);
	must(luo_handler__attach(handler), "attach zero");
	zero = handler_variable(handler, "zero");
}

static int preserve(struct luo_session *session, uint64_t token, uint64_t bytes)
{
	int fd = must(open("/dev/zero", O_RDWR), "/dev/zero");
	int err;

	zero->bytes = bytes;
	err = luo_session__preserve_fd(session, fd, token);
	close(fd);
	return err;
}

static void check_quota(struct luo_device *device)
{
	long kho = must(kho_preserved(), "count what KHO preserves");
	struct luo_session *session = session_create(device, "quota");

	check_eq(preserve(session, 0, largest + 8192), -ENOSPC, "quota: over it");
	check_eq(zero->error, -ENOSPC, "quota: and the program gets to know");
	check_eq(preserve(session, 1, 1 << 20), 0, "quota: within");
	check(kho_preserved() >= kho + (1 << 20), "quota: that is preserved");
	luo_session__close(session);
	check_eq(kho_preserved(), kho, "quota: nothing is left of either");
}

static void before(void)
{
	struct luo_device *device = device_open();
	struct luo_session *session;

	load_handler();
	check_quota(device);
	session = session_create(device, SESSION);
	for (int i = 0; i < SIZES; i++)
		must(preserve(session, 1000 * i, sizes[i]), "preserve %ju bytes",
		     (uintmax_t)sizes[i]);
	must(preserve(session, 1000 * SIZES, largest), "preserve %ju bytes", (uintmax_t)largest);
}

static void after(void)
{
	struct luo_session *session = session_retrieve(device_open(), SESSION);

	check_eq(luo_session__retrieve_fd(session, 0), -EUNATCH, "no handler");
	load_handler();
	for (int i = SIZES; i >= 0; i--) {
		uint64_t size = i == SIZES ? largest : sizes[i];

		zero->pages_read = 0;
		check(luo_session__retrieve_fd(session, 1000 * i) >= 0, "%ju bytes: back",
		      (uintmax_t)size);
		check_eq(zero->pages_read, (size + 4095) / 4096, "%ju bytes: all read",
			 (uintmax_t)size);
	}
	check_eq(luo_session__finish(session), 0, "finish");
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };

	largest = (argc > 1 ? strtoull(argv[1], NULL, 0) : 64) << 20;
	vm_run_stages(stages, 2);
}
