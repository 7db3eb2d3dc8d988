# SPDX-License-Identifier: GPL-2.0
# apt.sh: packages out of Debian's archive, past the machine's own apt. Source it after
# lib.sh.
# shellcheck shell=bash

# apt_setup DIR SUITE...: a private apt configuration under DIR for these suites of the
# Debian mirror that this machine already uses; /etc/apt is only read. Signatures are
# checked with Debian's own keyring.
apt_setup() {
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror suite
	apt=$1
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/sources.d"
	[ -f "$keyring" ] || die "$keyring is missing: apt-get install debian-archive-keyring"

	# The mirror: whatever this machine's apt uses for Debian's main archive.
	# shellcheck disable=SC2016 # apt expands these
	mirror=$(apt-get indextargets --format '$(SITE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
		awk '$2 == "main" && $1 !~ /security/ { print $1; exit }')
	[ -n "$mirror" ] || die "apt knows no Debian mirror: run 'apt-get update', or set LINUX_TARBALL= or LINUX_SRC="
	for suite in "${@:2}"; do
		printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite"
	done > "$apt/sources.list"
}

# private_apt COMMAND ARG...: apt-get or apt-cache with that configuration
private_apt() {
	"$1" -q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts="$apt/sources.d" \
		-o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
		-o APT::Sandbox::User=root -o APT::Get::List-Cleanup=0 "${@:2}"
}
