#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# luod's units, as they are installed, by what systemd says about them.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

echo "TAP version 13"
if ! command -v systemd-analyze > /dev/null; then
	echo "ok 1 - units # SKIP no systemd-analyze: install systemd"
	echo "1..1"
	exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp tools/luod/luod.socket "$dir/"
# Any program will do in the place of luod and luoctl, and manuals need not be installed.
sed 's|@PREFIX@/s*bin/luo[a-z]*|/bin/true|; /^Documentation=/d' tools/luod/luod.service > "$dir/luod.service"
sed -i '/^Documentation=/d' "$dir/luod.socket"
# Since systemd 254; an older one says that it ignores it.
known="Unknown key '(name )?FileDescriptorStorePreserve'|Unknown key name 'FileDescriptorStorePreserve'"
SYSTEMD_UNIT_PATH="$dir:" systemd-analyze verify "$dir/luod.service" "$dir/luod.socket" > "$dir/log" 2>&1 || echo "status $?" >> "$dir/log"
if grep -vE "$known" "$dir/log" > "$dir/left"; then
	echo "not ok 1 - units: nothing is wrong with them"
	sed 's/^/#   /' "$dir/left"
else
	echo "ok 1 - units: nothing is wrong with them"
fi
echo "1..1"
