# SPDX-License-Identifier: GPL-2.0
# kbuild.sh: how a kernel tree is built here. Source it after lib.sh.
# shellcheck shell=bash disable=SC2034 # names for those who source it

# kbuild_setup VARIANT: set src build image, and KMAKE, the command that runs make there.
#   stock  the base as it is             luo    the prepared tree
#   debug  the same, with every checker  nothp  the same, without huge pages
#   check  what scripts/check compiles
#   bench-stock, bench-luo               both as make bench measures them
kbuild_setup() {
	local variant=$1 hostcc
	case $variant in
	stock|bench-stock) src=$OUT/src/base ;;
	luo|bench-luo|debug|nothp|check) src=$OUT/src/luo ;;
	*) die "no kernel variant '$variant': there are stock, luo, debug, nothp, bench-stock and bench-luo" ;;
	esac
	build=$OUT/$ARCH/build/$variant
	image=$OUT/$ARCH/image/$variant
	case $ARCH in
	x86_64) karch=x86_64 kimage=arch/x86/boot/bzImage target=bzImage triple=x86_64-linux-gnu deb_arch=amd64 ;;
	arm64) karch=arm64 kimage=arch/arm64/boot/Image target=Image triple=aarch64-linux-gnu deb_arch=arm64 ;;
	*) die "ARCH=$ARCH is not supported: use x86_64 or arm64" ;;
	esac
	cross=
	[ "$(uname -m)" = "${triple%%-*}" ] || cross=$triple-
	# Programs link against what scripts/fetch-sysroot fetched, where the machine's own is of
	# no use.
	sysroot=$OUT/base/sysroot-$ARCH
	program_cc=${cross}gcc
	if [ -n "$cross" ]; then
		program_cc+=" -isystem $sysroot/usr/include -isystem $sysroot/usr/include/$triple"
		program_cc+=" -L$sysroot/usr/lib/$triple -Wl,-rpath-link=$sysroot/usr/lib/$triple"
	fi
	export KERNEL_SRC=$src KERNEL_CC=${cross}gcc
	hostcc=gcc
	if command -v ccache > /dev/null; then
		KERNEL_CC="ccache $KERNEL_CC" hostcc="ccache gcc"
		# Nothing absolute may reach the compiler's output: the cache serves all checkouts.
		export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$OUT
	fi
	export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' KBUILD_BUILD_VERSION=1
	export KBUILD_BUILD_USER=luo KBUILD_BUILD_HOST=luo LC_ALL=C
	KMAKE=(make -C "$src" O="$build" ARCH="$karch" CROSS_COMPILE="$cross" CC="$TOP/scripts/cc" HOSTCC="$hostcc"
		KCFLAGS="-fdebug-prefix-map=$build=.")
}
