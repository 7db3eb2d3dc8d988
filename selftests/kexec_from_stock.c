// SPDX-License-Identifier: GPL-2.0
/*
 * From the kernel of the base to ours: its sessions are read, its memfds are of
 * a format that no handler of ours reads yet.
 */
#include <errno.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

static void on_stock(void)
{
	int luo = must(luo_open(), "/dev/liveupdate"), session;

	session = must(luo_create(luo, "from stock"), "create");
	for (int i = 0; i < 100; i++)
		must(luo_preserve(session, mem_filled("stock", 0, KIB(8), i), i), "preserve");
	must(luo_create(luo, "empty"), "create");
	vm_kexec_image("/boot/kernel2");
}

static void on_ours(void)
{
	int luo = must(luo_open(), "/dev/liveupdate"), session, bad = 0;

	session = luo_retrieve(luo, "empty");
	check(session >= 0 && !luo_finish(session), "an empty session");
	session = luo_retrieve(luo, "from stock");
	check(session >= 0, "a session with files");
	for (int i = 0; i < 100; i++)
		bad += luo_retrieve_fd(session, i) != -EUNATCH;
	check_eq(bad, 0, "files that are not unbound");
	check_eq(luo_retrieve_fd(session, 100), -ENOENT, "a token that was not there");
	vm_log_mark();
	check_eq(luo_finish(session), 0, "finish");
	check(vm_log_count("memfd-v2") >= 1, "the log names the format that is left");
	check_eq(luo_retrieve(luo, "from stock"), -ENOENT, "it is gone");
}

int main(void)
{
	static const vm_stage_fn stages[] = { on_stock, on_ours };

	vm_run_stages(stages, 2);
}
