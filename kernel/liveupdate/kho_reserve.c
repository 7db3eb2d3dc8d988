// SPDX-License-Identifier: GPL-2.0
/*
 * Preserved memory, reserved in memblock at the start of the next kernel.
 *
 * KHO's tree tells of it order by order, each in ascending addresses. memblock has one sorted
 * array of what is reserved, and goes through it for each addition. A large file whose pages
 * lie in parts of all sizes is first a hundred thousand areas that touch none of the others,
 * and then as many between those, each of which moves half of the array: for 4 GiB, 94 billion
 * instructions were measured. So areas are collected, sorted, and joined first.
 */
#include <linux/init.h>
#include <linux/memblock.h>
#include <linux/sort.h>

#include "kho_reserve.h"

/* How many areas there is room for at first */
#define KHO_AREAS_MIN	4096UL

struct kho_area {
	phys_addr_t start, end;
};

static struct kho_area *kho_areas __initdata;
static unsigned long kho_nr_areas __initdata, kho_max_areas __initdata;

static void __init kho_reserve_area(const struct kho_area *area)
{
	memblock_reserve(area->start, area->end - area->start);
	memblock_reserved_mark_noinit(area->start, area->end - area->start);
}

static int __init kho_area_cmp(const void *a, const void *b)
{
	const struct kho_area *one = a, *other = b;

	if (one->start == other->start)
		return 0;
	return one->start < other->start ? -1 : 1;
}

/* Reserve what has been collected. */
static void __init kho_reserve_areas(void)
{
	struct kho_area *last = kho_areas;

	if (!kho_nr_areas)
		return;

	sort(kho_areas, kho_nr_areas, sizeof(*kho_areas), kho_area_cmp, NULL);
	for (unsigned long i = 1; i < kho_nr_areas; i++) {
		const struct kho_area *area = &kho_areas[i];

		if (area->start <= last->end) {
			last->end = max(last->end, area->end);
			continue;
		}
		kho_reserve_area(last);
		last = &kho_areas[i];
	}
	kho_reserve_area(last);
	kho_nr_areas = 0;
}

static void __init kho_free_areas(void)
{
	if (kho_areas)
		memblock_free(kho_areas, kho_max_areas * sizeof(*kho_areas));
	kho_areas = NULL;
	kho_max_areas = 0;
}

/* Have room for one more area; false if there is no memory for any. */
static bool __init kho_areas_room(void)
{
	unsigned long max = kho_max_areas ? 2 * kho_max_areas : KHO_AREAS_MIN;
	struct kho_area *areas;

	if (kho_nr_areas < kho_max_areas)
		return true;

	areas = memblock_alloc(max * sizeof(*areas), SMP_CACHE_BYTES);
	if (!areas) {
		/* Those that there is room for, and then the others. */
		kho_reserve_areas();
		return kho_max_areas;
	}
	if (kho_nr_areas)
		memcpy(areas, kho_areas, kho_nr_areas * sizeof(*areas));
	kho_free_areas();
	kho_areas = areas;
	kho_max_areas = max;
	return true;
}

/**
 * kho_reserve_later - have preserved memory reserved by kho_reserve_now()
 * @start: its physical address
 * @size:  its size in bytes
 *
 * As early as memblock; without memory to remember it in, it is reserved at once.
 */
void __init kho_reserve_later(phys_addr_t start, phys_addr_t size)
{
	const struct kho_area area = { start, start + size };

	if (kho_nr_areas && kho_areas[kho_nr_areas - 1].end == start)
		kho_areas[kho_nr_areas - 1].end = area.end;
	else if (kho_areas_room())
		kho_areas[kho_nr_areas++] = area;
	else
		kho_reserve_area(&area);
}

/**
 * kho_reserve_now - reserve what kho_reserve_later() was told of
 *
 * Until then memblock may take memory only from where nothing is preserved.
 */
void __init kho_reserve_now(void)
{
	kho_reserve_areas();
	kho_free_areas();
}
