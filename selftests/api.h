/* SPDX-License-Identifier: GPL-2.0 */
/* The API test's groups. */
#ifndef SELFTESTS_API_H
#define SELFTESTS_API_H

#include "luo.h"
#include "stock.h"
#include "tap.h"
#include "vm.h"

void api_device(void);
void api_ioctl(void);
void api_session(void);
void api_file(void);
void api_lifetime(void);

/* A memfd of one page that holds @text. */
int small_memfd(const char *text);
/* A file that LUO has preserved can't grow: how the tests see that it is free. */
bool can_grow(int fd);

#endif
