// SPDX-License-Identifier: GPL-2.0
/*
 * Taking the record of a memfd from the previous kernel, in whichever format.
 *
 * Built with LIVEUPDATE, without LIVEUPDATE_MEMFD too: a kernel that cannot
 * make a memfd of a record can still free what it holds.
 */
#define pr_fmt(fmt) "memfd_luo: " fmt

#include <linux/array_size.h>
#include <linux/fcntl.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "memfd_luo_reader.h"

unsigned int memfd_luo_max_order(void)
{
	return min_t(unsigned int, MAX_PAGECACHE_ORDER, MAX_PAGE_ORDER);
}

/* Claim what must be a preserved area of this order. */
bool memfd_luo_claim_area(u64 phys, unsigned int order)
{
	int claimed = kho_claim(phys);

	if (claimed >= 0 && claimed != (int)order)
		kho_unclaim(phys);
	return claimed == (int)order;
}

/* NULL: not one of a memfd. */
const struct memfd_luo_format *memfd_luo_format(const char *compatible)
{
	static const struct memfd_luo_format *const formats[] = {
		&memfd_luo_extents_format,
		&memfd_luo_v2_format,
	};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (!strcmp(formats[i]->compatible, compatible))
			return formats[i];
	}
	return NULL;
}

/**
 * memfd_luo_open - take a record from the previous kernel
 * @reader: to read it with
 * @format: what it must be in
 * @data:   where it is; any value
 * @tag:    liveupdate_file_tag() of the file that it must be
 *
 * Everything the record names is checked and claimed before anything is
 * restored.
 *
 * Return: 0, or -EUCLEAN with all as it was.
 */
int memfd_luo_open(struct memfd_luo_reader *reader,
		   const struct memfd_luo_format *format, u64 data, u64 tag)
{
	struct memfd_luo_claims claims = {};
	const char *bad = "address";

	guard(mutex)(&luo_claiming);

	*reader = (struct memfd_luo_reader) { .format = format };
	if (memfd_luo_claim_area(data, 0)) {
		reader->header = phys_to_virt(data);
		bad = format->claim(reader, tag, &claims);
		if (!bad)
			return 0;
		format->unclaim(reader, &claims);
		kho_unclaim(data);
	}
	pr_warn_ratelimited("record at %#llx is damaged (%s): left as it is\n", data, bad);
	return -EUCLEAN;
}

/**
 * memfd_luo_read - the next area to restore
 * @reader: opened
 * @unit:   what KHO knows as one area
 *
 * Return: false when there are no more.
 */
bool memfd_luo_read(struct memfd_luo_reader *reader, struct memfd_luo_run *unit)
{
	return reader->format->read(reader, unit);
}

/* Free the record itself, once what it names has been read. */
void memfd_luo_free_record(struct memfd_luo_reader *reader)
{
	guard(mutex)(&luo_claiming);
	reader->format->free_record(reader);
}

/* Free what has not been read yet, and the record. */
void memfd_luo_free_all(struct memfd_luo_reader *reader)
{
	struct memfd_luo_run unit;
	struct folio *folio;

	while (memfd_luo_read(reader, &unit)) {
		folio = kho_restore_folio(PFN_PHYS(unit.pfn));
		if (folio)
			folio_put(folio);
		cond_resched();
	}
	memfd_luo_free_record(reader);
}

/**
 * memfd_luo_reclaim - free the memory of a memfd that nobody took back
 * @compatible: of its handler; any string
 * @data:       where its record is; any value
 * @tag:        liveupdate_file_tag() of the file
 *
 * Return: 0, -EUNATCH if it is no memfd, or -EUCLEAN; then all is as it was.
 */
int memfd_luo_reclaim(const char *compatible, u64 data, u64 tag)
{
	const struct memfd_luo_format *format = memfd_luo_format(compatible);
	struct memfd_luo_reader reader;
	int err;

	if (!format)
		return -EUNATCH;
	err = memfd_luo_open(&reader, format, data, tag);
	if (!err)
		memfd_luo_free_all(&reader);
	return err;
}

/**
 * memfd_luo_record_bytes - how much memory a record says that it holds
 * @compatible: of the memfd's handler
 * @data:       where it is; any value
 *
 * For display: what the record says has not been checked yet.
 *
 * Return: bytes, 0 if there is no record.
 */
u64 memfd_luo_record_bytes(const char *compatible, u64 data)
{
	const struct memfd_luo_format *format = memfd_luo_format(compatible);

	guard(mutex)(&luo_claiming);

	if (kho_preserved_order(data))
		return 0;

	return (min(format->pages(phys_to_virt(data)), get_num_physpages()) + 1)
		<< PAGE_SHIFT;
}
