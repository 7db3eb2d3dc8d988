#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# luod.sh [COMMAND...]: sessions that luod keeps go through a live update by the COMMAND, or
# by `systemctl kexec`.
if [ "$LUO_STAGE" = 0 ]; then
	cp /selftests/systemd/late.service /etc/systemd/system/
	systemctl daemon-reload
	systemctl start late || exit 1
fi
exec luod_service next.sh "$@"
