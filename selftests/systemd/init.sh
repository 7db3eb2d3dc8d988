#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What vm/guest/init.c does in other VMs, as a service: mounts the disks of the test, runs its
# script with the output on the TAP port, reports its status, ends the VM.
disk=/dev/disk/by-id/virtio

udevadm wait --timeout=300 $disk-selftests $disk-boot $disk-script /dev/virtio-ports/tap || exit 1
exec > /dev/virtio-ports/tap 2>&1
mount -o ro $disk-selftests /selftests || exit 1
mount -o ro $disk-boot /boot || exit 1
tr -d '\0' < $disk-script > /run/script

LUO_STAGE=$(sed -nE 's/.*luo_stage=([0-9]+).*/\1/p' /proc/cmdline)
export LUO_STAGE PATH="/selftests/systemd:/selftests:$PATH"
echo "# init: stage $LUO_STAGE, Linux $(uname -r)"
sh /run/script
status=$?
# The script has nothing to report if it ends because the system does.
[ "$(systemctl is-system-running)" != stopping ] || exit 0
echo "# init: exited with status $status"
# At once: nothing that an orderly end would do is looked at.
systemctl reboot --force --force
