/* SPDX-License-Identifier: GPL-2.0 */
/* What the module luo_testfh exports to programs: of a module, so not in vmlinux.h */
#ifndef TESTFH_BPF_H
#define TESTFH_BPF_H

extern u64 luo_test_file_number(struct file *file) __ksym;
extern struct file *luo_test_file_make(u64 number) __ksym;

#endif
