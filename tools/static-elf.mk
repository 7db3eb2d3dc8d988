# SPDX-License-Identifier: GPL-2.0
# STATIC_ELF: what a static program must be linked with besides libelf.a, see static-elf.c;
# nothing where that is whole. Included by makefiles that have CC, TOP and TOOLS.

LIBELF_A := $(shell $(CC) -print-file-name=libelf.a)
STATIC_ELF := $(if $(shell $(CROSS_COMPILE)nm $(LIBELF_A) 2> /dev/null | grep -m1 ' U eu_tsearch$$'),$(TOOLS)/build/static-elf.o)

$(TOOLS)/build/static-elf.o: $(TOP)/tools/static-elf.c
	@mkdir -p $(@D)
	$(CC) -O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -c -o $@ $<
