#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# libluo-bpf as it is installed: a program of somebody else's is built against it,
# shared and static, by what pkg-config says.
# shellcheck disable=SC2317 # they are called by ok
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
. scripts/lib.sh
. scripts/kbuild.sh
kbuild_setup luo
read -ra cc <<< "$program_cc -Wall -Werror"
prefix=/opt/luo
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

. selftests/lib/tap.sh
# runs TEXT COMMAND...: the same for a program of the guest's architecture
runs() {
	if [ -z "$cross" ]; then
		ok "$@"
	else
		good "$1 # SKIP this machine does not run programs for $ARCH"
	fi
}

echo "TAP version 13"

cat > "$dir/program.c" << 'EOP'
#include <errno.h>
#include <libluo-bpf.h>
#include <stdio.h>
#include <string.h>

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vprintf(format, args) : 0;
}

int main(void)
{
	LIBBPF_OPTS(luo_device_opts, opts, .path = "/nowhere");

	luo_set_print(print);
	return luo_device__open(&opts) || errno != ENOENT;
}
EOP
# try WHAT EMBED FLAG...: installed, and the program built with FLAGs besides and run
try() {
	local what=$1 embed=$2 root=$dir/$2 lib=$dir/$2$prefix/lib shared static
	shift 2
	export PKG_CONFIG_PATH=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
	ok "$what: make install" make -s -C tools OUT="$OUT" ARCH="$ARCH" BASE="$OUT/src/base" CROSS_COMPILE="$cross" \
		CC="$program_cc" install DESTDIR="$root" PREFIX=$prefix EMBED_LIBBPF="$embed"
	ok "$what: pkg-config knows it" flags --cflags --libs
	read -ra shared < <(flags --cflags --libs)
	read -ra static < <(flags --static --cflags --libs)
	ok "$what: built against the shared library" "${cc[@]}" "$@" -o "$root/shared" "$dir/program.c" "${shared[@]}"
	runs "$what: and it runs" env LD_LIBRARY_PATH="$lib" "$root/shared"
	LD_LIBRARY_PATH="$lib" "$root/shared" > "$dir/said" 2> /dev/null || true
	runs "$what: its messages come out" grep '^/nowhere: No such file or directory: is the kernel booted' "$dir/said"
	ok "$what: built against the static library" "${cc[@]}" "$@" -static -o "$root/static" "$dir/program.c" "${static[@]}"
	runs "$what: and it runs" "$root/static"
}

flags() { pkg-config "$@" libluo-bpf; }
functions() { "${cross}nm" "$@" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort; }
exports() { diff <(sed -n 's/^\t*\(luo_[a-z_]*\);/\1/p' tools/lib/luo-bpf/libluo-bpf.map | sort) <(functions "$@"); }

try "beside libbpf" 0
# Where it is inside, any headers of libbpf do: here are no others.
try "with libbpf inside" 1 -isystem "$OUT/$ARCH/tools/libbpf/include"
ok "with libbpf inside: no libbpf is installed" bash -c "! compgen -G '$dir/1$prefix/lib/libbpf*'"
ok "with libbpf inside: nobody sees it in the shared library" exports -D --defined-only "$dir/1$prefix/lib/libluo-bpf.so"
ok "with libbpf inside: nor in the static one" exports "$dir/1$prefix/lib/libluo-bpf.a"
echo "1..$number"
exit $failed
