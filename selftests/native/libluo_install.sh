#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# libluo-bpf as it is installed: a program of somebody else's is built against it,
# shared and static, by what pkg-config says.
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
export PKG_CONFIG_PATH=$dir$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dir

ok "make install" make -s -C tools OUT="$OUT" ARCH="$ARCH" BASE="$OUT/src/base" CROSS_COMPILE="$cross" \
	CC="$program_cc" install DESTDIR="$dir" PREFIX=$prefix
flags() { pkg-config "$@" libluo-bpf; }
ok "pkg-config knows it" flags --cflags --libs
read -ra shared < <(flags --cflags --libs)
read -ra static < <(flags --static --cflags --libs)
ok "built against the shared library" "${cc[@]}" -o "$dir/shared" "$dir/program.c" "${shared[@]}"
runs "and it runs" env LD_LIBRARY_PATH="$dir$prefix/lib" "$dir/shared"
LD_LIBRARY_PATH="$dir$prefix/lib" "$dir/shared" > "$dir/said" 2> /dev/null || true
runs "its messages come out" grep '^/nowhere: No such file or directory: is the kernel booted' "$dir/said"
ok "built against the static library" "${cc[@]}" -static -o "$dir/static" "$dir/program.c" "${static[@]}"
runs "and it runs" "$dir/static"
echo "1..$number"
exit $failed
