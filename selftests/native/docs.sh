#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The documentation against the sources: what it names must exist, and what stands in
# both must be the same.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

pages=(README.md Documentation/*/*.rst)
. selftests/lib/tap.sh

# What the pages show, and what the Makefile has.
verbs_shown() { grep -hoE '(^ +|`)make [a-z-]+' "${pages[@]}" | sed 's/.*make //'; }
verbs() { sed -n '/^help:/d; s/^\([a-z-]*\):.*## .*/\1/p' Makefile; }

# Ours, or in the kernel tree that ours is laid over.
there_is() { compgen -G "$1" > /dev/null || compgen -G "${OUT:-out}/src/luo/$1" > /dev/null; }

paths_missing() {
	local path
	grep -hoP '(?<![\w/.-])(bench|bpf|configs|include|kernel|mm|patches|scripts|selftests|tools|Documentation)/[\w./*-]*' \
		"${pages[@]}" MAINTAINERS | sed 's/\.$//; s/\bNAME\b/*/' | sort -u | while read -r path; do
		there_is "$path" || echo "$path"
	done
}

# kernel-doc counts from the root of the kernel tree, literalinclude from the page.
includes_missing() {
	local page file
	sed -n 's/^\.\. kernel-doc:: *//p' Documentation/*/*.rst | while read -r file; do
		there_is "$file" || echo "$file"
	done
	for page in Documentation/*/*.rst; do
		sed -n 's/^\.\. literalinclude:: *//p' "$page" | while read -r file; do
			[ -f "$(dirname "$page")/$file" ] || echo "$page: $file"
		done
	done
}

# "FILE: TITLE" of each DOC section that a page asks for, and of each that there is.
sections_shown() {
	awk '/^\.\. kernel-doc::/ { file = $3 } /^ +:doc:/ { sub(/^ +:doc: */, ""); print file ": " $0 }' Documentation/*/*.rst
}
sections() { grep -rE '^ \* DOC: ' kernel mm include | sed 's/: \* DOC: /: /'; }

# "CASE: ERRNO: WHY" of each difference to the stock kernel.
differences_shown() {
	awk '/^   \* - \| / { n = 0; column = 0 }
		/^   (\* -|   ) \| / && !column { sub(/.*\| /, ""); cases[n++] = $0; next }
		n && /^     - / { sub(/^     - /, ""); cell[column++] = $0 }
		n && column == 3 { for (i = 0; i < n; i++) print cases[i] ": " cell[0] ": " cell[2]; n = 0 }' \
		Documentation/userspace-api/liveupdate.rst
}
differences() {
	awk -F '"' '/^#define [A-Z]+ "/ { split($1, word, " "); text[word[2]] = $2 }
		/^\t\{ "/ {
			name = $2
			split($3, part, /[ ,{}-]+/)
			errno = part[2]
			why = NF > 3 ? $4 : text[part[3]]
			if (why != "") print name ": " errno ": " why
		}
		/^\t  "/ { print name ": " errno ": " $2 }' selftests/lib/stock.c |
		grep . || echo "selftests/lib/stock.c has no table"
}

echo "TAP version 13"
compare "each make verb that is shown exists" < <(comm -23 <(verbs_shown | sort -u) <(verbs | sort))
compare "each path that is named exists" < <(paths_missing)
compare "each file that a page includes exists" < <(includes_missing)
compare "each DOC section that a page includes exists" < <(comm -23 <(sections_shown | sort) <(sections | sort))
compare "the differences to the stock kernel are those of the tests" \
	< <(diff <(differences_shown | sort) <(differences | sort) | grep '^[<>]')
echo "1..$number"
exit $failed
