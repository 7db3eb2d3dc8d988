// SPDX-License-Identifier: GPL-2.0
/*
 * A retrieve that fails half way: too little memory in the retriever's control
 * group. Nothing is lost, and the next attempt goes on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kho.h"
#include "luo.h"
#include "memfile.h"
#include "tap.h"
#include "vm.h"

#define SIZE MIB(32)
#define GROUP "/sys/fs/cgroup/limit"

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_create(luo, "limit"), "create");

	must(luo_preserve(session, mem_filled("limit", 0, SIZE, 1), 1), "preserve");
	must(luo_preserve(session, mem_filled("abandoned", 0, SIZE, 2), 2), "preserve");
}

struct try {
	int session;
	uint64_t token;
};

/* In a child, which is what the group's limit is for. */
static int retrieve_in_group(void *arg)
{
	struct try *try = arg;
	int ret;

	if (write_file(GROUP "/cgroup.procs", "%d", getpid()))
		return 255;
	ret = luo_retrieve_fd(try->session, try->token);
	return ret < 0 ? -ret : 0;
}

static void limit(off_t bytes)
{
	must(write_file(GROUP "/memory.max", "%ld", bytes), "memory.max");
}

/* A key of the group's memory.stat. */
static long stat_of(const char *key)
{
	FILE *f = fopen(GROUP "/memory.stat", "r");
	char line[128], format[64];
	long value;

	snprintf(format, sizeof(format), "%s %%ld", key);
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, format, &value) == 1) {
			fclose(f);
			return value;
		}
	}
	tap_bail("%s/memory.stat has no %s", GROUP, key);
}

/* It lags behind, by up to two seconds. */
static void check_stat(const char *key, off_t bytes)
{
	long value;

	for (int i = 0; i < 50; i++) {
		value = stat_of(key);
		if (value == bytes)
			break;
		usleep(100000);
	}
	check_eq(value, bytes, "%s in memory.stat", key);
}

/* What is counted is all that there is, and reclaim finds it on a list. */
static void check_stats(off_t bytes)
{
	check_stat("file", bytes);
	check_stat("shmem", bytes);
	check_stat("inactive_anon", bytes);
	check_stat("active_anon", 0);
	check_stat("unevictable", 0);
}

static void after(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_retrieve(luo, "limit"), "retrieve"), fd;
	struct try one = { session, 1 }, two = { session, 2 };

	must(write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory"), "memory controller");
	must(mkdir(GROUP, 0755), GROUP);
	limit(MIB(4));
	check_eq(vm_in_child(retrieve_in_group, &one), ENOMEM, "limit: too little memory");
	check_eq(vm_in_child(retrieve_in_group, &one), ENOMEM, "limit: still too little");
	limit(MIB(12));
	check_eq(vm_in_child(retrieve_in_group, &one), ENOMEM, "limit: more, but not enough");
	limit(MIB(64));
	check_eq(vm_in_child(retrieve_in_group, &one), 0, "limit: enough");
	check(read_file_num(GROUP "/memory.current") >= SIZE, "limit: charged to the retriever");
	check_stats(SIZE);
	fd = luo_retrieve_fd(session, 1);
	check(fd >= 0 && mem_is(fd, 0, SIZE, 1), "limit: nothing is lost");
	check_eq(mem_allocated(fd), SIZE, "limit: nothing is there twice");

	/* Rebuilt in part, and never completed: FINISH frees both parts. */
	limit(MIB(36));
	check_eq(vm_in_child(retrieve_in_group, &two), ENOMEM, "half way: too little memory");
	check_eq(luo_finish(session), 0, "half way: finish");
	check(read_file_num(GROUP "/memory.current") < SIZE + MIB(3), "half way: its part is freed");
	close(fd);
	check(read_file_num(GROUP "/memory.current") < MIB(3), "half way: no charge is left");
	check_stats(0);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, 2);
}
