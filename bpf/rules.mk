# SPDX-License-Identifier: GPL-2.0
# How a BPF object is built. Wants TOP; sets VMLINUX_H, and BPF_COMPILE as a recipe that makes
# $@ of $<. BPF_FLAGS may be set per target.

OUT	?= $(TOP)/out
ARCH	?= x86_64

BPF_OUT	:= $(OUT)/$(ARCH)/bpf
VMLINUX_H := $(BPF_OUT)/vmlinux.h
BPFTOOL	:= $(OUT)/$(ARCH)/tools/bpftool-host
# scripts/prepare says of which kernel: make bench builds no luo.
BTF	?= $(OUT)/$(ARCH)/build/luo/vmlinux
# Newer than vmlinux.h when that was made of another one.
BTF_PATH := $(BPF_OUT)/btf-path
$(shell mkdir -p $(BPF_OUT); echo $(BTF) | cmp -s - $(BTF_PATH) || echo $(BTF) > $(BTF_PATH))

# 17 is the oldest that will do, and 19 what scripts/packages installs.
CLANG	?= $(firstword $(shell command -v clang-19 clang-20 clang-21 clang-18 clang-17 clang))
ifeq ($(CLANG),)
$(error no clang: install clang-19, or set CLANG to a clang of version 17 or later)
endif

BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter \
	      -fms-extensions -Wno-microsoft-anon-tag \
	      -D__TARGET_ARCH_$(ARCH:x86_64=x86) -ffile-prefix-map=$(TOP)/= \
	      -I$(TOP)/bpf/include -isystem $(BPF_OUT) -isystem $(OUT)/$(ARCH)/tools/libbpf/include

# Kbuild makes it: no rule of make's own, that links a vmlinux of vmlinux.o.
$(BTF): ;

# Types of a kernel that was built again are mostly those it had before.
$(VMLINUX_H): $(BTF) $(BTF_PATH) $(BPFTOOL)
	@mkdir -p $(@D)
	$(BPFTOOL) btf dump file $(BTF) format c > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# Linking, though there is but one, leaves out the DWARF.
define BPF_COMPILE
@mkdir -p $(@D) $(BPF_OUT)/$(notdir $(@D))
$(CLANG) $(BPF_CFLAGS) $(BPF_FLAGS) -MMD -MP -MF $(BPF_OUT)/$(notdir $(@D))/$(@F:.o=.d) -MT $@ \
	-c -o $(BPF_OUT)/$(notdir $(@D))/$(@F) $<
$(BPFTOOL) gen object $@ $(BPF_OUT)/$(notdir $(@D))/$(@F)
endef
