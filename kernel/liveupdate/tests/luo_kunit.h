/* SPDX-License-Identifier: GPL-2.0 */
/* Memory as the previous kernel leaves it, for KUnit tests; see luo_kunit.c. */
#ifndef _LUO_KUNIT_H
#define _LUO_KUNIT_H

#include <linux/types.h>

struct kunit;

/* To be the init and exit of the suite: all that is left is freed. */
int luo_kunit_init(struct kunit *test);
void luo_kunit_exit(struct kunit *test);

void *luo_kunit_alloc(struct kunit *test, unsigned int order);
void luo_kunit_hand_over(struct kunit *test, void *mem);
void luo_kunit_hand_over_pages(struct kunit *test, u64 pfn, unsigned int order);
unsigned int luo_kunit_preserved(struct kunit *test);
unsigned int luo_kunit_claimed(struct kunit *test);
u64 luo_kunit_bad_address(struct kunit *test, unsigned int n);

#endif /* _LUO_KUNIT_H */
