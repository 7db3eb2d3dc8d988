#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# bench/profile: the command that its first lines show, and what it refuses.
# shellcheck disable=SC2317 # they are called by ok
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export OUT=${OUT:-$PWD/out}
echo "TAP version 13"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. selftests/lib/tap.sh

command=$(sed -n 's|^#\t\(bench/profile \)|\1|p' bench/profile)
spec=selftests/vm/tests/bpf-cost.vm
shown() { $command > "$dir/profile"; }
# sum: the lines of functions make up the last one, which is the largest and so sorted first.
sum() { awk '$2 == "all" { all = $1; next } { sum += $1 } END { print sum, all; exit !sum || sum != all }' "$dir/profile"; }
has() { awk -v name="$1" '$4 == name && $1 > 0 { found = 1 } END { exit !found }' "$dir/profile"; }
nothing_booted() { [ "$(wc -l < "$dir/refused")" = 1 ]; }
refused() { ! bench/profile "${@:2}" > "$dir/refused" 2>&1 && grep -F -- "$1" "$dir/refused"; }

ok "$command" shown
ok "the functions' instructions make up the sum" sum
for function in liveupdate_reboot luo_bpf_freeze; do
	ok "$function is among them" has "$function"
done
for functions in "liveupdate_reboot,no_such_function kernel_restart_prepare" "liveupdate_reboot no_such_function"; do
	# shellcheck disable=SC2086 # two words
	ok "a function that is not there is named: $functions" refused "no function no_such_function" "$spec" $functions
	ok "and nothing is booted" nothing_booted
done
ok "a spec on several processors is refused" refused "has no ICOUNT=1" selftests/vm/tests/api.vm liveupdate_reboot kernel_restart_prepare
ok "without arguments it says how it is used" refused "usage: "
echo "1..$number"
exit $failed
