#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Man pages and the completion against the programs: each verb, option, function and key
# stands in both, and groff has nothing to say.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export OUT=${OUT:-$PWD/out}
. scripts/lib.sh
. scripts/kbuild.sh
kbuild_setup luo
[ -z "$cross" ] || { printf 'ok 1 - pages # SKIP this machine does not run programs for %s\n1..1\n' "$ARCH"; exit 0; }
out=$OUT/$ARCH
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. selftests/lib/tap.sh

# same WHAT FILE FILE: the same lines, and at least some
same() {
	compare "$1" < <(diff <(sort -u "$2") <(sort -u "$3") | grep '^[<>]' || true; [ -s "$2" ] || echo "nothing was found")
}

# plain PAGE: without roff's marks
plain() {
	sed -E 's/\\-/-/g; s/\\f[BIRP]//g; s/\\\(dq/"/g; s/\\&//g; s/"//g; s/^\.(BR|BI|B|I|IR|RI) //' "$1"
}

# section PAGE NAME: what stands in it
section() { awk -v name="$2" '/^\.SH / { on = $0 == ".SH " name; next } on' "$1"; }

luoctl=$out/obj/selftests/san/luoctl-asan.bpf.o
[ -x "$luoctl" ] || luoctl=$out/tools/luoctl

# "VERB [--OPTION VALUE]..." of each verb
verbs_of_program() {
	"$luoctl" help | sed -n 's/^luoctl //p' | sed 's/  */ /g'
}
# The line behind a .TP; what is in it may be in quotes
verbs_of_page() {
	section tools/man/luoctl.1 VERBS > "$dir/verbs"
	plain "$dir/verbs" | awk '/^\.TP/ { getline; print }' | sed 's/  */ /g; s/\[ /[/g; s/ \]/]/g; s/ $//'
}
verbs_of_program > "$dir/program"
verbs_of_page > "$dir/page"
same "luoctl(1): verbs, and the options of each" "$dir/program" "$dir/page"

"$luoctl" help | sed -n 's/^  --\([a-z-]*\).*/\1/p' > "$dir/program"
section tools/man/luoctl.1 OPTIONS > "$dir/options"
plain "$dir/options" | awk '/^\.TP/ { getline; print }' | sed -nE 's/^(-[a-zA-Z] *, *)?--([a-z-]+).*/\2/p' > "$dir/page"
same "luoctl(1): options" "$dir/program" "$dir/page"

"$luoctl" help | sed -nE '/^Exit status/,$ { s/^Exit status: //; s/,? ?([0-9]) /\n\1\n/g; p }' | grep -xE '[0-9]' > "$dir/program"
section tools/man/luoctl.1 'EXIT STATUS' | sed -n 's/^\.B \([0-9]\)$/\1/p' > "$dir/page"
same "luoctl(1): exit statuses" "$dir/program" "$dir/page"

# complete_at WORDS...: what the completion offers for the last one
complete_at() (
	compopt() { :; }
	COMP_WORDS=(luoctl "$@") COMP_CWORD=$# COMPREPLY=()
	# shellcheck disable=SC1091
	. tools/luoctl/luoctl.bash-completion
	_luoctl
	printf '%s\n' "${COMPREPLY[@]}"
)
completed_verbs() {
	local verb
	for verb in $(complete_at ''); do
		case $verb in
		handlers) complete_at handlers '' | sed 's/^/handlers /' ;;
		*) echo "$verb" ;;
		esac
	done
}
# "VERB: --OPTION" of each, those that every verb has left out
completed_options() {
	local verb
	while read -r verb; do
		# shellcheck disable=SC2086
		complete_at $verb -- | sed -E "/^--(json|socket|help|version)$/d; s/^/$verb: /"
	done < <(completed_verbs)
}
"$luoctl" help | sed -n 's/^luoctl \([a-z ]*[a-z]\).*/\1/p' > "$dir/program"
completed_verbs > "$dir/completion"
same "completion: verbs" "$dir/program" "$dir/completion"
"$luoctl" help | sed -n 's/^luoctl //p' | while read -r line; do
	{ grep -oE -e '--[a-z-]+' <<< "$line" || true; } | sed "s/^/$(sed -E 's/ (\[|[A-Z]).*//' <<< "$line"): /"
done > "$dir/program"
completed_options > "$dir/completion"
same "completion: options of each verb" "$dir/program" "$dir/completion"
complete_at --policy '' > "$dir/completion"
printf '%s\n' abort go > "$dir/program"
same "completion: policies" "$dir/program" "$dir/completion"
complete_at handlers check tools/man/luoctl > "$dir/completion"
echo tools/man/luoctl.1 > "$dir/program"
same "completion: files" "$dir/program" "$dir/completion"

# Functions: those of the version map, with the prototypes of the header
sed -n 's/^\t*\(luo_[a-z_]*\);/\1/p' tools/lib/luo-bpf/libluo-bpf.map > "$dir/map"
section tools/man/libluo-bpf.3 DESCRIPTION | sed -n 's/^\.B \(luo_[a-z_]*\)()$/\1/p' > "$dir/page"
same "libluo-bpf(3): each exported function" "$dir/map" "$dir/page"
prototypes() { tr '\n' ' ' | sed -E 's/;/;\n/g' | sed -E 's/[ \t]+/ /g; s/^ //; s/ \*/ */g' | grep -E '(^| |\*)luo_[a-z_]*\(.*;' ; }
awk 'sub(/^LUO_API /, "") { on = 1 } on; /;/ { on = 0 }' tools/lib/luo-bpf/libluo-bpf.h | prototypes > "$dir/header"
section tools/man/libluo-bpf.3 SYNOPSIS | grep -v '^\.' | prototypes > "$dir/page"
same "libluo-bpf(3): prototypes" "$dir/header" "$dir/page"

if [ -x "$out/tools/luod" ]; then
	"$out/tools/luod" --help | grep -oE -e '--[a-z-]+' > "$dir/program"
	section tools/man/luod.8 OPTIONS > "$dir/options"
	plain "$dir/options" | awk '/^\.TP/ { getline; print }' | grep -oE -e '--[a-z-]+' > "$dir/page"
	same "luod(8): options" "$dir/program" "$dir/page"
	# Keys are where luod.conf is read: fields, and what is known besides.
	sed -nE 's/^\t\{ "([a-z]+)", FIELD_.*/\1/p; /known\[\] = \{/ { s/[^"]*"([a-z]+)"[^"]*/\1\n/g; s/\n[^\n]*$//; p }' \
		tools/luod/conf.c tools/luod/conf_rules.c > "$dir/program"
	section tools/man/luod.conf.5 KEYS > "$dir/keys"
	plain "$dir/keys" | awk '/^\.TP/ { getline; gsub(/ or /, "\n"); print }' | sed 's/^ *//; s/ *$//' > "$dir/page"
	same "luod.conf(5): keys" "$dir/program" "$dir/page"
fi

if [ -x "$out/tools/luo-attach" ]; then
	"$out/tools/luo-attach" --help | grep -oE -e '--[a-z-]+' > "$dir/program"
	section tools/man/luo-attach.8 OPTIONS > "$dir/options"
	plain "$dir/options" | awk '/^\.TP/ { getline; print }' | grep -oE -e '--[a-z-]+' > "$dir/page"
	same "luo-attach(8): options" "$dir/program" "$dir/page"
fi

if command -v man > /dev/null; then
	for page in tools/man/*.[1-8]; do
		compare "$(basename "$page"): no warning" < <(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 > /dev/null)
	done
else
	number=$((number + 1))
	echo "ok $number - no warnings # SKIP there is no man here: apt-get install man-db"
fi
echo "1..$number"
exit $failed
