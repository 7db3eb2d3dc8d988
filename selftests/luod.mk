# SPDX-License-Identifier: GPL-2.0
# What tests luod: luod/NAME.c becomes the program luod_NAME. And luod itself for the guest,
# in which all programs else are static: with the libraries that it needs in lib/ beside it.
# Included by Makefile.

LUOD_PROGS := $(patsubst $(TOP)/selftests/luod/%.c,$(BIN)/luod_%,$(wildcard $(TOP)/selftests/luod/*.c))
LUOD_LIB := $(patsubst $(TOP)/selftests/%.c,$(OBJ)/%.o,$(wildcard $(TOP)/selftests/luod/lib/*.c))

$(BIN)/luod_%: $(OBJ)/luod/%.o $(LUOD_LIB) $(LIB) $(LIBLUO_BPF)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OBJ)/luod/%.o: CFLAGS += -I$(TOP)/selftests/luod/lib

GUEST_LIB := /selftests/lib
LDSO_x86_64 := ld-linux-x86-64.so.2
LDSO_arm64 := ld-linux-aarch64.so.1
LUOD_OBJS := $(patsubst $(TOP)/tools/luod/%.c,$(TOOLS)/build/luod/%.o,$(wildcard $(TOP)/tools/luod/*.c))

# tools/Makefile has made them, with luod for the machine
$(LUOD_OBJS): ;

$(BIN)/luod: $(LUOD_OBJS) $(LIBLUO_BPF) $(TOP)/selftests/vm/libraries
	@mkdir -p $(@D)
	$(CC) -s -pthread -o $@ $(LUOD_OBJS) $(LIBLUO_BPF) -ljson-c -lsystemd -lelf -lz \
		-Wl,--dynamic-linker=$(GUEST_LIB)/$(LDSO_$(ARCH)) \
		-Wl,--disable-new-dtags,-rpath,$(GUEST_LIB)
	$(TOP)/selftests/vm/libraries "$(CC)" $@ $(BIN)/lib

.PHONY: luod
luod: $(LUOD_PROGS) $(BIN)/luod
programs: luod

# A service for the VM with a Debian in it, where libsystemd is
SYSTEMD_FILES := $(addprefix $(BIN)/systemd/,fdstore fdstore.service fdstore.sh late.service luod.sh next.sh)
programs: $(SYSTEMD_FILES)

$(BIN)/systemd/fdstore: $(OBJ)/systemd/fdstore.o $(OBJ)/lib/tap.o
	@mkdir -p $(@D)
	$(CC) -s -o $@ $^ -lsystemd

$(BIN)/systemd/%: $(TOP)/selftests/systemd/%
	@mkdir -p $(@D)
	cp $< $@

# Natively: messages and luod.conf alone, and all of it against a kernel that is made up.
LUOD_NATIVE := $(filter-out attached child cmdline device handlers handlers_request kexec keeper keeper_link main object options state store,$(LUOD_OBJS:$(TOOLS)/build/luod/%.o=%))
LUOD_CFLAGS = $(LUO_VERSION) -pthread -fno-sanitize-recover=all -isystem $(TOOLS)/libbpf/include -I$(TOP)/tools/lib/luo-bpf

luod_sources = $(addprefix $(TOP)/tools/luod/,$(addsuffix .c,$1))
$(NATIVE)/luod_message: LUOD_SRCS := $(call luod_sources,message)
$(NATIVE)/luod_policy: LUOD_SRCS := $(call luod_sources,message policy conf conf_line conf_rules)
$(NATIVE)/luod_update $(NATIVE)/luod_clients: LUOD_SRCS := $(call luod_sources,$(LUOD_NATIVE)) \
	$(wildcard $(TOP)/selftests/native/luod/*.c)

$(NATIVE)/luod_%: $(TOP)/selftests/native/luod_%.c $(wildcard $(TOP)/tools/luod/*.[ch] $(TOP)/tools/luod/luod.conf $(TOP)/selftests/native/luod/*.[ch])
	@mkdir -p $(@D)
	$(HOSTCC) -O1 -g -std=gnu11 -D_GNU_SOURCE $(WARN) -fsanitize=address,undefined $(LUOD_CFLAGS) \
		-DSHIPPED_CONF='"$(TOP)/tools/luod/luod.conf"' -iquote $(TOP)/selftests/native -isystem $(KSFT) -idirafter $(TOP) \
		-o $@ $< $(LUOD_SRCS) -ljson-c -lsystemd
