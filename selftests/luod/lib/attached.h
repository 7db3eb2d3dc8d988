/* SPDX-License-Identifier: GPL-2.0 */
/* What is attached, and luo-attach, which attaches it: for tests of that and of luod after it. */
#ifndef SELFTESTS_ATTACHED_H
#define SELFTESTS_ATTACHED_H

#include <linux/types.h>

#define CONF "/etc/luo/luod.conf"
#define ATTACH "/selftests/luo-attach --kmsg"
#define IN_INITRD ATTACH " --initrd"
/* Version 2 of the eventfd handler */
#define NEWER "/selftests/progs/eventfd-2.bpf.o"
/* Where change_newer() puts one is the second. */
#define OF_NEWER "{ \"handlers\": [ \"/handlers\", \"/tmp/newer\" ] }"

struct seen {
	int count;
	__u32 eventfd_link, eventfd_map, eventfd_version;
};

struct seen attached(void);
/* Detach all that are pinned where luo-attach and luod pin them. */
void detach_all(void);
/* How many there are in /handlers */
int objects(void);
/* Its exit status */
int run(const char *command);
/* Write luod.conf. */
void conf(const char *text);
/*
 * /tmp/newer/eventfd.bpf.o: @from with @text in the place of @old, which is as long; or without
 * @text, one byte more at its end
 */
void change_newer(const char *from, const char *old, const char *text);
/* At @path one that libbpf does not survive */
void make_fatal(const char *path);

#endif
