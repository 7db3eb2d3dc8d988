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
