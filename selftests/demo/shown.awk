# SPDX-License-Identifier: GPL-2.0
# From what README shows of `make demo` to patterns of what the demo prints, one a line:
#
#	awk -f shown.awk README.md
#
# Numbers and the space between words may differ, and the kernel's boot id. What
# selftests/vm/demo says itself begins at "All came back".

/^`make demo` boots/ { on = 1 }
on && /^    All came back/ { exit }
on && /^    / {
	out = "#[[:space:]]*"
	n = split($0, words, /[ \t]+/)
	for (i = 1; i <= n; i++) {
		if (words[i] == "")
			continue
		word = words[i]
		if (words[i - 1] == "id")
			word = "[0-9a-f-]+[.]+,?"
		else if (word ~ /^[0-9.]+,?$/)
			word = "[0-9.]+,?"
		else
			gsub(/[][\\.*^$+?(){}|]/, "\\\\&", word)
		out = out word (i < n ? "[[:space:]]+" : "")
	}
	print out
}
