/* SPDX-License-Identifier: GPL-2.0 */
/* Every order in which a few files can be retrieved. */
#ifndef SELFTESTS_ORDERS_H
#define SELFTESTS_ORDERS_H

#define ORDER_MAX 5

/* How many there are of @n: the factorial. */
int order_count(int n);
/* The @nth of them, from 0: numbers below @n. */
void order_get(int nth, int n, int order[ORDER_MAX]);

#endif
