# SPDX-License-Identifier: GPL-2.0
# lib.sh: one way to boot a VM; what the test harness, the shell and the demo share.
# shellcheck shell=bash

. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
VM=$TOP/selftests/vm
. "$VM/arch.sh"
IMAGES=$OUT/$ARCH/image	# kernels, built elsewhere
GUEST=$OUT/$ARCH/vm	# what is built here for the guest
# QEMU's translations, in MiB: with room for more, those of the last kernel stay, and each write
# of the next one to a page that held code has to look through them.
TB_MIB=64

# kernel_image NAME: the file of a kernel, named as in a spec or by its path.
kernel_image() {
	local name=$1
	# Everything on another kernel, without touching a spec.
	[ "$name" != luo ] || name=${VM_LUO:-luo}
	case $name in
	*/*) echo "$name" ;;
	*) echo "$IMAGES/$name" ;;
	esac
}

# vm_defaults: a spec without a word in it.
# shellcheck disable=SC2034
vm_defaults() {
	DESC='' RUN='' KERNEL=luo KERNEL2='' MEM=1G NODES=1 SMP=2 APPEND='' ICOUNT=0 PACKED=''
	INITRD=$GUEST/initrd ROOT=''
	KEXECS=0 TIMEOUT=120 LOG_MUST='' LOG_ALLOW='' TAP_MUST='' OTHER=1
	DISK='' DISK_TYPE=ext2
}

# vm_other: with VM_OTHER, each kexec of the spec goes to the other of two kernels; false
# if it makes none, or says that it can't.
vm_other() {
	[ -n "${VM_OTHER:-}" ] || return 0
	[ "$KERNEL$KERNEL2" = luo ] && [ "$KEXECS" -gt 0 ] && [ "$OTHER" = 1 ] || return 1
	KERNEL2=$VM_OTHER
	APPEND+=" luo_other=1"
}

# vm_images: build what the VM described by the variables of a spec needs.
# Sets BOOT_DISK.
vm_images() {
	local kernel kernel2=
	kernel=$(kernel_image "$KERNEL")
	[ -z "$KERNEL2" ] || kernel2=$(kernel_image "$KERNEL2")
	"$VM/images" guest
	[ -z "$PACKED" ] || return 0
	BOOT_DISK=$("$VM/images" boot "${INITRD:--}" "$kernel" ${kernel2:+"$kernel2"})
}

# vm_for_debug: KASAN's shadow is an eighth of all memory, taken at boot, of which KHO
# would reserve the double in one piece. What is on a disk is on the file system there that
# most have.
vm_for_debug() {
	local mib=${MEM%[GM]}
	[ "${MEM: -1}" = M ] || mib=$((mib * 1024))
	MEM=$((mib * 2))M
	APPEND+=" kho_scratch=32M,64M,$((mib / 2))M"
	DISK_TYPE=ext4
}

# vm_command SCRIPT [WORD...]: set QEMU_CMD to boot the VM described by the
# variables of a spec. Its init runs the shell script in the file SCRIPT; the WORDs
# go to the kernel's command line. The caller adds where the serial line and the
# TAP channel lead.
vm_command() {
	local script=$1 threads=multi clock=() cpu=$QEMU_CPU$QEMU_CPU_QUICK nodes=
	shift
	[ "$NODES" = 1 ] || nodes=$NODES # the kernel tells them apart, no machine need have them
	if [ "$ICOUNT" = 1 ]; then
		# The same random numbers each time: hash tables are seeded with them. And one
		# time for both kernels: that of day as well is counted in instructions.
		clock=(-icount "shift=0,sleep=off" -seed 1 -rtc "base=2026-01-01,clock=vm")
		cpu=$QEMU_CPU
	elif [ "$ICOUNT" = busy ]; then
		clock=(-icount "shift=0,sleep=on")
	fi
	[ ${#clock[@]} = 0 ] || threads=single SMP=1
	[ "${VM_LUO:-}" != debug ] || vm_for_debug
	QEMU_CMD=("$QEMU" "${QEMU_MACHINE[@]}" -cpu "$cpu" -accel "tcg,thread=$threads,tb-size=$TB_MIB" "${clock[@]}" -m "$MEM" -smp "$SMP"
		-nodefaults -no-user-config -display none -no-reboot
		-kernel "$(kernel_image "$KERNEL")"
		-append "$KERNEL_WORDS $EARLY_WORDS panic=-1 oops=panic kho=on liveupdate=on luo_stage=0${ROOT:+ root=/dev/vda rw}${nodes:+ numa=fake=$nodes}${DISK:+ luo_disk=$DISK_TYPE}${*:+ $*}${APPEND:+ $APPEND}")
	if [ -n "$PACKED" ]; then
		QEMU_CMD+=(-initrd "$(vm_pack "$script")")
		return
	fi
	QEMU_CMD+=(${INITRD:+-initrd "$INITRD"} -device virtio-rng-pci)
	[ -z "$ROOT" ] || vm_root
	vm_disk script "$script"
	vm_disk selftests "$GUEST/selftests.img"
	vm_disk boot "$BOOT_DISK"
}

# archive DIR: what is in it, as a kernel unpacks it.
archive() {
	(cd "$1" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort |
		cpio -o -H newc -R 0:0 --reproducible --quiet)
}

# pack DIR OUTPUT: the initrd, with all that is in DIR as well. An archive that is not
# compressed comes first: what follows a compressed one is not found.
pack() { { archive "$1"; cat "$INITRD"; } > "$2"; }

# vm_pack SCRIPT: an initrd that is all the VM has, beside the SCRIPT: what is on the disks
# otherwise, but of what is in /selftests only what is in PACKED; its name. The next kernel's
# has no kernel.
vm_pack() {
	local root=$1.root program from
	rm -rf "$root"
	mkdir -p "$root/selftests"
	tr -d '\0' < "$1" > "$root/script"
	for program in $PACKED; do
		[ -e "$OUT/$ARCH/$program" ] && from=$OUT/$ARCH || from=$OUT/$ARCH/selftests
		install -D "$from/$program" "$root/selftests/$program"
	done
	pack "$root" "$1.next"
	mkdir "$root/boot"
	cp -L "$(kernel_image "$KERNEL")" "$root/boot/kernel"
	mv "$1.next" "$root/boot/initrd"
	pack "$root" "$1.initrd"
	rm -rf "$root"
	echo "$1.initrd"
}

# vm_root: the first disk, with a system of its own. What the VM writes goes with the VM.
vm_root() {
	QEMU_CMD+=(-drive "if=none,id=root,format=raw,snapshot=on,file.locking=off,file=$ROOT"
		-device "virtio-blk-pci,drive=root,serial=root")
}

# vm_disk SERIAL FILE: the guest finds a disk by its serial number.
vm_disk() {
	QEMU_CMD+=(-drive "if=none,id=$1,format=raw,readonly=on,file.locking=off,file=$2"
		-device "virtio-blk-pci,drive=$1,serial=$1")
}

# vm_data_disk IMAGE: if the spec wants one, a disk that can be written to, with an empty
# file system, mounted at /data: what is there survives each kexec, but need not survive this
# machine, for which no guest has to wait. Its blocks have the size of zram's sectors, so that
# a copy can be mounted from there; and no checksum, so that it can be changed.
vm_data_disk() {
	[ -n "$DISK" ] || return 0
	rm -f "$1"
	truncate -s "$DISK" "$1"
	mke2fs -q -F -b 4096 -t "$DISK_TYPE" -O ^metadata_csum -E lazy_itable_init=0,nodiscard "$1" > "$1.log" 2>&1 ||
		die "making a file system of type $DISK_TYPE failed: see $1.log"
	QEMU_CMD+=(-drive "if=none,id=data,format=raw,cache=unsafe,file=$1"
		-device "virtio-blk-pci,drive=data,serial=data")
}

# vm_tap_port: the program's output leaves through a port of its own. Without
# ioeventfd QEMU takes each write before the guest goes on, so that nothing is
# under way when a kexec resets the device.
vm_tap_port() {
	QEMU_CMD+=(-device "virtio-serial-pci,ioeventfd=off"
		-chardev "file,id=tap,path=$1" -device "virtserialport,chardev=tap,name=tap")
}

# vm_script TEXT FILE: a shell script as a disk; NULs pad it to whole sectors.
vm_script() {
	printf '%s\n' "$1" > "$2"
	truncate -s %4096 "$2"
}

# split_log SERIAL DIR: each kernel's log to a file of its own, DIR/kernel.N.log.
split_log() {
	rm -f "$2"/kernel.*.log
	tr -d '\r' < "$1" | awk -v dir="$2" '
		/^(\[ *[0-9.]+\] )?Linux version / { n++ }
		{ print > (dir "/kernel." (n ? n - 1 : 0) ".log") }'
}
