#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The overlay as patches: git am takes them onto the base, and what comes of it is the
# prepared tree. The repository here has those files of the base that the series names,
# as they are there: one that should be new must be.
# shellcheck disable=SC2317 # they are called by ok
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export OUT=${OUT:-$PWD/out}
base=$OUT/src/base tree=$OUT/src/luo
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. selftests/lib/tap.sh

repo() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null git -C "$dir/tree" -c user.name=test -c user.email=test@localhost "$@"
}

base_repo() {
	local file
	mkdir "$dir/tree"
	repo init -q
	sed -n 's|^diff --git a/\(.*\) b/.*|\1|p' "$OUT"/patches/*.patch | sort -u | while read -r file; do
		[ ! -e "$base/$file" ] || install -D -m 644 "$base/$file" "$dir/tree/$file"
	done
	repo add -A -f .
	repo commit -q -m base
}

take_all() {
	local series=()
	mapfile -t series < <(find "$OUT/patches" -name '*.patch' ! -name '0000-*' | sort)
	repo am -q "${series[@]}"
}

# Each file that is laid over the base, or gone from it
equal() {
	local file bad=0
	while read -r file; do
		if [ -e "$tree/$file" ]; then
			cmp "$tree/$file" "$dir/tree/$file" || bad=1
		elif [ -e "$dir/tree/$file" ]; then
			echo "$file should be gone" && bad=1
		fi
	done < "$OUT/src/luo.laid"
	return "$bad"
}

# And no file but those
nothing_else() {
	[ -z "$(sed -n 's|^diff --git a/\(.*\) b/.*|\1|p' "$OUT"/patches/*.patch | sort -u | comm -23 - <(sort -u "$OUT/src/luo.laid"))" ]
}

echo "TAP version 13"
ok "the patches are written" scripts/export-patches
ok "the cover letter says for which kernel" grep -qF "Linux $(make -s -C "$base" kernelversion)" "$OUT"/patches/0000-cover-letter.patch
ok "nothing of this machine is in them" bash -c "! grep -nF '$PWD' '$OUT'/patches/*.patch"
base_repo
ok "git am takes them onto the base" take_all
ok "the result is the prepared tree" equal
ok "no other file is touched" nothing_else
echo "1..$number"
exit $failed
