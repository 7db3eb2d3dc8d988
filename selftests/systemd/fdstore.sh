#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fdstore.sh [KEXECS]: fdstore.service has its files stored; after so many live updates, one if
# nothing is said, it looks at what is left of them.
kexecs=${1:-1}

if [ "$LUO_STAGE" = 0 ]; then
	echo "FDSTORE_DO=store" > /etc/fdstore
	cp /selftests/systemd/fdstore.service /etc/systemd/system/
	systemctl daemon-reload
	systemctl start fdstore || { systemctl status --no-pager -l fdstore; exit 1; }
fi
if [ "$LUO_STAGE" -lt "$kexecs" ]; then
	next.sh
	exit 1
fi
printf 'FDSTORE_DO=check\nFDSTORE_LOST="%s"\n' "${FDSTORE_LOST:-}" > /etc/fdstore
systemctl start --wait fdstore
status=$?
cat /run/fdstore.tap
# What an initramfs has left is luod's from its start on.
systemctl start luod
ls /run/luo/*.bpf.o 2> /dev/null && { echo "luod has not taken these"; status=1; }
[ $status = 0 ] || systemctl status --no-pager -l fdstore
exit $status
