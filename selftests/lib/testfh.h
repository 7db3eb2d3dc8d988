/* SPDX-License-Identifier: GPL-2.0 */
/* Files of the test module luo_testfh: see modules/luo_testfh.c. */
#ifndef SELFTESTS_TESTFH_H
#define SELFTESTS_TESTFH_H

/* Load it; bails out if it can't be loaded. @params as for insmod. */
void testfh_load(const char *params);
/* A file with @number in it. */
int testfh_open(unsigned long number);
/* Its number, or -errno. */
long testfh_number(int fd);
/* Let @call ("freeze", ...) fail for the file with @number; 0 for none. */
void testfh_fail(const char *call, unsigned long number);
/* How often @call ("freeze 3", ...) was logged since the mark. */
int testfh_calls(const char *call);

#endif
