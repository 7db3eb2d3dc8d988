# SPDX-License-Identifier: GPL-2.0
# What people call; the mechanics are in scripts/ and selftests/vm/.

OUT          ?= $(CURDIR)/out
override OUT := $(abspath $(OUT))
export OUT
export ARCH  ?= x86_64
export DEBUG ?=
export NOTHP ?=
export T     ?=

verbs := help demo test test-versions test-systemd kernel handlers tools install deb patches shell check bench clean
ifneq ($(filter-out $(verbs),$(MAKECMDGOALS)),)
$(error there is no verb '$(filter-out $(verbs),$(MAKECMDGOALS))': make help lists them; tests are named with T=, as in make test T=eventfd)
endif
# Words that a test's name contains; not for the shell
tests = $(foreach word,$(T),'$(word)')

help: ## print this
	@echo 'usage: make VERB [ARCH=x86_64|arm64]'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 17

demo: ## watch a live update: from a fresh checkout to files carried over a kexec
	@scripts/prepare luo
	@selftests/vm/demo

test: ## run every test; T=word runs those named so, DEBUG=1 on a kernel with all checkers
	@selftests/vm/run-tests --named $(tests)
	@scripts/prepare luo stock $(if $(filter-out 0,$(DEBUG)),debug) $(if $(filter-out 0,$(NOTHP)),nothp)
	@selftests/vm/run-tests $(tests)

test-versions: ## every test on Linux 7.2 too, and live updates between it and the base
	@scripts/test-versions $(tests)

test-systemd: ## live updates of a Debian with systemd, whose services' stored files survive
	@scripts/test-systemd $(tests)

kernel: ## build our kernel to out/ARCH/image/luo
	@scripts/prepare luo

handlers: ## build the BPF handlers to out/ARCH/handlers
	@scripts/prepare --handlers luo

tools: ## build libluo-bpf, libbpf and bpftool to out/ARCH/tools
	@scripts/prepare --tools

install: ## install library, luod, luoctl, handlers; DESTDIR= and PREFIX= as usual
	@scripts/prepare --install luo

deb: ## Debian packages of the same, to out/deb
	@scripts/build-deb

patches: ## the overlay as patches for git am, to out/patches
	@scripts/prepare --lay
	@scripts/export-patches

shell: ## a VM with everything in it
	@scripts/prepare luo
	@selftests/vm/shell

check: ## checkpatch, sparse, W=1, shellcheck, and the ABI against the base's
	@scripts/prepare luo stock
	@scripts/check

bench: ## what it costs, beside the stock kernel: a table, CSV and plots under out/bench/
	@scripts/prepare bench-luo bench-stock
	@bench/run

clean: ## remove what was built; the fetched base stays
	@scripts/clean

.PHONY: $(verbs)
.SILENT: help
