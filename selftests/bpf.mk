# SPDX-License-Identifier: GPL-2.0
# What tests file handlers in BPF: bpf/NAME.c becomes the program bpf_NAME,
# bpf/progs/NAME.bpf.c the object progs/NAME.bpf.o. Included by Makefile.

BPF_PROGS := $(patsubst $(TOP)/selftests/bpf/%.c,$(BIN)/bpf_%,$(wildcard $(TOP)/selftests/bpf/*.c))
BPF_LIB	:= $(patsubst $(TOP)/selftests/%.c,$(OBJ)/%.o,$(wildcard $(TOP)/selftests/bpf/lib/*.c))

$(BIN)/bpf_%: $(OBJ)/bpf/%.o $(BPF_LIB) $(LIB) $(LIBLUO_BPF)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OBJ)/bpf/%.o: CFLAGS += -I$(TOP)/selftests/bpf/lib

include $(TOP)/bpf/rules.mk

BPF_OBJS := $(patsubst $(TOP)/selftests/bpf/progs/%.bpf.c,$(BIN)/progs/%.bpf.o,$(wildcard $(TOP)/selftests/bpf/progs/*.bpf.c))
# The same handler, to upgrade to
BPF_OBJS += $(BIN)/progs/eventfd-2.bpf.o

$(BIN)/progs/%.bpf.o: $(TOP)/selftests/bpf/progs/%.bpf.c $(VMLINUX_H)
	$(BPF_COMPILE)

$(BIN)/progs/eventfd-2.bpf.o: BPF_FLAGS = -DVERSION=2
$(BIN)/progs/eventfd-2.bpf.o: $(TOP)/bpf/handlers/eventfd.bpf.c $(VMLINUX_H)
	$(BPF_COMPILE)

# What scripts/new-handler begins, for the tests of that; its file type is any that there is.
SKELETON := $(OBJ)/skeleton
$(SKELETON)/bpf/handlers/skeleton.bpf.c: $(TOP)/scripts/new-handler $(wildcard $(TOP)/bpf/skeleton/*)
	rm -rf $(SKELETON)
	INTO=$(SKELETON) $< skeleton signalfd_fops
$(SKELETON)/selftests/bpf/skeleton.c: $(SKELETON)/bpf/handlers/skeleton.bpf.c ;

BPF_OBJS += $(BIN)/progs/skeleton.bpf.o
$(BIN)/progs/skeleton.bpf.o: $(SKELETON)/bpf/handlers/skeleton.bpf.c $(VMLINUX_H)
	$(BPF_COMPILE)

BPF_PROGS += $(BIN)/bpf_skeleton
$(OBJ)/bpf/skeleton.o: $(SKELETON)/selftests/bpf/skeleton.c $(OBJ)/include/linux/liveupdate.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(wildcard $(BPF_OUT)/progs/*.d)

BPF_SCRIPTS := $(patsubst $(TOP)/selftests/bpf/%,$(BIN)/%,$(wildcard $(TOP)/selftests/bpf/*.sh))

$(BIN)/%.sh: $(TOP)/selftests/bpf/%.sh
	@mkdir -p $(@D)
	install -m 755 $< $@

.PHONY: bpf
bpf: $(BPF_PROGS) $(BPF_OBJS) $(BPF_SCRIPTS)
programs: bpf
