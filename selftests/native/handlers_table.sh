#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The table of handlers against bpf/handlers/: each has a row, with its compatible string and
# as many lines as it has. The instructions are held against it by the VM test bpf-cost-each.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
. selftests/lib/tap.sh

table=Documentation/bpf/luo_handlers_table.rst
rows() { awk -f selftests/bpf/handlers_table.awk "$table"; }
handlers() {
	local file
	for file in bpf/handlers/*.bpf.c; do
		printf '%s %s %s\n' "$(basename "$file" .bpf.c)" \
			"$(sed -n 's/^\t\.compatible = "\(.*\)",$/\1/p' "$file")" "$(wc -l < "$file")"
	done
}
# The head of a handler has its contract, in these words.
contracts_missing() {
	local file word
	for file in bpf/handlers/*.bpf.c; do
		for word in Survives 'Does not' State; do
			grep -q "^ \* $word:	" "$file" || echo "$file: $word"
		done
	done
}

echo "TAP version 13"
compare "each handler has a row, with its compatible string and its lines" \
	< <(diff <(handlers | sort) <(rows | cut -d' ' -f1-3 | sort) | grep '^[<>]')
compare "each row has instructions" < <(rows | awk '$4 !~ /^[1-9][0-9,]*$/')
compare "rows are sorted" < <(rows | cut -d' ' -f1 | LC_ALL=C sort -c 2>&1)
compare "each handler begins with its contract" < <(contracts_missing)
echo "1..$number"
exit $failed
