# SPDX-License-Identifier: GPL-2.0
# From the transcripts of a page to a guest's script that repeats them and prints TAP:
#
#	awk -f transcript.awk PAGE.rst
#
# A transcript is a literal block with lines "    # COMMAND", each followed by what the
# command prints. Every line that is shown must be printed; numbers, tags and the space
# between words may differ, and "..." stands for what is left out. A command with
# nothing shown must succeed and print nothing. luo-kexec leads to the next kernel.

BEGIN {
	print "try() {"
	print "	number=$1 command=$2; shift 2"
	print "	eval \"$command\" > /tmp/said 2>&1; status=$?"
	print "	[ $# -gt 0 ] || set -- -"
	print "	for line in \"$@\"; do"
	print "		for i in $(seq 50); do"
	print "			if [ \"$line\" = - ]; then [ $status = 0 ] && [ ! -s /tmp/said ]"
	print "			else grep -qxE -e \"$line\" /tmp/said; fi && continue 2"
	print "			usleep 200000"
	print "		done"
	print "		echo \"not ok $number - $command\""
	print "		echo \"#   not printed: $line; status $status and:\""
	print "		sed 's/^/#   /' /tmp/said"
	print "		return"
	print "	done"
	print "	echo \"ok $number - $command\""
	print "}"
	print "if [ \"$LUO_STAGE\" = 0 ]; then"
}

function quote(text) {
	gsub(/'/, "'\\''", text)
	return "'" text "'"
}

# An extended regular expression for a line that is shown.
function pattern(line,	words, n, i, out) {
	n = split(line, words, /[ \t]+/)
	out = "[[:space:]]*"
	for (i = 1; i <= n; i++) {
		if (words[i] == "")
			continue
		gsub(/[][\\.*^$+?(){}|]/, "\\\\&", words[i])
		if (words[i] ~ /^[0-9a-f]*[0-9][0-9a-f]*[:,]?$/)
			sub(/^[0-9a-f]+/, "[0-9a-f]+", words[i])
		gsub(/^[0-9]+\\\.[0-9]+/, "[0-9.]+", words[i])
		gsub(/_id:[0-9]+/, "_id:[0-9]+", words[i])
		out = out words[i] (i < n ? "[[:space:]]+" : "[[:space:]]*")
	}
	return out
}

function finish(	i, call) {
	if (command == "luo-kexec") {
		print "luo-kexec\nelif [ \"$LUO_STAGE\" = " ++stage " ]; then"
	} else if (command != "") {
		call = "try " ++number " " quote(command)
		for (i = 0; i < shown; i++)
			call = call " " quote(pattern(lines[i]))
		print call
	}
	command = ""
	shown = 0
}

/^    # / { finish(); command = substr($0, 7); next }
/^[^ ]/ { finish() }
/^    / && command != "" && $1 != "..." { lines[shown++] = $0 }

END {
	finish()
	print "echo 1.." number
	print "fi"
}
