#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The Debian packages: what is in which, and what each depends on; and that building them
# leaves nothing in the source tree.
# shellcheck disable=SC2317 # they are called by ok
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export OUT=${OUT:-$PWD/out}
echo "TAP version 13"
command -v dh > /dev/null || { printf 'ok 1 - packages # SKIP debhelper is not installed: make deb does it\n1..1\n'; exit 0; }
. scripts/lib.sh
. scripts/kbuild.sh
kbuild_setup luo
# dpkg finds out by libraries that are installed what a package depends on.
[ -z "$cross" ] || { printf 'ok 1 - packages # SKIP Debian packages for %s are made on such a machine\n1..1\n' "$ARCH"; exit 0; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. selftests/lib/tap.sh

# Everything but what is built, or git's
tree() { find . -path ./out -prune -o -path ./.git -prune -o -type f -printf '%P %s %T@\n' | sort; }
contents() { dpkg-deb --fsys-tarfile "$(echo "$OUT/deb/$1"_*.deb)" | tar -t | grep -v '/$' | sed 's|^\.||; s|^/lib/|/usr/lib/|' | sort; }
field() { dpkg-deb -f "$(echo "$OUT/deb/$1"_*.deb)" "$2"; }

# has PACKAGE FILE...: exactly these, and what every package has
has() { diff <(printf '%s\n' "${@:2}" | sort) <(contents "$1" | grep -vxE "/usr/share/doc/$1/.*|/usr/share/lintian/overrides/$1"); }
# depends PACKAGE WORDS: in one of its dependencies
depends() { field "$1" Depends | tee /dev/stderr | grep -qF -- "$2"; }
files_in() { (cd "$1" && find . -type f -name '*.bpf.o' -printf "$2/%P\n"); }

tree > "$dir/before"
ok "make deb" scripts/build-deb
tree > "$dir/after"
ok "the source tree is as it was" diff "$dir/before" "$dir/after"
lib=/usr/lib/$triple
version=$(field luo-tools Version)
mapfile -t handlers < <(files_in "$OUT/$ARCH/handlers" /usr/lib/luo/handlers)
mapfile -t iterators < <(files_in "$OUT/$ARCH/iterators" /usr/lib/luo/iterators)
units=(/usr/lib/systemd/system/luod.service /usr/lib/systemd/system/luod.socket)
early=(/usr/sbin/luo-attach /usr/lib/systemd/system-generators/luo-generator /usr/share/man/man8/luo-attach.8.gz
	/usr/share/initramfs-tools/hooks/luo /usr/share/initramfs-tools/scripts/init-bottom/luo
	/usr/lib/dracut/modules.d/95luo/module-setup.sh /usr/lib/dracut/modules.d/95luo/luo-attach.sh)

ok "libluo-bpf0: files" has libluo-bpf0 "$lib/libluo-bpf.so.0" "$lib/libluo-bpf.so.$version"
ok "libluo-bpf-dev: files" has libluo-bpf-dev /usr/include/libluo-bpf.h "$lib/libluo-bpf.a" "$lib/libluo-bpf.so" \
	"$lib/pkgconfig/libluo-bpf.pc" /usr/share/man/man3/libluo-bpf.3.gz
ok "luo-tools: files" has luo-tools /usr/bin/luoctl /usr/sbin/luod "${iterators[@]}" "${units[@]}" "${early[@]}" \
	/usr/share/bash-completion/completions/luoctl /usr/share/man/man1/luoctl.1.gz \
	/usr/share/man/man5/luod.conf.5.gz /usr/share/man/man8/luod.8.gz
ok "luo-tools: an example of luod.conf" grep -qx /usr/share/doc/luo-tools/examples/luod.conf <(contents luo-tools)
ok "luo-tools: the unit starts luod where it is" grep -q '^ExecStart=/usr/sbin/luod ' \
	<(dpkg-deb --fsys-tarfile "$OUT"/deb/luo-tools_*.deb | tar -xO --wildcards '*/lib/systemd/system/luod.service')
ok "luo-tools: the unit is enabled" grep -q "deb-systemd-helper enable 'luod.service'" <(dpkg-deb --ctrl-tarfile "$OUT"/deb/luo-tools_*.deb | tar -xO ./postinst)
ok "luo-handlers: files" has luo-handlers "${handlers[@]}"

# A generator is installed, and must not attach anything before the machine starts again.
control() { dpkg-deb --ctrl-tarfile "$(echo "$OUT/deb/$1"_*.deb)" | tar -xO "./$2"; }
packaged() { grep -qF 'run/luo-attach"' <(control luo-tools "$1"); }
maintain() { DPKG_ROOT=$dir/root sh "debian/luo-tools.$1" "$2"; }
marked() { [ -e "$dir/root/run/luo-attach" ]; }
mkdir -p "$dir/root/run/luo"
ok "luo-tools: scripts are in it" eval 'packaged preinst && packaged postrm'
ok "luo-tools: installed where no systemd runs, it leaves nothing in /run" eval 'maintain preinst install && ! marked'
mkdir -p "$dir/root/run/systemd/system"
ok "luo-tools: installed, the generator has nothing to do until the machine starts" eval 'maintain preinst install && marked'
ok "luo-tools: nor is there after an upgrade" eval 'maintain preinst upgrade && maintain postrm upgrade && marked'
# shellcheck disable=SC2016 # it is for eval
ok "luo-tools: removed, nothing is left in /run" eval 'maintain postrm remove && ! marked && [ ! -e "$dir/root/run/luo" ]'
ok "luo-tools: purged after that" maintain postrm purge
for package in luo-tools luo-handlers; do
	ok "$package: asks for a new initramfs" grep -qx 'activate-noawait update-initramfs' <(control "$package" triggers)
done

symbols() { dpkg-deb --fsys-tarfile "$OUT"/deb/libluo-bpf0_*.deb | tar -xO --wildcards "*/libluo-bpf.so.$version" > "$dir/lib" && nm -D --defined-only "$dir/lib" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort; }
same_symbols() { diff <(sed -n 's/^\t*\(luo_[a-z_]*\);/\1/p' tools/lib/luo-bpf/libluo-bpf.map | sort) <(symbols); }
if dpkg --compare-versions "$(apt-cache policy libbpf1 | sed -n 's/^ *Candidate: \([0-9].*\)/\1/p')" ge 1:1.5; then
	ok "libluo-bpf0: needs a libbpf that is new enough" depends libluo-bpf0 "libbpf1 (>= 1:1.5)"
	ok "libluo-bpf-dev: needs the headers of libbpf" depends libluo-bpf-dev "libbpf-dev (>= 1:1.5)"
else
	ok "libluo-bpf0: needs no libbpf, for that here is too old" bash -c "! dpkg-deb -f '$OUT'/deb/libluo-bpf0_*.deb Depends | grep libbpf"
	ok "libluo-bpf-dev: needs any headers of libbpf" depends libluo-bpf-dev "libbpf-dev,"
fi
ok "libluo-bpf0: its functions can be seen, and no others" same_symbols
ok "libluo-bpf-dev: needs the library of its version" depends libluo-bpf-dev "libluo-bpf0 (= $version)"
ok "luo-tools: needs libsystemd" depends luo-tools libsystemd0
ok "luo-tools: needs no libbpf, which is in it" bash -c "! dpkg-deb -f '$OUT'/deb/luo-tools_*.deb Depends | grep libbpf"
ok "the pkg-config file is of the prefix" grep -q '^prefix=/usr$' \
	<(dpkg-deb --fsys-tarfile "$OUT"/deb/libluo-bpf-dev_*.deb | tar -xO --wildcards '*/libluo-bpf.pc')
# What apt would do on a machine where nothing is installed
: > "$dir/status"
if [[ $(apt-cache policy libc6) == *"Candidate: "[0-9]* ]]; then
	ok "all of them can be installed in a clean system of this release" \
		apt-get -s -o Dir::State::status="$dir/status" -o Debug::NoLocking=1 --no-install-recommends install "$OUT"/deb/*.deb
fi
if command -v lintian > /dev/null; then
	ok "lintian finds no error" lintian --fail-on error "$OUT"/deb/*.changes
fi
echo "1..$number"
exit $failed
