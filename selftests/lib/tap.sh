# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # what the caller has, and reads
# Results as TAP, for the native tests in shell. Who uses it has a directory $dir of its own
# if it calls ok, and ends with `echo "1..$number"` and `exit $failed`.
number=0 failed=0

good() {
	number=$((number + 1))
	echo "ok $number - $1"
}

# bad WHAT: the reason comes in on standard input.
bad() {
	number=$((number + 1))
	failed=1
	echo "not ok $number - $1"
	sed 's/^/#   /'
}

# ok WHAT COMMAND...: does it succeed?
ok() {
	if "${@:2}" > "$dir/log" 2>&1; then
		good "$1"
	else
		bad "$1" < "$dir/log"
	fi
}

# compare WHAT: no difference may come in on standard input.
compare() {
	local found
	found=$(cat)
	if [ -z "$found" ]; then
		good "$1"
	else
		bad "$1" <<< "$found"
	fi
}
