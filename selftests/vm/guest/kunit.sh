#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kunit.sh SUITE...: what the kernel's own unit tests found at boot, as TAP. They ran if
# the command line has kunit.enable=1.
dir=/sys/kernel/debug/kunit

echo "TAP version 13"
for suite in "$@"; do
	if [ -r "$dir/$suite/results" ]; then
		cat "$dir/$suite/results"
	else
		echo "    not ok 1 did not run"
	fi
	echo "end $suite"
done | awk '
	# A case is indented once, what explains its failure stands before it.
	/^    (not )?ok / {
		bad = /not ok/
		sub(/^ *(not )?ok [0-9]+ (- )?/, "")
		line[++n] = (bad ? "not ok " : "ok ")
		name[n] = $0
		if (bad) note[n] = said
		said = ""
		cases++
		next
	}
	/^    1\.\./ { planned = substr($1, 4) + 0; next }
	/^ *# / { said = said "\n# " $0 }
	/^end / {
		for (i = first + 1; i <= n; i++)
			print line[i] i " - " $2 ": " name[i] note[i]
		first = n
		if (cases != planned) {
			print "not ok " ++n " - " $2 ": " cases + 0 " cases of " planned + 0
			first = n
		}
		cases = planned = 0
		said = ""
	}
	END { print "1.." n }'
