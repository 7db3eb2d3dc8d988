# SPDX-License-Identifier: GPL-2.0
# What the Makefiles of luod, luoctl and luo-attach begin with: programs on the libluo-bpf and
# libbpf that tools/Makefile built, which are linked into them. DIR is set, and names the program.

NAME	:= $(notdir $(DIR))
TOP	:= $(abspath $(DIR)/../..)
OUT	?= $(TOP)/out
ARCH	?= x86_64
CC	:= $(CROSS_COMPILE)gcc
PREFIX	?= /usr/local

TOOLS	:= $(OUT)/$(ARCH)/tools
OBJ	:= $(TOOLS)/build/$(NAME)
LIBS	:= $(TOOLS)/libluo-bpf/libluo-bpf.a $(TOOLS)/libbpf/libbpf.a
VERSION	:= $(shell sed -n 's/^LIBLUO_BPF_\([0-9.]*\) {/\1/p' $(TOP)/tools/lib/luo-bpf/libluo-bpf.map | sort -V | tail -1)

CFLAGS	:= -O2 -g -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -DLUO_VERSION='"$(VERSION)"' \
	   -fmacro-prefix-map=$(TOP)/= -isystem $(TOOLS)/libbpf/include -I$(TOP)/tools/lib/luo-bpf
LDLIBS	:= -ljson-c -lelf -lz
LDLIBS_STATIC := -ljson-c $(or $(shell pkg-config --static --libs libelf 2> /dev/null),-lelf -lz)
OBJS	:= $(patsubst $(DIR)/%.c,$(OBJ)/%.o,$(wildcard $(DIR)/*.c))

.PHONY: all install
all: $(TOOLS)/$(NAME)

include $(TOP)/tools/static-elf.mk

$(OBJ)/%.o: $(DIR)/%.c $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# What is luod's, and others' too
$(OBJ)/luod/%.o: $(TOP)/tools/luod/%.c $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

.SECONDEXPANSION:
$(TOOLS)/$(NAME): $$(OBJS) $(LIBS)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(TOOLS)/static/$(NAME): $$(OBJS) $(STATIC_ELF) $(LIBS)
	@mkdir -p $(@D)
	$(CC) -static -s -o $@ $^ $(LDLIBS_STATIC)

-include $(wildcard $(OBJ)/*.d $(OBJ)/*/*.d)
