// SPDX-License-Identifier: GPL-2.0
/*
 * Threads write into random pages of a sparse preserved memfd until the kexec
 * takes the processors away, and acknowledge each write in another one, all of
 * whose pages are there. What is acknowledged must be in the next kernel.
 *
 *	memfd_writers [refuse]	a file refuses the first freeze
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "swap.h"
#include "tap.h"
#include "testfh.h"
#include "vm.h"

#define PAGES (1 << 18)
#define SIZE (PAGES * KIB(4))
#define THREADS 3

static bool refuse;
static int data_fd;
static char *data;
static _Atomic uint8_t *acks;
static atomic_long writes;
static int uffd;
static char *uffd_map;

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t stamp(uint64_t page)
{
	return (page + 1) * 0x9e3779b97f4a7c15;
}

/* Slow enough that there are holes left when the kexec comes. */
static void breathe(void)
{
	for (volatile int i = 0; i < 4000; i++)
		;
}

/* A whole page put into a hole; false if there is one already. */
static bool put_page(uint64_t page, size_t at, uint64_t value)
{
	uint64_t buf[512] = { };
	struct uffdio_copy copy = {
		.dst = (uintptr_t)uffd_map + page * 4096, .src = (uintptr_t)buf, .len = 4096,
	};

	buf[(at - page * 4096) / 8] = value;
	return !ioctl(uffd, UFFDIO_COPY, &copy);
}

enum { BY_MAPPING, BY_WRITE, BY_FALLOCATE, BY_USERFAULTFD, WAYS };

static bool write_page(int way, uint64_t page)
{
	size_t at = page * 4096 + (page % 512) * 8;
	uint64_t value = stamp(page);

	switch (way) {
	case BY_WRITE:
		return pwrite(data_fd, &value, 8, at) == 8;
	case BY_USERFAULTFD:
		if (put_page(page, at, value))
			return true;
		break;
	case BY_FALLOCATE:
		if (fallocate(data_fd, 0, page * 4096, 4096))
			return false;
		break;
	}
	*(volatile uint64_t *)(data + at) = value;
	return true;
}

static void *writer(void *arg)
{
	uint64_t state = (uintptr_t)arg * 7919 + 1;

	for (;;) {
		uint64_t page = random_next(&state) % PAGES;

		if (!write_page(state >> 20 & (WAYS - 1), page))
			continue;
		atomic_store(&acks[page], 1);
		atomic_fetch_add(&writes, 1);
		breathe();
	}
	return NULL;
}

static void uffd_start(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	uffd_map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, data_fd, 0);
	uffd = must(syscall(SYS_userfaultfd, O_CLOEXEC), "userfaultfd");
	must(ioctl(uffd, UFFDIO_API, &api), "UFFDIO_API");
	reg.range.start = (uintptr_t)uffd_map;
	reg.range.len = SIZE;
	must(ioctl(uffd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
}

/* Pages that are in no list yet go to swap and come back as others. */
static void *pager(void *arg)
{
	uint64_t state = 4711;

	(void)arg;
	for (;;) {
		off_t at = random_next(&state) % (PAGES - 4096) * 4096;

		madvise(data + at, 4096 * 4096, MADV_PAGEOUT);
		usleep(1000);
	}
	return NULL;
}

/* As eager as it gets. */
static void khugepaged_start(void)
{
#define THP "/sys/kernel/mm/transparent_hugepage/"
	if (!mem_huge_expected(1))
		return;
	mem_use_huge("advise");
	must(write_file(THP "enabled", "always"), "enabled");
	must(write_file(THP "khugepaged/scan_sleep_millisecs", "10"), "khugepaged");
	must(write_file(THP "khugepaged/alloc_sleep_millisecs", "10"), "khugepaged");
	must(write_file(THP "khugepaged/pages_to_scan", "100000"), "khugepaged");
	must(write_file(THP "khugepaged/max_ptes_none", "511"), "khugepaged");
	must(write_file(THP "khugepaged/max_ptes_swap", "64"), "khugepaged");
}

static void prepare(int session)
{
	int acks_fd = mem_create("acks", 0, PAGES);

	data_fd = mem_create("data", 0, SIZE);
	data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, data_fd, 0);
	acks = mmap(NULL, PAGES, PROT_READ | PROT_WRITE, MAP_SHARED, acks_fd, 0);
	memset((void *)acks, 0, PAGES);
	uffd_start();
	/* The first part may be collapsed; what is left has only small pages. */
	madvise(data, SIZE / 4, MADV_HUGEPAGE);
	for (long i = 0; i < PAGES; i += 16)
		mem_fill(data_fd, i * 4096 + 2048, 8, i);
	must(luo_preserve(session, acks_fd, 2), "preserve the acknowledgements");
	must(luo_preserve(session, data_fd, 1), "preserve the data");
	if (refuse)
		must(luo_preserve(session, testfh_open(3), 3), "preserve a test file");
}

static void run_writers(void)
{
	pthread_t thread;

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL, writer, (void *)i);
	pthread_create(&thread, NULL, pager, NULL);
	usleep(300000);
}

static void refused(void)
{
	long before;

	testfh_fail("freeze", 3);
	for (int i = 0; i < 3; i++) {
		check_eq(vm_kexec(), -EIO, "refused: the kexec fails");
		before = writes;
		usleep(200000);
		check(writes > before, "refused: the writers go on: %ld more", writes - before);
	}
	testfh_fail("freeze", 0);
}

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");

	if (refuse)
		testfh_load("");
	swap_start(MIB(256));
	khugepaged_start();
	prepare(must(luo_create(luo, "writers"), "create"));
	run_writers();
	if (refuse)
		refused();
	check(writes > 100, "%ld writes so far", writes);
	tap_note("%ld of %d pages are there", mem_allocated(data_fd) / 4096, PAGES);
}

static void after(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_retrieve(luo, "writers"), "retrieve"), lost = 0, acked = 0;
	int acks_fd = must(luo_retrieve_fd(session, 2), "retrieve the acknowledgements");
	int fd = must(luo_retrieve_fd(session, 1), "retrieve the data");
	uint8_t *acked_map = mmap(NULL, PAGES, PROT_READ, MAP_SHARED, acks_fd, 0);
	char *map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	int bad = 0;

	tap_note("%ld of %d pages are there", mem_allocated(fd) / 4096, PAGES);
	for (uint64_t page = 0; page < PAGES; page++) {
		size_t at = page * 4096 + (page % 512) * 8;

		if (!acked_map[page])
			continue;
		acked++;
		if (*(uint64_t *)(map + at) == stamp(page))
			continue;
		if (lost++ < 5)
			tap_note("lost: page %lu", page);
	}
	check(acked > 100, "%d pages are acknowledged", acked);
	check_eq(lost, 0, "acknowledged, but lost");
	for (long i = 0; i < PAGES; i += 16)
		bad += i % 512 != 256 && !mem_is(fd, i * 4096 + 2048, 8, i);
	check_eq(bad, 0, "written before it was preserved, but lost");
	check_eq(luo_finish(session), 0, "finish");
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };

	refuse = argc > 1 && !strcmp(argv[1], "refuse");
	vm_run_stages(stages, 2);
}
