// SPDX-License-Identifier: GPL-2.0
/*
 * kexec_load(2) gives an image no way to find what is handed over. Such a kexec
 * is refused while there are sessions, and the right image takes them over.
 */
#include <errno.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

/* Somewhere in the first large piece of memory, which each machine has elsewhere. */
static unsigned long ram(void)
{
	FILE *f = fopen("/proc/iomem", "re");
	unsigned long start = 0, end = 0;
	char line[256];

	while (f && end - start < MIB(64) && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx : System RAM", &start, &end) != 2)
			end = start;
	if (f)
		fclose(f);
	return start + MIB(32);
}

/* A page that no test gets to run. */
static int load_without_kho(void)
{
	static char page[4096];
	struct kexec_segment segment = {
		.buf = page, .bufsz = sizeof(page),
		.mem = (void *)ram(), .memsz = sizeof(page),
	};

	return syscall(SYS_kexec_load, (unsigned long)segment.mem, 1UL, &segment,
		       (unsigned long)KEXEC_ARCH_DEFAULT) ? -errno : 0;
}

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_create(luo, "image"), "create");
	int memfd = mem_filled("image", 0, KIB(256), 1);

	must(luo_preserve(session, memfd, 1), "preserve");
	must(load_without_kho(), "kexec_load");
	reboot(RB_KEXEC);
	check_eq(-errno, -EINVAL, "an image without KHO is refused");
	check(mem_is(memfd, 0, KIB(256), 1) && ftruncate(memfd, KIB(512)) < 0,
	      "the memfd is preserved still");
	close(luo);
}

static void after(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_retrieve(luo, "image"), "retrieve");
	int memfd = must(luo_retrieve_fd(session, 1), "retrieve the memfd");

	check(mem_is(memfd, 0, KIB(256), 1), "the right image takes it over");
	check_eq(luo_finish(session), 0, "finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
