# SPDX-License-Identifier: GPL-2.0
# What tests the client API and luoctl without a VM: tools/NAME.c becomes the native test NAME,
# with the sources that it tests compiled with sanitizers. Included by Makefile.

# Of luod's tests, too
LUO_VERSION := -DLUO_VERSION='"$(shell sed -n 's/^LIBLUO_BPF_\([0-9.]*\) {/\1/p' $(TOP)/tools/lib/luo-bpf/libluo-bpf.map | sort -V | tail -1)"'
SAN	:= $(OBJ)/san
SAN_CFLAGS := -O1 -g -std=gnu11 -D_GNU_SOURCE $(WARN) -fsanitize=address,undefined \
	   $(LUO_VERSION) \
	   -DLUOCTL='"$(SAN)/luoctl-asan.bpf.o"' -I$(TOP)/selftests/lib -I$(TOP)/tools/lib/luo-bpf \
	   -I$(OBJ)/include -isystem $(KSFT) -isystem $(TOOLS)/libbpf/include

SAN_LIB	:= $(patsubst $(TOP)/tools/lib/luo-bpf/%.c,$(SAN)/lib/%.o,$(wildcard $(TOP)/tools/lib/luo-bpf/*.c))
SAN_CTL	:= $(patsubst $(TOP)/tools/luoctl/%.c,$(SAN)/luoctl/%.o,$(wildcard $(TOP)/tools/luoctl/*.c))
SAN_SERVER := $(SAN)/tests/server.o $(SAN)/tap.o

# The libbpf that there is must be one for this machine.
ifeq ($(CROSS_COMPILE),)
check-native: $(NATIVE)/luo_client $(NATIVE)/luoctl $(NATIVE)/luo_object
endif

define SAN_COMPILE
@mkdir -p $(@D)
$(HOSTCC) $(SAN_CFLAGS) -MMD -MP -c -o $@ $<
endef

$(SAN)/lib/%.o: $(TOP)/tools/lib/luo-bpf/%.c $(OBJ)/include/linux/liveupdate.h
	$(SAN_COMPILE)

$(SAN)/luoctl/%.o: $(TOP)/tools/luoctl/%.c $(LIBLUO_BPF)
	$(SAN_COMPILE)

$(SAN)/luod/%.o: $(TOP)/tools/luod/%.c $(LIBLUO_BPF)
	$(SAN_COMPILE)

$(SAN)/tests/%.o: $(TOP)/selftests/tools/%.c $(OBJ)/include/linux/liveupdate.h
	$(SAN_COMPILE)

$(SAN)/tap.o: $(TOP)/selftests/lib/tap.c
	$(SAN_COMPILE)

# Where there are no sessions, the test has its own.
$(NATIVE)/luo_client: $(SAN)/tests/luo_client.o $(SAN_SERVER) $(SAN_LIB)
	@mkdir -p $(@D)
	$(HOSTCC) -fsanitize=address,undefined -pthread -Wl,--wrap=ioctl -o $@ $^ \
		-ljson-c $(TOOLS)/libbpf/libbpf.a -lelf -lz

# Its name ends like that of a handler: the test sends it as one.
$(SAN)/luoctl-asan.bpf.o: $(SAN_CTL) $(SAN)/luod/child.o $(SAN_LIB)
	@mkdir -p $(@D)
	$(HOSTCC) -fsanitize=address,undefined -o $@ $^ -ljson-c $(TOOLS)/libbpf/libbpf.a -lelf -lz

$(NATIVE)/luoctl: $(SAN)/tests/luoctl.o $(SAN_SERVER) $(SAN)/luoctl-asan.bpf.o
	@mkdir -p $(@D)
	$(HOSTCC) -fsanitize=address,undefined -pthread -o $@ $(SAN)/tests/luoctl.o $(SAN_SERVER)

# With the handlers that there are: it damages them.
$(SAN)/tests/luo_object.o $(SAN)/object.o: SAN_CFLAGS += -I$(TOP) -I$(TOP)/selftests/luod/lib \
	-DHANDLERS='"$(OUT)/$(ARCH)/handlers"'

$(SAN)/object.o: $(TOP)/selftests/luod/lib/object.c
	$(SAN_COMPILE)

$(NATIVE)/luo_object: $(SAN)/tests/luo_object.o $(SAN)/object.o $(SAN)/tap.o $(SAN_LIB)
	@mkdir -p $(@D)
	$(HOSTCC) -fsanitize=address,undefined -pthread -o $@ $^ \
		-ljson-c $(TOOLS)/libbpf/libbpf.a -lelf -lz

-include $(wildcard $(SAN)/*.d $(SAN)/*/*.d)
