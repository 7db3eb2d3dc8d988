# SPDX-License-Identifier: GPL-2.0
# arch.sh: all that the harness knows about an architecture. Source it after lib.sh.
# shellcheck shell=bash disable=SC2034

# Always emulated, even where host and guest agree: KVM is often absent or broken
# where tests run, and a result must not depend on the machine.
case $ARCH in
x86_64)
	QEMU=qemu-system-x86_64
	QEMU_PACKAGE=qemu-system-x86
	# Five-level page tables would only make each emulated page walk longer.
	QEMU_MACHINE=(-machine q35)
	QEMU_CPU=max,la57=off
	# Where nothing is measured: it emulates "rep" byte by byte, and kernels use words without these.
	QEMU_CPU_QUICK=,erms=off,fsrm=off
	# The emulated counter is steady, and a busy host no reason to distrust it, nor the timer.
	KERNEL_WORDS="console=ttyS0 tsc=reliable no_timer_check"
	EARLY_WORDS="earlyprintk=ttyS0,115200"
	CC_PREFIX=x86_64-linux-gnu-
	;;
arm64)
	QEMU=qemu-system-aarch64
	QEMU_PACKAGE=qemu-system-arm
	# Its message-signalled interrupts need no tables in memory, which the hardware would go on
	# writing to through a kexec. And of the processor, no extension that only takes time.
	QEMU_MACHINE=(-machine "virt,gic-version=2")
	QEMU_CPU=max,pauth=off,sve=off,sme=off
	QEMU_CPU_QUICK=
	KERNEL_WORDS="console=ttyAMA0"
	EARLY_WORDS="earlycon"
	CC_PREFIX=aarch64-linux-gnu-
	;;
*)
	die "ARCH=$ARCH is not supported: use x86_64 or arm64"
	;;
esac

# The guest's compiler and binutils: the host's own where they fit.
case $CC_PREFIX in
"$(uname -m)"-*) CC_PREFIX= ;;
esac
