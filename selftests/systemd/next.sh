#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# next.sh [COMMAND...]: kexec into the same kernel, by `systemctl kexec` if nothing is said.
# Returns if that does not work.
[ $# -gt 0 ] || set -- systemctl kexec
initrd=
[ ! -f /boot/initrd ] || initrd="--initrd /boot/initrd"
# shellcheck disable=SC2086 # two words, or none
luoctl load /boot/kernel $initrd \
	--cmdline "$(sed "s/luo_stage=[0-9]*/luo_stage=$((LUO_STAGE + 1))/" /proc/cmdline)" &&
	"$@" && sleep 600
