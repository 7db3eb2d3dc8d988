# SPDX-License-Identifier: GPL-2.0
# The base's own liveupdate selftests, unmodified, static, against our headers.
# (Their Makefile would write objects into the base.)  Called by scripts/prepare.
# What they share is in lib/, or in luo_test_utils.c up to 7.2.

SRC := $(BASE)/tools/testing/selftests/liveupdate
DST := $(OUT)/$(ARCH)/base-selftests
# One header only: the rest of the kernel's uapi must match the C library's.
UAPI := $(OUT)/src/luo/include/uapi/linux/liveupdate.h
INC := $(OUT)/$(ARCH)/obj/base-selftests/include
CC  := $(CROSS_COMPILE)gcc
PROGS := liveupdate luo_kexec_simple luo_multi_session luo_stress_files luo_stress_sessions
COMMON := $(wildcard $(SRC)/lib/*.c $(SRC)/lib/include/*.h $(SRC)/luo_test_utils.[ch] $(SRC)/../kselftest*.h $(SRC)/../kselftest/*.h) \
	$(INC)/linux/liveupdate.h

all: $(addprefix $(DST)/,$(PROGS)) $(DST)/do_kexec.sh

$(DST)/%: $(SRC)/%.c $(COMMON)
	@mkdir -p $(DST)
	$(CC) -static -Wall -O2 -Wno-unused-function -D_GNU_SOURCE= -isystem $(INC) -I$(SRC)/lib/include -I$(SRC)/.. \
		-o $@ $< $(filter %.c,$(wordlist 2,$(words $^),$^))

$(INC)/linux/liveupdate.h: $(UAPI)
	@mkdir -p $(@D)
	cp $< $@

$(DST)/do_kexec.sh: $(SRC)/do_kexec.sh
	@mkdir -p $(DST)
	install -m 755 $< $@

.PHONY: all
