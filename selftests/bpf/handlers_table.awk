# SPDX-License-Identifier: GPL-2.0
# From the table of handlers: "HANDLER COMPATIBLE LINES INSTRUCTIONS" of each row.

function row() {
	if (cells >= 7 && cell[1] != "Handler")
		print cell[1], cell[2], cell[cells - 1], cell[cells]
	cells = 0
}

/^   \* - / { row(); cell[++cells] = substr($0, 8); next }
/^     - / { cell[++cells] = substr($0, 8); next }
/^     -$/ { cell[++cells] = ""; next }
/^       [^ ]/ { cell[cells] = cell[cells] " " substr($0, 8); next }
END { row() }
