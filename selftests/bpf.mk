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

-include $(wildcard $(BPF_OUT)/progs/*.d)

BPF_SCRIPTS := $(patsubst $(TOP)/selftests/bpf/%,$(BIN)/%,$(wildcard $(TOP)/selftests/bpf/*.sh))

$(BIN)/%.sh: $(TOP)/selftests/bpf/%.sh
	@mkdir -p $(@D)
	install -m 755 $< $@

.PHONY: bpf
bpf: $(BPF_PROGS) $(BPF_OBJS) $(BPF_SCRIPTS)
programs: bpf
