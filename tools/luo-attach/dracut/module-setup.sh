#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Puts luo-attach and the handlers that it would attach here into the initramfs, those to
# where it looks without a luod.conf. PID 1 there, if it is systemd, opens /dev/liveupdate
# itself, so that it runs luo-attach as a generator.

check() {
	require_binaries @PREFIX@/sbin/luo-attach || return 1
	return 0
}

depends() {
	return 0
}

install() {
	local object

	inst_multiple @PREFIX@/sbin/luo-attach
	@PREFIX@/sbin/luo-attach --list | while read -r object; do
		inst_simple "$object" "/usr/lib/luo/handlers/${object##*/}"
	done
	if dracut_module_included systemd; then
		inst_simple /usr/lib/systemd/system-generators/luo-generator
	else
		# shellcheck disable=SC2154 # of dracut
		inst_hook pre-pivot 90 "$moddir/luo-attach.sh"
	fi
}
