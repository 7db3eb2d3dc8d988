#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Attaches handlers before the first program of the root file system starts. What fails is on
# the console, and the boot goes on.
@PREFIX@/sbin/luo-attach --kmsg --initrd || true
