// SPDX-License-Identifier: GPL-2.0
#include "orders.h"
#include "tap.h"

int order_count(int n)
{
	return n <= 1 ? 1 : n * order_count(n - 1);
}

/* The digits of @nth, to bases that go down, say which of those left comes next. */
void order_get(int nth, int n, int order[ORDER_MAX])
{
	int left[ORDER_MAX];

	if (n > ORDER_MAX)
		tap_bail("%d files in every order are too many", n);
	for (int i = 0; i < n; i++)
		left[i] = i;
	for (int i = 0; i < n; i++) {
		int rest = order_count(n - 1 - i), pick = nth / rest;

		nth %= rest;
		order[i] = left[pick];
		for (int j = pick; j < n - 1 - i; j++)
			left[j] = left[j + 1];
	}
}
