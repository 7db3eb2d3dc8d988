# SPDX-License-Identifier: GPL-2.0
# lib.sh: what every script here shares. Source it; it defines names, runs nothing.
# shellcheck shell=bash disable=SC2034 # names for those who source it

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
OUT=${OUT:-$TOP/out}
LOG=$OUT/log
ARCH=${ARCH:-x86_64}
JOBS=${JOBS:-$(nproc)}
mkdir -p "$LOG"
# What was said to our make is not meant for the makes that scripts run.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

# say TEXT: one line for the person who watches.
say() { printf '%s\n' "$*" >&2; }

# die SENTENCE: stop, with one sentence that names what to do.
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# show NAME: of the lines that come in, the last one, for the person who watches; for a log, one
# a minute.
show() {
	local line n=0 shown=$SECONDS
	while IFS= read -r line; do
		n=$((n + 1))
		if [ -t 2 ]; then
			printf '\r%-7s [%d] %.60s\033[K' "$1" "$n" "$line" >&2
		elif [ $((SECONDS - shown)) -ge 60 ]; then
			shown=$SECONDS
			say "$(printf '%-7s [%d] %.60s' "$1" "$n" "$line")"
		fi
	done
	[ ! -t 2 ] || printf '\r\033[K' >&2
}

# alone: nothing else is built in $OUT until this process ends.
alone() {
	exec 9> "$OUT/.lock"
	flock -n 9 || { say "another build runs in this checkout: waiting for it"; flock 9; }
}
