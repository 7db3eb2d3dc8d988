// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memfile.h"
#include "swap.h"
#include "tap.h"
#include "vm.h"

void swap_start(off_t size)
{
	must(write_file("/sys/block/zram0/disksize", "%ld", size), "size of zram0");
	if (system("mkswap /dev/zram0 >/dev/null && swapon /dev/zram0"))
		tap_bail("no swap");
}

void swap_out(int fd, off_t off, off_t len)
{
	char *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, off);

	if (map == MAP_FAILED)
		tap_bail("mmap: %m");
	/* Only what is mapped here and nowhere else can be paged out. */
	for (off_t o = 0; o < len; o += page_size()) {
		unsigned char in;

		if (!mincore(map + o, page_size(), &in) && in & 1)
			(void)*(volatile char *)(map + o);
	}
	madvise(map, len, MADV_PAGEOUT);
	munmap(map, len);
}

off_t swap_used(int fd, off_t off, off_t len)
{
	char *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, off);
	unsigned char *in = calloc(1, len / page_size());
	off_t data = 0, resident = 0;

	if (map == MAP_FAILED || mincore(map, len, in))
		tap_bail("mincore: %m");
	for (off_t o = 0; o < len; o += page_size()) {
		data += lseek(fd, off + o, SEEK_DATA) == off + o;
		resident += in[o / page_size()] & 1;
	}
	munmap(map, len);
	free(in);
	return (data - resident) * page_size();
}
