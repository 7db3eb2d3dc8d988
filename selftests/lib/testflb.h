/* SPDX-License-Identifier: GPL-2.0 */
/* FLBs and files of the test module luo_testflb: see modules/luo_testflb.c. */
#ifndef SELFTESTS_TESTFLB_H
#define SELFTESTS_TESTFLB_H

/* Load it; bails out if it can't be loaded. @params as for insmod. */
void testflb_load(const char *params);
/* A file of handler "a" or "b". */
int testflb_open(const char *handler);
/* One more file of @handler into @session. */
int testflb_preserve(int session, const char *handler, unsigned long token);
/* Have @command ("register", "get_incoming", ...) done to an FLB; 0 or -errno. */
int testflb_do(const char *handler, const char *command, unsigned int number);
/* Set a parameter of the module; a number of -1 is for no FLB. */
void testflb_set(const char *param, int value);
/* How often @call ("preserve", "finish 3", ...) was logged since the mark. */
int testflb_calls(const char *call);

#endif
